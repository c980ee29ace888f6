//! The blocks that an encoder spends its time in.
//!
//! Each is a plain composition of Burn's operations, and where the backend is Flex (feature `flex`)
//! one operation of ours with a backward pass of its own: the same results and gradients within
//! 1e-5, in fewer passes over memory and on all cores.

mod composed;
mod disentangled;

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
mod rotate;
mod sight;

use burn::nn::{DropoutConfig, Embedding, LayerNorm, Linear, RmsNorm};
use burn::tensor::{Int, Tensor};

use crate::encoder::{Activation, GateActivation};
pub(crate) use disentangled::{Disentangled, Distances};
pub(crate) use fused::runs_on as are_fused;
use layout::Mask;
pub use layout::{AttentionMask, TokenLayout};
pub use optimizer::{AdamStep, Moments, adamw_step, scale, square_sum};
#[cfg(feature = "flex")]
pub(crate) use rotate::Turns;
pub use rotate::{Angles, Side};
pub use sight::Reach;

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

/// `outer(activation(gate(x)) · factor(x))`. Shazeer (2020), <https://arxiv.org/abs/2002.05202>.
///
/// # Shapes
/// - `x` and the result: `[batch_size, seq_length, d_model]`
pub fn gated_feed_forward(
    gate: &Linear,
    factor: &Linear,
    outer: &Linear,
    activation: GateActivation,
    x: Tensor<3>,
) -> Tensor<3> {
    if let Some(out) = fused::gated(gate, factor, outer, activation, &x) {
        return out;
    }
    let gates = activation.forward(linear(gate, x.clone()));
    linear(outer, gates * linear(factor, x))
}

/// Layer norm over the last axis; `epsilon` is that of the norm.
///
/// # Shapes
/// - `x` and the result: `[.., .., d_model]`
pub fn layer_norm(norm: &LayerNorm, epsilon: f64, x: Tensor<3>) -> Tensor<3> {
    match fused::layer_norm(norm, epsilon, &x) {
        Some(out) => out,
        None => norm.forward(x),
    }
}

/// The norm by the root of the mean square over the last axis.
///
/// # Shapes
/// - `x` and the result: `[.., .., d_model]`
pub fn rms_norm(norm: &RmsNorm, x: Tensor<3>) -> Tensor<3> {
    match fused::rms_norm(norm, &x) {
        Some(out) => out,
        None => norm.forward(x),
    }
}

/// Attention of several heads, without the projections before and after it.
#[derive(Debug, Clone, Copy)]
pub struct Attend {
    /// Heads of the queries, side by side.
    pub num_heads: usize,
    /// Heads of keys and values; divides `num_heads`, and neighbouring queries share one. Ainslie et
    /// al. (2023), <https://arxiv.org/abs/2305.13245>.
    pub num_key_value_heads: usize,
    /// Dropout on the attention probabilities, in `[0, 1)`; acts on an autodiff device only.
    pub dropout: f64,
}

impl Attend {
    /// # Shapes
    /// - `query` and the result: `[.., .., num_heads · d_head]`, as the layout has them that `mask` is of
    /// - `key`, `value`: `[.., .., num_key_value_heads · d_head]`, of all its tokens
    pub fn forward(
        self,
        query: Tensor<3>,
        key: Tensor<3>,
        value: Tensor<3>,
        mask: &AttentionMask,
    ) -> Tensor<3> {
        match &mask.0 {
            Mask::Rows(rows) => fused::attention(self, query, key, value, rows.clone()),
            Mask::Sight(sight) => composed::attention(self, query, key, value, sight),
        }
    }
}

/// The rows of a table.
///
/// # Shapes
/// - `ids`: `[batch_size, seq_length]`, numbers of rows
/// - returns: `[batch_size, seq_length, d_model]`
pub fn embedding(table: &Embedding, ids: Tensor<2, Int>) -> Tensor<3> {
    match fused::embedding(table, &ids) {
        Some(found) => found,
        None => table.forward(ids),
    }
}

/// Zeros with a probability in `[0, 1)`, the other values divided by what is left of 1; on an
/// autodiff device only. Srivastava et al. (2014), <https://jmlr.org/papers/v15/srivastava14a.html>.
///
/// # Shapes
/// - `x` and the result: `[.., .., d_model]`
pub fn dropout(probability: f64, x: Tensor<3>) -> Tensor<3> {
    match fused::dropout(probability, &x) {
        Some(out) => out,
        None => DropoutConfig::new(probability).init().forward(x),
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
