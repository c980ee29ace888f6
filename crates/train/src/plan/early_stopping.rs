//! When validations are no longer worth waiting for.

use serde::{Deserialize, Serialize};

/// Ends a run when validations stop getting better.
///
/// As text in a run configuration: `early_stopping = { metric = "pearson", patience = 3 }`. The
/// metric also decides which validation's weights are kept as the best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// What is watched: `loss` and `mse` of the validation, or a metric of
    /// [`ValidMetrics`](crate::ValidMetrics). Default `loss`.
    pub metric: String,
    /// Validations in a row that may pass without a better one. At least 1, default 3.
    pub patience: usize,
    /// By how much a validation must be better to count. At least 0, default 0: by anything.
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
