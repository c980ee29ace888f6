//! Targets cut in two at a midpoint: does the score tell good from bad?
//!
//! A target *above* the midpoint is positive (good). What equals the midpoint is negative.

use super::{average_ranks, finite, order, same, usable};
use serde::{Deserialize, Serialize};

/// Area under the ROC curve: the chance that a positive has a higher prediction than a negative,
/// ties counting half. `None` where all targets fall on one side of `midpoint`.
pub fn auroc(predictions: &[f64], targets: &[f64], midpoint: f64) -> Option<f64> {
    if !usable(predictions, targets) || !midpoint.is_finite() {
        return None;
    }
    let ranks = average_ranks(predictions);
    let of_positives: Vec<f64> = ranks
        .iter()
        .zip(targets)
        .filter(|&(_, &target)| target > midpoint)
        .map(|(&rank, _)| rank)
        .collect();
    let positives = of_positives.len() as f64;
    let negatives = targets.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let above = of_positives.iter().sum::<f64>() - positives * (positives + 1.0) / 2.0;
    finite(above / (positives * negatives))
}

/// Average precision: the area under the precision-recall curve as a step function, as scikit-learn
/// has it, equal predictions entering together.
///
/// The share of positives is what guessing reaches. `None` where all targets fall on one side of
/// `midpoint`.
pub fn auprc(predictions: &[f64], targets: &[f64], midpoint: f64) -> Option<f64> {
    if !usable(predictions, targets) || !midpoint.is_finite() {
        return None;
    }
    let positives = targets.iter().filter(|&&target| target > midpoint).count();
    if positives == 0 || positives == targets.len() {
        return None;
    }
    let mut descending: Vec<usize> = (0..predictions.len()).collect();
    descending.sort_unstable_by(|&a, &b| order(predictions[b], predictions[a]));
    let (mut seen, mut found, mut area) = (0, 0, 0.0);
    for tied in descending.chunk_by(|&a, &b| same(predictions[a], predictions[b])) {
        let new = tied
            .iter()
            .filter(|&&index| targets[index] > midpoint)
            .count();
        seen += tied.len();
        found += new;
        area += new as f64 / positives as f64 * (found as f64 / seen as f64);
    }
    finite(area)
}

/// F1 of the positives, predictions cut at the same midpoint as the targets. `None` where neither
/// side has a positive.
pub fn f1(predictions: &[f64], targets: &[f64], midpoint: f64) -> Option<f64> {
    BinaryCounts::cut(predictions, targets, midpoint)?.f1()
}

/// The confusion matrix of predictions and targets cut in two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// `None` where there is no positive on either side.
    pub fn f1(&self) -> Option<f64> {
        let errors = self.false_positives + self.false_negatives;
        share(2 * self.true_positives, 2 * self.true_positives + errors)
    }

    /// The same for the negatives, `2 TN / (2 TN + FP + FN)`. `None` where there is no negative on
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sided_targets_have_no_curve() {
        for area in [auroc, auprc] {
            assert_eq!(area(&[0.1, 0.9], &[1.0, 1.0], 0.5), None);
            assert_eq!(area(&[0.1, 0.9], &[0.0, 0.5], 0.5), None);
            assert_eq!(area(&[0.1, 0.9], &[0.0, 1.0], f64::NAN), None);
        }
    }

    #[test]
    fn constant_predictions_rank_by_chance() {
        let (predictions, targets) = ([0.4; 4], [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(auroc(&predictions, &targets, 0.5), Some(0.5));
        assert_eq!(auprc(&predictions, &targets, 0.5), Some(0.25));
    }

    #[test]
    fn f1_exists_once_there_is_a_positive_on_either_side() {
        assert_eq!(f1(&[0.1], &[0.2], 0.5), None);
        assert_eq!(f1(&[0.9], &[0.2], 0.5), Some(0.0));
        assert_eq!(f1(&[0.9, 0.9, 0.1], &[0.9, 0.1, 0.9], 0.5), Some(0.5));
    }
}
