//! Norms over the last axis.

use burn::nn::{LayerNorm, RmsNorm};
use burn::tensor::Tensor;

use crate::composed;
#[cfg(feature = "flex")]
use crate::flex;

/// Layer norm; `epsilon` must equal the norm's. Ba et al. (2016),
/// <https://arxiv.org/abs/1607.06450>.
///
/// # Shapes
/// - `x` and the result: `[.., .., d_model]`
#[cfg_attr(
    not(feature = "flex"),
    expect(unused_variables, reason = "Burn's norm knows its own")
)]
pub fn layer_norm(norm: &LayerNorm, epsilon: f64, x: Tensor<3>) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if let Some(out) = flex::layer_norm(norm, epsilon, &x) {
        return out;
    }
    norm.forward(x)
}

/// RMS norm: divides by the root mean square. Zhang and Sennrich (2019),
/// <https://arxiv.org/abs/1910.07467>.
///
/// # Shapes
/// - `x` and the result: `[.., .., d_model]`
pub fn rms_norm(norm: &RmsNorm, x: Tensor<3>) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if let Some(out) = flex::rms_norm(norm, &x) {
        return out;
    }
    norm.forward(x)
}

/// Residual addition, dropout and layer norm of a post-norm layer: `norm(residual + dropout(x))`.
#[derive(Debug, Clone, Copy)]
pub struct AddNorm<'a> {
    /// The norm.
    pub norm: &'a LayerNorm,
    /// The norm's ε.
    pub epsilon: f64,
    /// Dropout on `x`, in `[0, 1)`; applied on an autodiff device only.
    pub dropout: f64,
}

impl AddNorm<'_> {
    /// # Shapes
    /// - `x`, `residual` and the result: `[.., .., d_model]`
    pub fn forward(self, x: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        #[cfg(feature = "flex")]
        if let Some(out) = flex::add_norm(self, &x, &residual) {
            return out;
        }
        composed::add_norm(self.norm, self.dropout, x, residual)
    }
}
