//! Metrics of response scores against the ratings of whole responses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::aspect::{IntervalAbsence, LevelValues};
use super::by_truncation::ByTruncation;
use super::rater_ceiling;
use super::raters::{Rated, RatersBeside};
use crate::baselines::ResponseBaselineScores;
use crate::bootstrap::Bootstrap;
use crate::calibration::{RecalibrationKind, Recalibrations, Reliability, recalibrated};
use crate::slices::{Slice, SliceKey, Slicer};
use crate::threshold::ClassFigures;
use crate::{
    Aggregation, Aspect, AspectCounts, JudgedAspect, Level, Metric, MetricValues, ResponsePairs,
    ScoredResponse,
};

/// The response scores of an aspect held against the ratings of whole responses.
///
/// The score of a response is [`ScoredResponse::score`]: over all of its scored segments, rated or
/// not, where the response level aggregates only what is both rated and scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResponseRatings {
    /// What was rated and what was scored; a response takes the place of a segment.
    pub counts: AspectCounts,
    /// Whether responses have scores of their own, from a score file or a recalibration of response
    /// scores; otherwise they are those of their segments, aggregated.
    pub given: bool,
    /// The model's figures. There are no pairs within a response, and so no pairwise accuracy.
    pub figures: LevelValues,
    /// Baselines fitted on ratings of whole responses; empty until
    /// [`Evaluation::add_response_baselines`](crate::Evaluation::add_response_baselines).
    #[serde(default)]
    pub baselines: Vec<ResponseBaseline>,
    /// Metrics of whole and of truncated texts; `None` if no judged text is known to be truncated or read in windows.
    #[serde(default)]
    pub by_truncation: Option<ByTruncation<ResponsePart>>,
    /// Calibration of the response scores; `None` if nothing is both rated and scored.
    pub reliability: Option<Reliability>,
    /// Figures before and after recalibration; `None` where response scores have none.
    #[serde(default)]
    pub recalibrated: Option<RecalibratedResponses>,
    /// The model by length and keys of `meta`: the largest MSE first. Empty until
    /// [`Evaluation::add_slices`](crate::Evaluation::add_slices).
    #[serde(default)]
    pub slices: Vec<Slice>,
    /// The error beside that of raters; `None` if no response has several.
    #[serde(default)]
    pub raters: Option<RatersBeside>,
    /// Precision, recall and F1 of the low and of the high class; `None` without a midpoint or without scores.
    #[serde(default)]
    pub classes: Option<ClassFigures>,
}

/// Figures of some of the responses that are rated as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResponsePart {
    /// The model; `count` is the number of judged responses.
    pub values: MetricValues,
    /// The baselines on the same responses; empty until
    /// [`Evaluation::add_response_baselines`](crate::Evaluation::add_response_baselines).
    pub baselines: Vec<ResponseBaseline>,
}

/// The figures of a baseline, on the same responses as the model's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResponseBaseline {
    /// Name of the baseline.
    pub name: String,
    /// Every metric.
    pub values: MetricValues,
}

/// The metrics of response scores before and after recalibration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecalibratedResponses {
    /// The kind of recalibration.
    pub kind: RecalibrationKind,
    /// Whether the main figures of the evaluation are those after it.
    pub applied: bool,
    /// Of the scores as the model gives them, aggregated.
    pub before: ResponseCalibration,
    /// Of the recalibrated scores, on the same responses.
    pub after: ResponseCalibration,
}

/// The figures that a recalibration of response scores may change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResponseCalibration {
    /// Every metric.
    pub values: MetricValues,
    /// Calibration of the response scores; `None` if nothing is both rated and scored.
    pub reliability: Option<Reliability>,
}

/// An aspect of responses rated as a whole, and where its ratings are cut in two.
pub(super) struct WholeResponses {
    judged: JudgedAspect,
    midpoint: Option<f64>,
}

impl WholeResponses {
    /// `None` if no response is rated on the aspect.
    ///
    /// The midpoint given for an aspect is one of segments: it holds for responses where
    /// aggregation keeps the scale.
    pub(super) fn collect(
        scored: &[ScoredResponse],
        index: usize,
        aspect: &Aspect,
        aggregation: Aggregation,
    ) -> Option<Self> {
        let judged = JudgedAspect::collect_responses(scored, index, &aspect.name, aggregation);
        let given = aspect.midpoint.filter(|_| aggregation.keeps_scale());
        let midpoint = judged.midpoint(given);
        let counts = judged.counts;
        (counts.rated + counts.ratings_not_finite > 0).then_some(Self { judged, midpoint })
    }

    fn pairs(&self) -> ResponsePairs {
        pairs(&self.judged, self.midpoint)
    }

    pub(super) fn evaluate(&self, scored: &[ScoredResponse], name: &str) -> ResponseRatings {
        let ResponseCalibration {
            values,
            reliability,
        } = ResponseCalibration::of(&self.judged, self.midpoint);
        ResponseRatings {
            counts: self.judged.counts,
            given: scored.iter().any(|response| response.scores.is_some()),
            figures: LevelValues {
                values,
                intervals: BTreeMap::new(),
                intervals_absent: Some(IntervalAbsence::NoResamples),
            },
            baselines: Vec::new(),
            by_truncation: self.by_truncation(scored),
            reliability,
            recalibrated: None,
            slices: Vec::new(),
            raters: self.raters(scored, name, None),
            classes: self.classes(None),
        }
    }

