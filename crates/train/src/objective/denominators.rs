//! The denominators of the sums of an optimizer step.

use std::iter::Sum;
use std::ops::Add;

use gradus_data::BatchWeights;
use serde::{Deserialize, Serialize};

use super::Objective;

/// The weights by which the terms of an objective are divided, summed over the micro-batches of one
/// optimizer step.
///
/// Computed on the host from [`SegmentBatch::weight_sums`](gradus_data::SegmentBatch::weight_sums).
/// With gradient accumulation, the sums of every micro-batch are divided by the denominators of the whole
/// step. The gradients then add up to that of one large batch, no matter how the rated segments are
/// distributed over the micro-batches.
///
/// ```
/// use gradus_data::BatchWeights;
/// use gradus_train::{Denominators, Objective};
///
/// let objective = Objective::default();
/// let batch = |rated| BatchWeights { segments: vec![rated], ..BatchWeights::zeros(1) };
/// let step: Denominators = [batch(3.0), batch(5.0)].iter().map(|sums| objective.denominators(sums)).sum();
/// assert_eq!(step.segments, 8.0);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Denominators {
    /// Weights of rated segments, times the weights of their aspects.
    pub segments: f64,
    /// Weights of pairs, times the weights of their aspects.
    pub pairs: f64,
    /// Number of rated responses, times the weights of their aspects.
    pub responses: f64,
    /// Weights of rated segments without aspect weights: the denominator of the reported squared error.
    pub rated: f64,
    /// Number of rated responses without aspect weights, for the same purpose.
    pub rated_responses: f64,
    /// Denominators of the further terms, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<f64>,
}

impl Objective {
    /// The denominators of a batch with these sums of weights.
    pub fn denominators(&self, sums: &BatchWeights) -> Denominators {
        let plain = |sums: &[f64]| sums.iter().sum::<f64>();
        let weighted = |sums: &[f64]| -> f64 {
            if self.aspect_weights.is_empty() {
                return plain(sums);
            }
            let weighted = sums.iter().zip(&self.aspect_weights);
            weighted.map(|(sum, weight)| sum * weight).sum()
        };
        Denominators {
            segments: weighted(&sums.segments),
            pairs: weighted(&sums.pairs),
            responses: weighted(&sums.responses),
            rated: plain(&sums.segments),
            rated_responses: plain(&sums.responses),
            terms: self
                .terms
                .iter()
                .map(|term| term.denominator(sums))
                .collect(),
        }
    }
}

impl Add for Denominators {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            segments: self.segments + other.segments,
            pairs: self.pairs + other.pairs,
            responses: self.responses + other.responses,
            rated: self.rated + other.rated,
            rated_responses: self.rated_responses + other.rated_responses,
            terms: add_terms(self.terms, &other.terms),
        }
    }
}

/// Sums term by term. The sum of no denominators has no further terms.
pub(super) fn add_terms(mut sums: Vec<f64>, others: &[f64]) -> Vec<f64> {
    sums.resize(sums.len().max(others.len()), 0.0);
    for (sum, other) in sums.iter_mut().zip(others) {
        *sum += other;
    }
    sums
}

impl Sum for Denominators {
    fn sum<I: Iterator<Item = Self>>(batches: I) -> Self {
        batches.fold(Self::default(), Add::add)
    }
}
