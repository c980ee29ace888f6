//! Settings of early stopping.

use serde::{Deserialize, Serialize};

/// Ends a run when validations no longer improve.
///
/// As text in a run configuration: `early_stopping = { metric = "pearson", patience = 3 }`. The
/// metric also decides which validation's weights are kept as the best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// The metric: `loss` or `mse` of the validation, or a metric of
    /// [`ValidMetrics`](crate::ValidMetrics). Default `loss`.
    pub metric: String,
    /// Number of consecutive validations without improvement that end the run. At least 1, default 3.
    pub patience: usize,
    /// Minimum improvement. At least 0, default 0 (any improvement counts).
    pub min_delta: f64,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self {
            metric: LOSS.into(),
            patience: 3,
            min_delta: 0.0,
        }
    }
}

/// Name of the validation loss.
pub(crate) const LOSS: &str = "loss";
/// Name of the mean squared error of a validation.
pub(crate) const MSE: &str = "mse";
