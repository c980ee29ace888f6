//! Metrics of predicted against target values.
//!
//! Every function takes two slices of the same length and returns `None` where the number does
//! not exist, where a value is NaN or infinite, or where the lengths differ (see the
//! [crate documentation](crate)). Variances and standard deviations are those of the population
//! (divided by `n`).

mod binary;
mod decomposition;
mod name;
mod order;
mod ranks;
mod value;
mod values;

pub use binary::{BinaryCounts, auprc, auroc, f1};
pub use decomposition::{MseDecomposition, decompose_mse};
pub use name::Metric;
pub use order::{PairCounts, kendall_tau_b, pairwise_accuracy, pearson, spearman};
pub use value::{bias, concordance, mae, max_error, mse, r2, rmse};
pub use values::{Absence, MetricValues};

pub(crate) use ranks::{average_ranks, is_constant, order, same};

/// Whether there is anything to compute with: equal lengths, at least one pair, all finite.
pub(crate) fn usable(predictions: &[f64], targets: &[f64]) -> bool {
    predictions.len() == targets.len()
        && !predictions.is_empty()
        && all_finite(predictions)
        && all_finite(targets)
}

/// Whether no value is NaN or infinite.
pub(crate) fn all_finite(values: &[f64]) -> bool {
    values.iter().all(|value| value.is_finite())
}

/// The value, unless an overflow made it infinite or NaN.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Mean of `values`; the caller has made sure that there is at least one.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Mean of a function of the differences `prediction - target`.
fn mean_of_errors(predictions: &[f64], targets: &[f64], f: impl Fn(f64) -> f64) -> Option<f64> {
    if !usable(predictions, targets) {
        return None;
    }
    let total: f64 = predictions.iter().zip(targets).map(|(p, t)| f(p - t)).sum();
    finite(total / predictions.len() as f64)
}

/// Second moments about the mean of paired values, each divided by `n`.
#[derive(Clone, Copy)]
pub(crate) struct Moments {
    pub(crate) variance_predictions: f64,
    pub(crate) variance_targets: f64,
    pub(crate) covariance: f64,
}

impl Moments {
    /// Two passes, with the correction for the rounding of the means, so that a large offset
    /// common to all values costs no digits. The caller has checked that the input is usable.
    pub(crate) fn of(predictions: &[f64], targets: &[f64]) -> Self {
        let n = predictions.len() as f64;
        let (mean_p, mean_t) = (mean(predictions), mean(targets));
        let (mut sum_p, mut sum_t) = (0.0, 0.0);
        let (mut pp, mut tt, mut pt) = (0.0, 0.0, 0.0);
        for (p, t) in predictions.iter().zip(targets) {
            let (dp, dt) = (p - mean_p, t - mean_t);
            sum_p += dp;
            sum_t += dt;
            pp += dp * dp;
            tt += dt * dt;
            pt += dp * dt;
        }
        // A constant side has no variance; rounding of its mean must not give it one.
        let (constant_p, constant_t) = (is_constant(predictions), is_constant(targets));
        let zero_if = |constant: bool, value: f64| if constant { 0.0 } else { value };
        Self {
            variance_predictions: zero_if(constant_p, (pp - sum_p * sum_p / n) / n),
            variance_targets: zero_if(constant_t, (tt - sum_t * sum_t / n) / n),
            covariance: zero_if(constant_p || constant_t, (pt - sum_p * sum_t / n) / n),
        }
    }

    /// Pearson's correlation, `None` where a variance is 0.
    pub(crate) fn correlation(&self) -> Option<f64> {
        let scale = self.variance_predictions.sqrt() * self.variance_targets.sqrt();
        if scale > 0.0 {
            finite(self.covariance / scale).map(|r| r.clamp(-1.0, 1.0))
        } else {
            None
        }
    }
}
