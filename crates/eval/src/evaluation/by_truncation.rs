//! Metrics with and without truncated texts.

use serde::{Deserialize, Serialize};

use super::BaselineEvaluation;
use crate::baselines::BaselineScores;
use crate::{Aggregation, JudgedAspect, Level, MetricValues, ScoredResponse};

/// Metrics of whole texts, and of texts that were truncated or read in windows: of their segments, or of responses
/// rated as a whole.
///
/// These are different tasks: the model sees only a part of a truncated text, and the last segments are not
/// judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ByTruncation<P> {
    /// Whole texts only.
    pub whole: P,
    /// Only texts that were truncated or read in windows.
    pub shortened: P,
}

impl<P> ByTruncation<P> {
    /// Computes both parts; the argument of `part` is true for truncated texts.
    pub(super) fn of(mut part: impl FnMut(bool) -> P) -> Self {
        Self {
            whole: part(false),
            shortened: part(true),
        }
    }
}

/// Figures of the judged segments of some of the responses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartValues {
    /// Judged responses.
    pub responses: usize,
    /// The model at segment level; `count` is the number of judged segments.
    pub segment: MetricValues,
    /// The model at response level.
    pub response: MetricValues,
    /// The baselines on the same segments, in the order given.
    pub baselines: Vec<BaselineEvaluation>,
}

/// What the figures of any part of an aspect are computed with.
pub(super) struct Parts<'a> {
    pub(super) scored: &'a [ScoredResponse],
    pub(super) judged: &'a JudgedAspect,
    pub(super) aggregation: Aggregation,
    /// The whole's, so that all parts cut ratings alike.
    pub(super) midpoint: Option<f64>,
    /// Those of the aspect.
    pub(super) baselines: &'a [&'a BaselineScores],
}

impl Parts<'_> {
    /// `None` if no judged response is known to be truncated or read in windows.
    pub(super) fn by_truncation(&self) -> Option<ByTruncation<PartValues>> {
        if self.judged.counts.scored_in_shortened == 0 {
            return None;
        }
        Some(ByTruncation::of(|shortened| {
            let of_part = |response: usize| self.scored[response].shortened == shortened;
            self.values(&self.judged.retained(|response, _| of_part(response)))
        }))
    }

    fn values(&self, part: &JudgedAspect) -> PartValues {
        PartValues {
            responses: part.responses.len(),
            segment: self.at_level(part, Level::Segment),
            response: self.at_level(part, Level::Response),
            baselines: self.of_baselines(part),
        }
    }

    /// The figures of the baselines on a part, or on the whole.
    pub(super) fn of_baselines(&self, part: &JudgedAspect) -> Vec<BaselineEvaluation> {
        let of_baseline = |baseline: &&BaselineScores| {
            let rescored = part.rescored(|response, segment| baseline.scores[response][segment]);
            BaselineEvaluation {
                name: baseline.name.clone(),
                segment: self.at_level(&rescored, Level::Segment),
                response: self.at_level(&rescored, Level::Response),
            }
        };
        self.baselines.iter().map(of_baseline).collect()
    }

    fn at_level(&self, judged: &JudgedAspect, level: Level) -> MetricValues {
        MetricValues::compute(&judged.pairs(level, self.aggregation, self.midpoint))
    }
}