    /// The error beside that of raters; `bootstrap` gives the ceiling intervals.
    pub(super) fn raters(
        &self,
        scored: &[ScoredResponse],
        name: &str,
        bootstrap: Option<&Bootstrap>,
    ) -> Option<RatersBeside> {
        let judged = self.judged.responses.iter();
        let rated = judged.map(|response| Rated {
            score: response.segments[0].score,
            raters: scored[response.index].raters.get(name).map(Vec::as_slice),
        });
        let beside = RatersBeside::compute(rated)?;
        let ratings = rater_ceiling::of_responses(scored, &self.judged, name);
        Some(beside.with_ceiling(ratings, bootstrap))
    }

    /// `None` if no judged response is known to be truncated or read in windows.
    fn by_truncation(&self, scored: &[ScoredResponse]) -> Option<ByTruncation<ResponsePart>> {
        (self.judged.counts.scored_in_shortened > 0).then(|| {
            ByTruncation::of(|shortened| ResponsePart {
                values: MetricValues::compute(&self.part(scored, shortened).pairs()),
                baselines: Vec::new(),
            })
        })
    }

    /// Only the responses that were truncated or read in windows, or only the others.
    fn part(&self, scored: &[ScoredResponse], shortened: bool) -> Self {
        let of_part = |response: usize| scored[response].shortened == shortened;
        Self {
            judged: self.judged.retained(|response, _| of_part(response)),
            // The whole's, so that both parts cut ratings alike.
            midpoint: self.midpoint,
        }
    }

    pub(super) fn add_intervals(
        &self,
        figures: &mut LevelValues,
        bootstrap: &Bootstrap,
        metrics: &[Metric],
    ) {
        figures.add_intervals(&self.pairs(), bootstrap, metrics);
    }

    pub(super) fn classes(&self, bootstrap: Option<&Bootstrap>) -> Option<ClassFigures> {
        ClassFigures::of(&self.pairs(), bootstrap)
    }

    pub(super) fn slices(
        &self,
        scored: &[ScoredResponse],
        keys: &[SliceKey],
        min_responses: usize,
    ) -> Vec<Slice> {
        let slicer = Slicer {
            scored,
            judged: &self.judged,
            midpoint: self.midpoint,
            min_segments: min_responses,
            whole: true,
        };
        slicer.slices(keys, Metric::MSE)
    }

    /// Adds baselines to the figures of all responses, and of both parts where there are parts.
    pub(super) fn add_baselines(
        &self,
        found: &mut ResponseRatings,
        scored: &[ScoredResponse],
        baselines: &[&ResponseBaselineScores],
    ) {
        let all = |of: &Self| {
            baselines
                .iter()
                .map(|baseline| of.baseline(baseline))
                .collect()
        };
        found.baselines = all(self);
        if let Some(parts) = &mut found.by_truncation {
            parts.whole.baselines = all(&self.part(scored, false));
            parts.shortened.baselines = all(&self.part(scored, true));
        }
    }

    fn baseline(&self, baseline: &ResponseBaselineScores) -> ResponseBaseline {
        let judged = self
            .judged
            .rescored(|response, _| baseline.scores[response]);
        ResponseBaseline {
            name: baseline.name.clone(),
            values: MetricValues::compute(&pairs(&judged, self.midpoint)),
        }
    }
}

impl RecalibratedResponses {
    /// The figures of `raw`, scores as the model gives them, and of the same recalibrated; `None`
    /// where response scores have no recalibration for `aggregation`.
    pub(super) fn compute(
        raw: &[ScoredResponse],
        (index, aspects): (usize, &[Aspect]),
        recalibrations: &Recalibrations,
        aggregation: Aggregation,
        applied: bool,
    ) -> Option<Self> {
        let aspect = &aspects[index];
        let kind = recalibrations
            .of_responses(&aspect.name, aggregation)?
            .kind();
        let names: Vec<&str> = aspects.iter().map(|aspect| aspect.name.as_str()).collect();
        let mapped = recalibrated(recalibrations, raw, &names, aggregation);
        let figures = |scored: &[ScoredResponse]| {
            let whole = WholeResponses::collect(scored, index, aspect, aggregation)?;
            Some(ResponseCalibration::of(&whole.judged, whole.midpoint))
        };
        Some(Self {
            kind,
            applied,
            before: figures(raw)?,
            after: figures(&mapped)?,
        })
    }
}

impl ResponseCalibration {
    fn of(judged: &JudgedAspect, midpoint: Option<f64>) -> Self {
        let pairs = pairs(judged, midpoint);
        let (scores, ratings) = (pairs.predictions(), pairs.targets());
        Self {
            reliability: Reliability::compute(scores, ratings, Reliability::BINS),
            values: MetricValues::compute(&pairs),
        }
    }
}

/// Each response is the only segment of itself, so that nothing is aggregated any more.
fn pairs(judged: &JudgedAspect, midpoint: Option<f64>) -> ResponsePairs {
    judged.pairs(Level::Segment, Aggregation::default(), midpoint)
}
