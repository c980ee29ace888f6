//! The blocks that an encoder spends its time in.
//!
//! Each is a plain composition of Burn's operations, and where the backend is Flex (feature `flex`)
//! one operation of ours with a backward pass of its own: the same results and gradients within
//! 1e-5, in fewer passes over memory and on all cores.

mod add_norm;
mod attention;
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
pub use add_norm::AddNorm;
pub use attention::{Attend, Projections};
pub(crate) use disentangled::{Disentangled, Distances};
pub(crate) use fused::runs_on as are_fused;
pub use fused::vectors;
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

/// `norm(x + dropout(outer(activation(inner(x)))))`.
///
/// # Shapes
/// - `x` and the result: `[.., .., d_model]`
pub fn feed_forward_norm(
    [inner, outer]: [&Linear; 2],
    activation: Activation,
    norm: AddNorm<'_>,
    x: Tensor<3>,
) -> Tensor<3> {
    if let Some(out) = fused::feed_forward_norm([inner, outer], activation, norm, &x) {
        return out;
    }
    let hidden = activation.forward(linear(inner, x.clone()));
    norm.forward(linear(outer, hidden), x)
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

#[cfg(test)]
mod tests;
