//! The figures of one aspect.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Recalibrated;
use crate::baselines::BaselineScores;
use crate::bootstrap::Interval;
use crate::calibration::Reliability;
use crate::process::LowestIsLast;
use crate::slices::Slice;
use crate::{
    Aggregation, Aspect, AspectCounts, JudgedAspect, Level, Metric, MetricValues, ScoredResponse,
    ScoredSegment,
};

/// The figures of one aspect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AspectEvaluation {
    /// The aspect.
    pub aspect: String,
    /// What was rated and what was scored.
    pub counts: AspectCounts,
    /// The model at segment level.
    pub segment: LevelValues,
    /// The model at response level.
    pub response: LevelValues,
    /// The baselines, in the order given.
    pub baselines: Vec<BaselineEvaluation>,
    /// Calibration of the model's segment scores; `None` where nothing is both rated and scored.
    pub reliability: Option<Reliability>,
    /// Figures before and after recalibration; `None` where the scores have none.
    #[serde(default)]
    pub recalibrated: Option<Recalibrated>,
    /// The model at segment level by position, length and keys of `meta`: the largest MSE first.
    /// Empty until [`Evaluation::add_slices`](crate::Evaluation::add_slices).
    #[serde(default)]
    pub slices: Vec<Slice>,
    /// How often the lowest of the model's scores, over all segments it scored, rated or not, is
    /// the last one. `None` where no response has two.
    pub lowest_is_last: Option<LowestIsLast>,
}

/// The model's figures at one level.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LevelValues {
    /// Every metric.
    pub values: MetricValues,
    /// Intervals of those metrics that have one; empty until
    /// [`Evaluation::add_intervals`](crate::Evaluation::add_intervals) fills them in.
    pub intervals: BTreeMap<Metric, Interval>,
    /// Why there is no interval at all; `None` where there is one.
    #[serde(default)]
    pub intervals_absent: Option<IntervalAbsence>,
}

/// A reason why a level has no intervals. `Display` gives a phrase for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IntervalAbsence {
    /// No resamples were asked for.
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
pub struct BaselineEvaluation {
    /// Name of the baseline.
    pub name: String,
    /// At segment level.
    pub segment: MetricValues,
    /// At response level.
    pub response: MetricValues,
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
    let values = |judged: &JudgedAspect, level| {
        MetricValues::compute(&judged.pairs(level, aggregation, midpoint))
    };
    let level = |level| LevelValues {
        values: values(&judged, level),
        intervals: BTreeMap::new(),
        intervals_absent: Some(IntervalAbsence::NoResamples),
    };
    let baselines = baselines
        .iter()
        .filter(|baseline| baseline.aspect == aspect.name);
    let pairs = judged.pairs(Level::Segment, aggregation, midpoint);
    AspectEvaluation {
        aspect: aspect.name.clone(),
        counts: judged.counts,
        reliability: Reliability::compute(pairs.predictions(), pairs.targets(), Reliability::BINS),
        recalibrated: None,
        slices: Vec::new(),
        lowest_is_last: lowest_is_last(scored, index),
        segment: level(Level::Segment),
        response: level(Level::Response),
        baselines: baselines
            .map(|baseline| {
                let judged =
                    judged.rescored(|response, segment| baseline.scores[response][segment]);
                BaselineEvaluation {
                    name: baseline.name.clone(),
                    segment: values(&judged, Level::Segment),
                    response: values(&judged, Level::Response),
                }
            })
            .collect(),
    }
}

fn lowest_is_last(scored: &[ScoredResponse], aspect: usize) -> Option<LowestIsLast> {
    let score = |segment: &ScoredSegment| {
        let score = segment.scores.as_ref()?.get(aspect).copied();
        score.filter(|score| score.is_finite())
    };
    let by_response: Vec<Vec<f64>> = scored
        .iter()
        .map(|response| response.segments.iter().filter_map(score).collect())
        .collect();
    LowestIsLast::compute(by_response.iter().map(Vec::as_slice))
}
