//! The metrics of one aspect.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::by_truncation::{ByTruncation, PartValues, Parts};
use super::rater_ceiling;
use super::raters::{Rated, RatersBeside};
use super::response_ratings::{ResponseRatings, WholeResponses};
use super::{DoubtfulFigures, Recalibrated};
use crate::ablation::Ablation;
use crate::baselines::BaselineScores;
use crate::bootstrap::{Bootstrap, Interval};
use crate::calibration::Reliability;
use crate::prediction_interval::IntervalCoverage;
use crate::process::LowestIsLast;
use crate::slices::Slice;
use crate::threshold::ClassFigures;
use crate::{
    Aggregation, Aspect, AspectCounts, JudgedAspect, Level, Metric, MetricValues, ResponsePairs,
    ScoredResponse,
};

/// The metrics of one aspect, of the model and of the baselines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AspectEvaluation {
    /// The aspect.
    pub aspect: String,
    /// Numbers of rated and scored segments and responses.
    pub counts: AspectCounts,
    /// The model at segment level.
    pub segment: LevelValues,
    /// The model at response level: scores and ratings of segments, aggregated.
    pub response: LevelValues,
    /// The model's response scores against the ratings of whole responses; `None` if no response
    /// is rated on this aspect.
    #[serde(default)]
    pub response_ratings: Option<ResponseRatings>,
    /// The error at segment level beside that of raters; `None` if no segment has several.
    #[serde(default)]
    pub raters: Option<RatersBeside>,
    /// The baselines, in the order given.
    pub baselines: Vec<BaselineEvaluation>,
    /// Metrics of whole and of truncated texts; `None` if no judged text is known to be truncated or read in windows.
    #[serde(default)]
    pub by_truncation: Option<ByTruncation<PartValues>>,
    /// Calibration of the model's segment scores; `None` if nothing is both rated and scored.
    pub reliability: Option<Reliability>,
    /// Figures before and after recalibration; `None` if the scores have none.
    #[serde(default)]
    pub recalibrated: Option<Recalibrated>,
    /// The model at segment level by position, length and keys of `meta`: the largest MSE first.
    /// Empty until [`Evaluation::add_slices`](crate::Evaluation::add_slices).
    #[serde(default)]
    pub slices: Vec<Slice>,
    /// How often the lowest of the model's scores, over all segments it scored, rated or not, is
    /// the last one. `None` if no response has two.
    pub lowest_is_last: Option<LowestIsLast>,
    /// Precision, recall and F1 of the low and of the high class at segment level; `None` without a midpoint or without
    /// scores.
    #[serde(default)]
    pub classes: Option<ClassFigures>,
    /// The flags of the bundle's threshold; `None` until
    /// [`Evaluation::add_thresholds`](crate::Evaluation::add_thresholds), and where it has none.
    #[serde(default)]
    pub doubtful: Option<DoubtfulFigures>,
    /// How many ratings lie within the bundle's prediction intervals; `None` until
    /// [`Evaluation::add_prediction_intervals`](crate::Evaluation::add_prediction_intervals), and where it has none.
    #[serde(default)]
    pub prediction_interval: Option<IntervalCoverage>,
    /// The figures without a part of the input and with that of another record; empty unless they were added.
    #[serde(default)]
    pub ablations: Vec<Ablation>,
}

/// The model's figures at one level.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LevelValues {
    /// Every metric.
    pub values: MetricValues,
    /// Intervals of those metrics that have one; empty until
    /// [`Evaluation::add_intervals`](crate::Evaluation::add_intervals) fills them in.
    pub intervals: BTreeMap<Metric, Interval>,
    /// Why there is no interval at all; `None` if there is one.
    #[serde(default)]
    pub intervals_absent: Option<IntervalAbsence>,
}

impl LevelValues {
    /// The figure that reports show for a metric; see [`Metric::figure`].
    pub fn figure(&self, metric: Metric) -> Option<f64> {
        Some(metric.figure(self.values.get(metric)?))
    }

    /// Lower and upper end of its interval, those of the figure. `None` without one.
    pub fn figure_interval(&self, metric: Metric) -> Option<[f64; 2]> {
        let interval = self.intervals.get(&metric)?;
        let [low, high] = [interval.low, interval.high].map(|end| metric.figure(end));
        // The objective is the negative of the error, so its ends change places.
        Some([low.min(high), low.max(high)])
    }
}

/// A reason why a level has no intervals. `Display` gives a phrase for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IntervalAbsence {
    /// The number of resamples is 0.
    NoResamples,
    /// Responses are resampled, and there is none or only one.
    FewResponses,
    /// No metric exists in more than half of the resamples.
    Undefined,
}

