//! Dropout.

use burn::nn::DropoutConfig;
use burn::tensor::Tensor;

#[cfg(feature = "flex")]
use crate::flex;

/// Sets values to zero with probability `p` in `[0, 1)` and divides the others by `1 - p`; applied
/// on an autodiff device only. Srivastava et al. (2014),
/// <https://jmlr.org/papers/v15/srivastava14a.html>.
///
/// # Shapes
/// - `x` and the result: `[.., .., d_model]`
pub fn dropout(probability: f64, x: Tensor<3>) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if let Some(out) = flex::dropout(probability, &x) {
        return out;
    }
    DropoutConfig::new(probability).init().forward(x)
}
