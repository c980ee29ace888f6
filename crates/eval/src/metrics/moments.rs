//! Sums over pairs, and the metrics that are functions of them.

use super::{BinaryCounts, mean};
use crate::ResponsePairs;

/// Sums over weighted pairs; those of a resample are the sums of its responses.
///
/// Values are taken from the mean over all pairs, so that a large common offset costs no digits.
/// Variances and the covariance are those of the population: divided by the sum of the weights.
#[derive(Clone, Copy)]
pub(crate) struct PairMoments {
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
    /// Twice the true positives, and that plus false positives and negatives.
    f1: (f64, f64),
}

impl PairMoments {
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
            f1: (0.0, 0.0),
        }
    }

    /// The sums of two lists, which the caller has checked to be usable.
    pub(crate) fn of(predictions: &[f64], targets: &[f64]) -> Self {
        let center = (mean(predictions), mean(targets));
        let mut sums = Self::zero();
        for (&prediction, &target) in predictions.iter().zip(targets) {
            sums.add_pair(prediction, target, center);
        }
        sums
    }

    /// The sums of every response.
    pub(super) fn by_response(pairs: &ResponsePairs) -> Vec<Self> {
        if pairs.is_empty() {
            return Vec::new();
        }
        let center = (mean(pairs.predictions()), mean(pairs.targets()));
        let of_response = |(predictions, targets): (&[f64], &[f64])| {
            let mut sums = Self::zero();
            for (&prediction, &target) in predictions.iter().zip(targets) {
                sums.add_pair(prediction, target, center);
            }
            sums.add_cut(predictions, targets, pairs.midpoint());
            sums
        };
        pairs.responses().map(of_response).collect()
    }

    /// The sums of all responses, pair after pair.
    pub(super) fn of_all(pairs: &ResponsePairs) -> Self {
        let (predictions, targets) = (pairs.predictions(), pairs.targets());
        let mut sums = Self::of(predictions, targets);
        sums.add_cut(predictions, targets, pairs.midpoint());
        sums
    }

    fn add_cut(&mut self, predictions: &[f64], targets: &[f64], midpoint: Option<f64>) {
        let counts =
            midpoint.and_then(|midpoint| BinaryCounts::cut(predictions, targets, midpoint));
        if let Some(counts) = counts {
            let found = 2 * counts.true_positives;
            let errors = counts.false_positives + counts.false_negatives;
            self.f1.0 += found as f64;
            self.f1.1 += (found + errors) as f64;
        }
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
        self.f1.0 += times * other.f1.0;
        self.f1.1 += times * other.f1.1;
    }

    /// Whether nothing was added.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    pub(super) fn mse(&self) -> f64 {
        self.squared_errors / self.count
    }

    pub(super) fn mae(&self) -> f64 {
        self.absolute_errors / self.count
    }

    pub(super) fn max_error(&self) -> f64 {
        self.largest_error
    }

    pub(super) fn r2(&self) -> Option<f64> {
        Some(1.0 - self.mse() / positive(self.variance_targets())?)
    }

    pub(super) fn pearson(&self) -> Option<f64> {
        let scale = self.variance_predictions().sqrt() * self.variance_targets().sqrt();
        Some((self.covariance() / positive(scale)?).clamp(-1.0, 1.0))
    }

    pub(super) fn concordance(&self) -> Option<f64> {
        let shift = self.bias() * self.bias();
        let spread =
            positive(self.variance_predictions())? + positive(self.variance_targets())? + shift;
        Some((2.0 * self.covariance() / positive(spread)?).clamp(-1.0, 1.0))
    }

    pub(super) fn f1(&self) -> Option<f64> {
        let (found, all) = self.f1;
        Some(found / positive(all)?)
    }

    /// Mean of prediction minus target.
    pub(super) fn bias(&self) -> f64 {
        self.errors / self.count
    }

    /// Variance of the predictions: exactly 0 where they are constant, which their range says and
    /// their sums only nearly.
    pub(crate) fn variance_predictions(&self) -> f64 {
        let sum = self.predictions;
        if self.varied_predictions() {
            (self.squared_predictions - sum * sum / self.count) / self.count
        } else {
            0.0
        }
    }

    /// The same of the targets.
    pub(crate) fn variance_targets(&self) -> f64 {
        let sum = self.targets;
        if self.varied_targets() {
            (self.squared_targets - sum * sum / self.count) / self.count
        } else {
            0.0
        }
    }

    /// Covariance: exactly 0 where a side is constant.
    pub(crate) fn covariance(&self) -> f64 {
        if self.varied_predictions() && self.varied_targets() {
            (self.products - self.predictions * self.targets / self.count) / self.count
        } else {
            0.0
        }
    }

    fn varied_predictions(&self) -> bool {
        self.prediction_range.0 < self.prediction_range.1
    }

    fn varied_targets(&self) -> bool {
        self.target_range.0 < self.target_range.1
    }
}

/// The number, if it is above 0 and no square has grown out of range.
fn positive(value: f64) -> Option<f64> {
    (value > 0.0 && value.is_finite()).then_some(value)
}

fn widened(range: (f64, f64), by: (f64, f64)) -> (f64, f64) {
    (range.0.min(by.0), range.1.max(by.1))
}