impl fmt::Display for IntervalAbsence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoResamples => "no resamples were drawn",
            Self::FewResponses => "fewer than two responses can be resampled",
            Self::Undefined => "the figures exist in too few of the resamples",
        })
    }
}

/// The figures of a baseline, on the same segments as the model's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BaselineEvaluation {
    /// Name of the baseline.
    pub name: String,
    /// At segment level.
    pub segment: MetricValues,
    /// At response level.
    pub response: MetricValues,
}

impl BaselineEvaluation {
    /// Whether it is the model itself, with the other choice of its offset.
    pub fn is_of_model(&self) -> bool {
        [crate::OFFSET_DROPPED, crate::OFFSET_KEPT].contains(&self.name.as_str())
    }
}

pub(super) fn evaluate_aspect(
    scored: &[ScoredResponse],
    index: usize,
    aspect: &Aspect,
    aggregation: Aggregation,
    baselines: &[BaselineScores],
) -> AspectEvaluation {
    let judged = JudgedAspect::collect(scored, index, &aspect.name);
    let midpoint = judged.midpoint(aspect.midpoint);
    let level = |pairs: &ResponsePairs| LevelValues {
        values: MetricValues::compute(pairs),
        intervals: BTreeMap::new(),
        intervals_absent: Some(IntervalAbsence::NoResamples),
    };
    let baselines: Vec<&BaselineScores> = baselines
        .iter()
        .filter(|baseline| baseline.aspect == aspect.name)
        .collect();
    let parts = Parts {
        scored,
        judged: &judged,
        aggregation,
        midpoint,
        baselines: &baselines,
    };
    let pairs = judged.pairs(Level::Segment, aggregation, midpoint);
    let of_responses = || judged.pairs(Level::Response, aggregation, midpoint);
    let (segment, response) = rayon::join(|| level(&pairs), || level(&of_responses()));
    AspectEvaluation {
        aspect: aspect.name.clone(),
        counts: judged.counts,
        reliability: Reliability::compute(pairs.predictions(), pairs.targets(), Reliability::BINS),
        recalibrated: None,
        slices: Vec::new(),
        lowest_is_last: lowest_is_last(scored, index),
        classes: ClassFigures::of(&pairs, None),
        doubtful: None,
        prediction_interval: None,
        ablations: Vec::new(),
        segment,
        response,
        response_ratings: WholeResponses::collect(scored, index, aspect, aggregation)
            .map(|whole| whole.evaluate(scored, &aspect.name)),
        raters: raters(scored, &judged, &aspect.name),
        by_truncation: parts.by_truncation(),
        baselines: parts.of_baselines(&judged),
    }
}

impl LevelValues {
    /// Adds the intervals of `metrics`, or the reason why there are none.
    pub(super) fn add_intervals(
        &mut self,
        pairs: &ResponsePairs,
        bootstrap: &Bootstrap,
        metrics: &[Metric],
    ) {
        self.set_intervals(bootstrap.metrics(pairs, metrics), pairs, bootstrap);
    }

    /// Sets the intervals of `pairs`, or the reason why there are none.
    pub(super) fn set_intervals(
        &mut self,
        intervals: BTreeMap<Metric, Interval>,
        pairs: &ResponsePairs,
        bootstrap: &Bootstrap,
    ) {
        self.intervals = intervals;
        self.intervals_absent = if !self.intervals.is_empty() {
            None
        } else if bootstrap.resamples == 0 {
            Some(IntervalAbsence::NoResamples)
        } else if pairs.num_responses() < 2 {
            Some(IntervalAbsence::FewResponses)
        } else {
            Some(IntervalAbsence::Undefined)
        };
    }
}

fn raters(scored: &[ScoredResponse], judged: &JudgedAspect, name: &str) -> Option<RatersBeside> {
    let rated = judged.responses.iter().flat_map(|response| {
        let segments = &scored[response.index].segments;
        response.segments.iter().map(move |segment| Rated {
            score: segment.score,
            raters: segments[segment.index].raters.get(name).map(Vec::as_slice),
        })
    });
    let beside = RatersBeside::compute(rated)?;
    Some(beside.with_ceiling(rater_ceiling::of_segments(scored, judged, name), None))
}

fn lowest_is_last(scored: &[ScoredResponse], aspect: usize) -> Option<LowestIsLast> {
    let by_response: Vec<Vec<f64>> = scored
        .iter()
        .map(|response| response.segment_scores(aspect).collect())
        .collect();
    LowestIsLast::compute(by_response.iter().map(Vec::as_slice))
}
