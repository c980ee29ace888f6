//! The confusion matrix of targets and predictions cut at a midpoint.
//!
//! A target *above* the midpoint is positive (good). What equals the midpoint is negative.

use super::usable;
use serde::{Deserialize, Serialize};

/// The confusion matrix of predictions and targets cut in two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BinaryCounts {
    /// Predicted good, is good.
    pub true_positives: u64,
    /// Predicted good, is bad.
    pub false_positives: u64,
    /// Predicted bad, is bad.
    pub true_negatives: u64,
    /// Predicted bad, is good.
    pub false_negatives: u64,
}

impl BinaryCounts {
    /// Counts with both sides cut at `midpoint`; above it is positive. `None` for unusable input.
    pub fn cut(predictions: &[f64], targets: &[f64], midpoint: f64) -> Option<Self> {
        if !usable(predictions, targets) || !midpoint.is_finite() {
            return None;
        }
        let mut counts = Self::default();
        for (&prediction, &target) in predictions.iter().zip(targets) {
            counts.add(prediction > midpoint, target > midpoint);
        }
        Some(counts)
    }

    /// Adds one item.
    pub fn add(&mut self, predicted: bool, actual: bool) {
        let count = match (predicted, actual) {
            (true, true) => &mut self.true_positives,
            (true, false) => &mut self.false_positives,
            (false, false) => &mut self.true_negatives,
            (false, true) => &mut self.false_negatives,
        };
        *count += 1;
    }

    /// Adds the counts of another matrix.
    pub fn merge(&mut self, other: &Self) {
        self.merge_times(other, 1);
    }

    /// Adds the counts of another matrix several times.
    pub(crate) fn merge_times(&mut self, other: &Self, times: u64) {
        self.true_positives += times * other.true_positives;
        self.false_positives += times * other.false_positives;
        self.true_negatives += times * other.true_negatives;
        self.false_negatives += times * other.false_negatives;
    }

    /// `2 TP / (2 TP + FP + FN)`: the harmonic mean of precision and recall of the positives.
    /// `None` if there is no positive on either side.
    pub fn f1(&self) -> Option<f64> {
        let errors = self.false_positives + self.false_negatives;
        share(2 * self.true_positives, 2 * self.true_positives + errors)
    }

    /// The same for the negatives, `2 TN / (2 TN + FP + FN)`. `None` if there is no negative on
    /// either side.
    pub fn negative_f1(&self) -> Option<f64> {
        let errors = self.false_positives + self.false_negatives;
        share(2 * self.true_negatives, 2 * self.true_negatives + errors)
    }

    /// All items.
    pub fn total(&self) -> u64 {
        self.true_positives + self.false_positives + self.true_negatives + self.false_negatives
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
