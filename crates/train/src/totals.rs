//! Weighted sums over batches.

use serde::{Deserialize, Serialize};

/// Weighted sums over the batches of an epoch or a validation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Totals {
    loss: f64,
    mse: f64,
    weight: f64,
    pub(crate) tokens: usize,
}

impl Totals {
    /// Adds a batch by its mean loss, its mean squared error and its weight.
    pub(crate) fn add(&mut self, loss: f64, mse: f64, weight: f64, tokens: usize) {
        self.loss += loss * weight;
        self.mse += mse * weight;
        self.weight += weight;
        self.tokens += tokens;
    }

    /// Mean over all weight; not a number if there is none.
    pub(crate) fn mean_loss(&self) -> f64 {
        self.loss / self.weight
    }

    /// Mean over all weight; not a number if there is none.
    pub(crate) fn mean_mse(&self) -> f64 {
        self.mse / self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_count_by_their_weight() {
        let mut totals = Totals::default();
        totals.add(1.0, 4.0, 1.0, 10);
        totals.add(2.0, 8.0, 3.0, 20);
        assert!((totals.mean_loss() - 1.75).abs() < 1e-12);
        assert!((totals.mean_mse() - 7.0).abs() < 1e-12);
        assert_eq!(totals.tokens, 30);
    }
}
