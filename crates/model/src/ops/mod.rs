//! The blocks that an encoder spends its time in.
//!
//! Each is a plain composition of Burn's operations, and where the backend is Flex (feature `flex`)
//! one operation of ours with a backward pass of its own: the same results and gradients within
//! 1e-5, in fewer passes over memory and on all cores.

mod composed;

#[cfg(feature = "flex")]
mod backend;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "flex")]
mod fused;
#[cfg(not(feature = "flex"))]
#[path = "unfused.rs"]
mod fused;

mod layout;
mod optimizer;
#[cfg(feature = "flex")]
mod packing;

use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;

use crate::encoder::Activation;
use layout::Mask;
pub use layout::{AttentionMask, TokenLayout};
pub use optimizer::{AdamStep, Moments, adamw_step, scale, square_sum};

/// `x W + b`, or `x W` without a bias.
///
/// # Shapes
/// - `x`: `[.., d_input]`
/// - returns: `[.., d_output]`
pub fn linear<const D: usize>(layer: &Linear, x: Tensor<D>) -> Tensor<D> {
    match fused::linear(layer, &x) {
        Some(out) => out,
        None => layer.forward(x),
    }
}

/// `outer(activation(inner(x)))`.
///
/// # Shapes
/// - `x` and the result: `[batch_size, seq_length, d_model]`
pub fn feed_forward(
    inner: &Linear,
    outer: &Linear,
    activation: Activation,
    x: Tensor<3>,
) -> Tensor<3> {
    match fused::feed_forward(inner, outer, activation, &x) {
        Some(out) => out,
        None => outer.forward(activation.forward(inner.forward(x))),
    }
}

/// Attention of several heads, without the projections before and after it.
#[derive(Debug, Clone, Copy)]
pub struct Attend {
    /// Heads, side by side in `d_model`.
    pub num_heads: usize,
    /// Dropout on the attention probabilities, in `[0, 1)`; acts on an autodiff device only.
    pub dropout: f64,
}

impl Attend {
    /// # Shapes
    /// - `query` and the result: those of the layout that the mask is of, `[.., .., d_model]`
    /// - `key`, `value`: of all its tokens
    pub fn forward(
        self,
        query: Tensor<3>,
        key: Tensor<3>,
        value: Tensor<3>,
        mask: &AttentionMask,
    ) -> Tensor<3> {
        match &mask.0 {
            Mask::Rows(rows) => fused::attention(self, query, key, value, rows.clone()),
            Mask::Bias(bias) => composed::attention(self, query, key, value, (**bias).clone()),
        }
    }
}

/// `norm(residual + dropout(x))`; `epsilon` is that of the norm. Dropout acts on an autodiff device
/// only.
///
/// # Shapes
/// - `x`, `residual` and the result: `[batch_size, seq_length, d_model]`
pub fn add_norm(
    norm: &LayerNorm,
    epsilon: f64,
    dropout: f64,
    x: Tensor<3>,
    residual: Tensor<3>,
) -> Tensor<3> {
    match fused::add_norm(norm, epsilon, dropout, &x, &residual) {
        Some(out) => out,
        None => composed::add_norm(norm, dropout, x, residual),
    }
}

#[cfg(test)]
mod tests;
