//! Metrics of predicted against target values.
//!
//! A [`Metric`] is one of the constants ([`Metric::MSE`]) or a [`SegmentMetric`] of your own.
//!
//! Every function takes two slices of the same length and returns `None` if the number does
//! not exist, where a value is NaN or infinite, or where the lengths differ (see the
//! [crate documentation](crate)). Variances and standard deviations are those of the population
//! (divided by `n`).

mod absence;
mod binary;
mod built_in;
mod decomposition;
mod lists;
mod metric;
mod moments;
mod pair_counts;
mod rank_figures;
mod ranking;
mod ranks;
mod seen;
mod segment_metric;
mod values;
mod weighted;

pub use absence::Absence;
pub use binary::BinaryCounts;
pub use decomposition::{MseDecomposition, decompose_mse};
pub use lists::{
    auprc, auroc, bias, concordance, f1, kendall_tau_b, mae, max_error, mse, pearson, r2, rmse,
    spearman,
};
pub use metric::Metric;
pub use pair_counts::PairCounts;
pub use segment_metric::{Better, MetricGroup, SegmentMetric};
pub use values::MetricValues;
pub use weighted::{WeightedMetrics, WeightedPairs};

pub(crate) use moments::PairMoments;
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
