//! What a response contributes to metrics that are functions of sums.

use crate::metrics::{BinaryCounts, PairCounts, finite, mean};
use crate::{Metric, ResponsePairs};

/// Sums over pairs; those of a resample are the sums of its responses.
///
/// Values are taken from the mean over all pairs, so that a large common offset costs no digits.
#[derive(Clone, Copy)]
pub(super) struct Sums {
    count: f64,
    predictions: f64,
    targets: f64,
    squared_predictions: f64,
    squared_targets: f64,
    products: f64,
    errors: f64,
    absolute_errors: f64,
    squared_errors: f64,
    largest_error: f64,
    prediction_range: (f64, f64),
    target_range: (f64, f64),
    /// Pairs of segments in the right order, and pairs with different targets.
    right_order: (f64, f64),
    /// Twice the true positives, and that plus false positives and negatives.
    f1: (f64, f64),
}

impl Sums {
    /// The sums of nothing.
    fn zero() -> Self {
        let empty = (f64::INFINITY, f64::NEG_INFINITY);
        Self {
            count: 0.0,
            predictions: 0.0,
            targets: 0.0,
            squared_predictions: 0.0,
            squared_targets: 0.0,
            products: 0.0,
            errors: 0.0,
            absolute_errors: 0.0,
            squared_errors: 0.0,
            largest_error: 0.0,
            prediction_range: empty,
            target_range: empty,
            right_order: (0.0, 0.0),
            f1: (0.0, 0.0),
        }
    }

    /// The sums of every response.
    pub(super) fn by_response(pairs: &ResponsePairs) -> Vec<Self> {
        if pairs.is_empty() {
            return Vec::new();
        }
        let center = (mean(pairs.predictions()), mean(pairs.targets()));
        pairs
            .responses()
            .map(|(predictions, targets)| {
                let mut sums = Self::zero();
                for (&prediction, &target) in predictions.iter().zip(targets) {
                    sums.add_pair(prediction, target, center);
                }
                if let Some(counts) = PairCounts::count(predictions, targets) {
                    sums.right_order = (counts.right_order(), counts.untied_targets() as f64);
                }
                let binary = pairs
                    .midpoint()
                    .and_then(|midpoint| BinaryCounts::cut(predictions, targets, midpoint));
                if let Some(counts) = binary {
                    let found = 2 * counts.true_positives;
                    let errors = counts.false_positives + counts.false_negatives;
                    sums.f1 = (found as f64, (found + errors) as f64);
                }
                sums
            })
            .collect()
    }

    fn add_pair(&mut self, prediction: f64, target: f64, center: (f64, f64)) {
        let (x, y, error) = (
            prediction - center.0,
            target - center.1,
            prediction - target,
        );
        self.count += 1.0;
        self.predictions += x;
        self.targets += y;
        self.squared_predictions += x * x;
        self.squared_targets += y * y;
        self.products += x * y;
        self.errors += error;
        self.absolute_errors += error.abs();
        self.squared_errors += error * error;
        self.largest_error = self.largest_error.max(error.abs());
        self.prediction_range = widened(self.prediction_range, (prediction, prediction));
        self.target_range = widened(self.target_range, (target, target));
    }

    /// The sums of a resample in which response `r` counts `counts[r]` times.
    pub(super) fn resampled(by_response: &[Self], counts: &[u32]) -> Self {
        let mut total = Self::zero();
        for (sums, &count) in by_response.iter().zip(counts) {
            if count > 0 {
                total.add(sums, f64::from(count));
            }
        }
        total
    }

    fn add(&mut self, other: &Self, times: f64) {
        self.count += times * other.count;
        self.predictions += times * other.predictions;
        self.targets += times * other.targets;
        self.squared_predictions += times * other.squared_predictions;
        self.squared_targets += times * other.squared_targets;
        self.products += times * other.products;
        self.errors += times * other.errors;
        self.absolute_errors += times * other.absolute_errors;
        self.squared_errors += times * other.squared_errors;
        self.largest_error = self.largest_error.max(other.largest_error);
        self.prediction_range = widened(self.prediction_range, other.prediction_range);
        self.target_range = widened(self.target_range, other.target_range);
        self.right_order.0 += times * other.right_order.0;
        self.right_order.1 += times * other.right_order.1;
        self.f1.0 += times * other.f1.0;
        self.f1.1 += times * other.f1.1;
    }

    /// The metric these sums give; `None` where it does not exist or needs more than sums.
    pub(super) fn metric(&self, metric: Metric) -> Option<f64> {
        if self.count == 0.0 {
            return None;
        }
        finite(match metric {
            Metric::Mse => self.squared_errors / self.count,
            Metric::Rmse => (self.squared_errors / self.count).sqrt(),
            Metric::Mae => self.absolute_errors / self.count,
            Metric::Bias => self.errors / self.count,
            Metric::MaxError => self.largest_error,
            Metric::R2 => 1.0 - self.squared_errors / self.target_deviation()?,
            Metric::Pearson => {
                let scale = self.prediction_deviation()?.sqrt() * self.target_deviation()?.sqrt();
                (self.codeviation() / scale).clamp(-1.0, 1.0)
            }
            Metric::Concordance => {
                let shift = self.errors * self.errors / self.count;
                let spread = self.prediction_deviation()? + self.target_deviation()? + shift;
                (2.0 * self.codeviation() / spread).clamp(-1.0, 1.0)
            }
            Metric::PairwiseAccuracy => ratio(self.right_order)?,
            Metric::F1 => ratio(self.f1)?,
            Metric::Spearman | Metric::KendallTauB | Metric::Auroc | Metric::Auprc => return None,
        })
    }

    /// Sum of squares about the mean of the predictions. `None` where they are constant, which
    /// their range says exactly and their sums only nearly.
    fn prediction_deviation(&self) -> Option<f64> {
        let squares = self.squared_predictions - self.predictions.powi(2) / self.count;
        (self.prediction_range.0 < self.prediction_range.1 && squares > 0.0).then_some(squares)
    }

    fn target_deviation(&self) -> Option<f64> {
        let squares = self.squared_targets - self.targets.powi(2) / self.count;
        (self.target_range.0 < self.target_range.1 && squares > 0.0).then_some(squares)
    }

    fn codeviation(&self) -> f64 {
        self.products - self.predictions * self.targets / self.count
    }
}

fn widened(range: (f64, f64), by: (f64, f64)) -> (f64, f64) {
    (range.0.min(by.0), range.1.max(by.1))
}

fn ratio((part, whole): (f64, f64)) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}
