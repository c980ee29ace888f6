//! What follows a block in a layer that norms after it.

use burn::nn::LayerNorm;
use burn::tensor::Tensor;

use super::{composed, fused};

/// `norm(residual + dropout(x))`.
#[derive(Debug, Clone, Copy)]
pub struct AddNorm<'a> {
    /// The norm.
    pub norm: &'a LayerNorm,
    /// That of the norm.
    pub epsilon: f64,
    /// Dropout of `x`, in `[0, 1)`; acts on an autodiff device only.
    pub dropout: f64,
}

impl AddNorm<'_> {
    /// # Shapes
    /// - `x`, `residual` and the result: `[.., .., d_model]`
    pub fn forward(self, x: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        match fused::add_norm(self, &x, &residual) {
            Some(out) => out,
            None => composed::add_norm(self.norm, self.dropout, x, residual),
        }
    }
}
