//! The figures of an aspect against the ratings of whole responses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::aspect::{IntervalAbsence, LevelValues};
use super::raters::{Rated, RatersBeside};
use crate::baselines::ResponseBaselineScores;
use crate::bootstrap::Bootstrap;
use crate::calibration::{RecalibrationKind, Recalibrations, Reliability};
use crate::slices::{Slice, SliceKey, Slicer};
use crate::{
    Aggregation, Aspect, AspectCounts, JudgedAspect, Level, Metric, MetricValues, ResponsePairs,
    ScoredResponse,
};

/// The response scores of an aspect held against the ratings of whole responses.
///
/// The score of a response is [`ScoredResponse::score`]: over all of its scored segments, rated or
/// not, where the response level aggregates only what is both rated and scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Calibration of the response scores; `None` where nothing is both rated and scored.
    pub reliability: Option<Reliability>,
    /// Figures before and after recalibration; `None` where response scores have none.
    #[serde(default)]
    pub recalibrated: Option<RecalibratedResponses>,
    /// The model by length and keys of `meta`: the largest MSE first. Empty until
    /// [`Evaluation::add_slices`](crate::Evaluation::add_slices).
    #[serde(default)]
    pub slices: Vec<Slice>,
    /// The error beside that of raters; `None` where no response has several.
    #[serde(default)]
    pub raters: Option<RatersBeside>,
}

/// The figures of a baseline, on the same responses as the model's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResponseBaseline {
    /// Name of the baseline.
    pub name: String,
    /// Every metric.
    pub values: MetricValues,
}

/// What a recalibration of response scores does to the figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
pub struct ResponseCalibration {
    /// Every metric.
    pub values: MetricValues,
    /// Calibration of the response scores; `None` where nothing is both rated and scored.
    pub reliability: Option<Reliability>,
}

/// An aspect of responses rated as a whole, and where its ratings are cut in two.
pub(super) struct WholeResponses {
    judged: JudgedAspect,
    midpoint: Option<f64>,
}

impl WholeResponses {
    /// `None` where no response is rated on the aspect.
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
        let judged = self.judged.responses.iter();
        let raters = judged.map(|response| Rated {
            score: response.segments[0].score,
            raters: scored[response.index].raters.get(name).map(Vec::as_slice),
        });
        ResponseRatings {
            counts: self.judged.counts,
            given: scored.iter().any(|response| response.scores.is_some()),
            figures: LevelValues {
                values,
                intervals: BTreeMap::new(),
                intervals_absent: Some(IntervalAbsence::NoResamples),
            },
            baselines: Vec::new(),
            reliability,
            recalibrated: None,
            slices: Vec::new(),
            raters: RatersBeside::compute(raters),
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
        slicer.slices(keys, Metric::Mse)
    }

    pub(super) fn baseline(&self, baseline: &ResponseBaselineScores) -> ResponseBaseline {
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
        let mapped = recalibrations.applied(raw, &names, aggregation);
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
