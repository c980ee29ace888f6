//! Decomposes the mean squared error into bias, spread mismatch and lack of correlation.

use super::{PairMoments, finite, usable};
use serde::{Deserialize, Serialize};

/// The mean squared error as a sum of three parts, each at least 0:
/// `MSE = bias² + (sd_p - sd_t)² + 2 sd_p sd_t (1 - r)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MseDecomposition {
    /// Squared mean error: predictions too high or too low throughout.
    pub bias_squared: f64,
    /// Squared difference of the standard deviations: predictions spread too little or too much.
    pub spread: f64,
    /// What is left: predictions that do not move with their targets. 0 where a side is constant,
    /// since the product of the standard deviations is.
    pub correlation: f64,
}

impl MseDecomposition {
    /// The sum of the parts: the mean squared error.
    pub fn total(&self) -> f64 {
        self.bias_squared + self.spread + self.correlation
    }
}

/// Splits the mean squared error into bias, spread and lack of correlation. `None` for no pairs.
pub fn decompose_mse(predictions: &[f64], targets: &[f64]) -> Option<MseDecomposition> {
    if !usable(predictions, targets) {
        return None;
    }
    let moments = PairMoments::of(predictions, targets);
    let bias = finite(moments.bias())?;
    let (sd_p, sd_t) = (
        moments.variance_predictions().sqrt(),
        moments.variance_targets().sqrt(),
    );
    Some(MseDecomposition {
        bias_squared: finite(bias * bias)?,
        spread: finite((sd_p - sd_t).powi(2))?,
        // By Cauchy and Schwarz never below 0; rounding may take it there.
        correlation: finite(2.0 * (sd_p * sd_t - moments.covariance()))?.max(0.0),
    })
}
