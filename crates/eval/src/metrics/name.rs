//! Metrics by name.

use super::WeightedMetrics;
use crate::{EvalError, ResponsePairs};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A metric, chosen by name. The names are those of the fields of
/// [`MetricValues`](super::MetricValues).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Mean squared error.
    Mse,
    /// Root of the mean squared error.
    Rmse,
    /// Mean absolute error.
    Mae,
    /// Mean error, prediction minus target.
    Bias,
    /// Coefficient of determination.
    R2,
    /// Largest absolute error.
    MaxError,
    /// Pearson's correlation.
    Pearson,
    /// Spearman's rank correlation.
    Spearman,
    /// Kendall's τ-b.
    KendallTauB,
    /// Lin's concordance.
    Concordance,
    /// Share of pairs within a response in the right order.
    PairwiseAccuracy,
    /// Area under the ROC curve.
    Auroc,
    /// Average precision.
    Auprc,
    /// F1 of the positives.
    F1,
}

impl Metric {
    /// Every metric, in the order in which reports show them.
    pub const ALL: [Self; 14] = [
        Self::Mse,
        Self::Rmse,
        Self::Mae,
        Self::Bias,
        Self::R2,
        Self::MaxError,
        Self::Pearson,
        Self::Spearman,
        Self::KendallTauB,
        Self::Concordance,
        Self::PairwiseAccuracy,
        Self::Auroc,
        Self::Auprc,
        Self::F1,
    ];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mse => "mse",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::Bias => "bias",
            Self::R2 => "r2",
            Self::MaxError => "max_error",
            Self::Pearson => "pearson",
            Self::Spearman => "spearman",
            Self::KendallTauB => "kendall_tau_b",
            Self::Concordance => "concordance",
            Self::PairwiseAccuracy => "pairwise_accuracy",
            Self::Auroc => "auroc",
            Self::Auprc => "auprc",
            Self::F1 => "f1",
        }
    }

    /// The name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Mse => "MSE",
            Self::Rmse => "RMSE",
            Self::Mae => "MAE",
            Self::Bias => "bias",
            Self::R2 => "R²",
            Self::MaxError => "largest error",
            Self::Pearson => "Pearson",
            Self::Spearman => "Spearman",
            Self::KendallTauB => "Kendall τ-b",
            Self::Concordance => "concordance",
            Self::PairwiseAccuracy => "pairwise accuracy",
            Self::Auroc => "AUROC",
            Self::Auprc => "AUPRC",
            Self::F1 => "F1",
        }
    }

    /// How good a value is: larger is better for every metric. Errors change their sign, and a
    /// bias counts by its size.
    pub fn goodness(self, value: f64) -> f64 {
        match self {
            Self::Mse | Self::Rmse | Self::Mae | Self::MaxError => -value,
            Self::Bias => -value.abs(),
            _ => value,
        }
    }

    /// The value over all pairs; `None` where it does not exist.
    pub fn compute(self, pairs: &ResponsePairs) -> Option<f64> {
        WeightedMetrics::of_all(pairs, &[self])[0]
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Metric {
    type Err = EvalError;

    fn from_str(name: &str) -> Result<Self, EvalError> {
        Self::ALL
            .into_iter()
            .find(|metric| metric.name() == name)
            .ok_or_else(|| EvalError::UnknownMetric {
                found: name.to_owned(),
                known: Self::ALL.map(Self::name).join(", "),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_is_the_serde_name() {
        for metric in Metric::ALL {
            assert_eq!(metric.to_string().parse::<Metric>().unwrap(), metric);
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
        }
        assert!(
            "tau"
                .parse::<Metric>()
                .unwrap_err()
                .to_string()
                .contains("kendall_tau_b")
        );
    }
}
