//! The result of a comparison.

use super::{CompareOptions, TestResult};
use crate::Metric;
use crate::bootstrap::Interval;
use serde::{Deserialize, Serialize};

/// The comparisons of all pairs of systems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComparisonReport {
    /// The metric of the verdicts.
    pub metric: Metric,
    /// Number of rated segments, or of responses rated as a whole, that all systems score.
    pub pairs: usize,
    /// Number of responses with such pairs.
    pub responses: usize,
    /// The systems with their values on these pairs, best first; systems without a value come last.
    pub systems: Vec<SystemValue>,
    /// Every pair, in the order in which the systems were given.
    pub comparisons: Vec<Comparison>,
}

/// The value of a system on the shared pairs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SystemValue {
    /// Its name.
    pub name: String,
    /// The metric.
    pub value: Option<f64>,
    /// Number of segments, or whole responses, that it scores but that were left out because another system does not.
    pub pairs_left_out: usize,
}

/// The comparison of two systems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The first system.
    pub a: String,
    /// The second system.
    pub b: String,
    /// The metric of the first.
    pub value_a: Option<f64>,
    /// The metric of the second.
    pub value_b: Option<f64>,
    /// Value of `a` minus value of `b`, with its bootstrap interval. For a metric with a best value inside its range,
    /// such as 0 for the bias, the difference of the distances from it.
    pub difference: Option<Interval>,
    /// Two-sided p of the paired bootstrap: twice the smaller share of resamples with a difference on one side of 0.
    /// At least `2^(1 - responses)`, the smallest p of a sign test.
    pub bootstrap_p: Option<f64>,
    /// [`bootstrap_p`](Self::bootstrap_p) after Holm's correction for all comparisons of the report.
    pub adjusted_p: Option<f64>,
    /// Paired t-test on the squared error per response.
    pub t_test: Option<TestResult>,
    /// Wilcoxon's signed-rank test on the squared error per response.
    pub wilcoxon: Option<TestResult>,
    /// Number of responses on which `a` has the smaller squared error.
    pub wins: usize,
    /// Number of responses on which both have the same squared error.
    pub ties: usize,
    /// Number of responses on which `b` has the smaller squared error.
    pub losses: usize,
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict as a sentence, with its numbers.
    pub sentence: String,
}

/// The verdict of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// The first system is better, beyond noise.
    First,
    /// The second system is better, beyond noise.
    Second,
    /// The difference may be noise.
    CannotTell,
    /// The metric is undefined for one of them, or there are fewer than two responses.
    NotComparable,
}

impl Comparison {
    /// The verdict from the values and the corrected p.
    pub(super) fn decide(&self, options: &CompareOptions) -> Verdict {
        let (Some(a), Some(b), Some(p)) = (self.value_a, self.value_b, self.adjusted_p) else {
            return Verdict::NotComparable;
        };
        let advantage = options.metric.goodness(a) - options.metric.goodness(b);
        if p >= options.significance || advantage == 0.0 {
            Verdict::CannotTell
        } else if advantage > 0.0 {
            Verdict::First
        } else {
            Verdict::Second
        }
    }
}
