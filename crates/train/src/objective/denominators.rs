//! What the sums of an optimizer step are divided by.

use std::iter::Sum;
use std::ops::Add;

use gradus_data::BatchWeights;
use serde::{Deserialize, Serialize};

use super::Objective;

/// The weights that the terms of an objective are divided by, summed over the batches of one
/// optimizer step.
///
/// Computed on the host from [`SegmentBatch::weight_sums`](gradus_data::SegmentBatch::weight_sums).
/// With gradient accumulation, every micro-batch of a step is divided by the sum of the step's
/// denominators: then the gradients add up to that of one large batch, however the rated segments
/// spread over the micro-batches.
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
    /// Weights of rated segments, times those of their aspects.
    pub segments: f64,
    /// Weights of pairs, times those of their aspects.
    pub pairs: f64,
    /// Rated responses, times the weights of their aspects.
    pub responses: f64,
    /// Weights of rated segments alone: what the reported squared error is divided by.
    pub rated: f64,
    /// Rated responses alone, for the same purpose.
    pub rated_responses: f64,
    /// Those of the further terms, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<f64>,
}

impl Objective {
    /// The denominators of a batch whose weights sum up to `sums`.
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

/// Sums term by term; one of nothing has no terms.
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
