//! Means over many batches, equal to those of one large batch.

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::denominators::add_terms;
use super::{Denominators, Objective};
use crate::Result;
use crate::read::values;

/// The sums of an objective's terms over any number of batches.
///
/// The means equal those of one large batch: a short last batch counts by its rated segments.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ObjectiveTotals {
    segments: f64,
    pairs: f64,
    responses: f64,
    squares: f64,
    response_squares: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    terms: Vec<f64>,
    denominators: Denominators,
}

impl ObjectiveTotals {
    /// Reads the sums of one batch from its device.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the computation failed there.
    pub(crate) async fn read(sums: Tensor<1>, denominators: Denominators) -> Result<Self> {
        Ok(Self::of(&values::<f64, 1, _>(sums).await?, denominators))
    }

    /// The sums of one batch, in the order in which the objective stacks them.
    pub(crate) fn of(sums: &[f64], denominators: Denominators) -> Self {
        let at = |k: usize| sums.get(k).copied().unwrap_or(f64::NAN);
        Self {
            segments: at(0),
            pairs: at(1),
            responses: at(2),
            squares: at(3),
            response_squares: at(4),
            terms: sums.get(5..).unwrap_or_default().to_vec(),
            denominators,
        }
    }

    /// Adds another batch.
    pub fn add(&mut self, other: &Self) {
        self.segments += other.segments;
        self.pairs += other.pairs;
        self.responses += other.responses;
        self.squares += other.squares;
        self.response_squares += other.response_squares;
        self.terms = add_terms(std::mem::take(&mut self.terms), &other.terms);
        self.denominators = std::mem::take(&mut self.denominators) + other.denominators.clone();
    }

    /// The loss over all batches. A term without ratings counts as 0. NaN if no term has ratings.
    pub fn loss(&self, objective: &Objective) -> f64 {
        let denominators = &self.denominators;
        let ranking = objective.ranking.map_or(0.0, |term| term.weight);
        let response = objective.response.as_ref().map_or(0.0, |term| term.weight);
        let terms = [
            (self.segments, denominators.segments, 1.0),
            (self.pairs, denominators.pairs, ranking),
            (self.responses, denominators.responses, response),
        ];
        let further = objective.terms.iter().map(|term| term.weight());
        let further = self.terms.iter().zip(&denominators.terms).zip(further);
        let further = further.map(|((sum, denominator), weight)| (*sum, *denominator, weight));
        let rated = terms
            .into_iter()
            .chain(further)
            .filter(|(_, denominator, _)| *denominator > 0.0);
        let means = rated.map(|(sum, denominator, weight)| weight * sum / denominator);
        means.reduce(|a, b| a + b).unwrap_or(f64::NAN)
    }

    /// Mean squared error over the rated segments, in target units; over the rated responses if no segment is
    /// rated. NaN if those are not part of the objective either.
    pub fn mse(&self) -> f64 {
        if self.denominators.rated > 0.0 {
            self.squares / self.denominators.rated
        } else {
            self.response_squares / self.denominators.rated_responses
        }
    }
}
