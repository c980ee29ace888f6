//! Fused blocks of transformer encoders, and the AdamW step.
//!
//! Each block is a composition of Burn's operations, for every backend. With the feature `flex`, on
//! Burn's Flex backend, it is one fused operation with its own backward pass: same results and
//! gradients within 1e-5, with fewer passes over memory and on all cores.
//!
//! A layer uses, in this order:
//! - [`embedding`]: token embeddings
//! - [`TokenLayout`], [`Reach`], [`AttentionMask`]: the batch without padding, and which tokens
//!   attend to which
//! - [`Angles`]: rotary positions
//! - [`Projections`], [`Attend`], [`Disentangled`]: attention with and without its linear layers,
//!   and with relative positions
//! - [`feed_forward_norm`], [`linear`]: the feed-forward block of a post-norm layer, and linear layers
//! - [`PreNorm`], with [`RotaryAttention`] and [`GatedFeedForward`]: the blocks of a pre-norm layer
//! - [`AddNorm`], [`layer_norm`], [`rms_norm`], [`dropout`]: residual additions, norms and dropout
//!
//! In inference, [`ScoringWeights`] compute products in a lower [`Precision`]; [`weight_step`] and
//! [`steps`] divide weights into bytes as `int8` does. In training, products are computed in a
//! [`TrainingPrecision`].
//!
//! Training and probes also use [`adamw_step`], and [`solve_positive_definite`] for ridge
//! regression.
//!
//! This crate knows nothing of text, segments or models. A fused block is one file in `flex/` that
//! implements `Kernel`, and a function outside `flex/` that calls it or its composition.
//!
//! ```
//! use burn::nn::LayerNormConfig;
//! use burn::tensor::{Device, Tensor};
//! use gradus_kernels::AddNorm;
//!
//! let device = Device::flex();
//! let norm = LayerNormConfig::new(4).init(&device);
//! let [x, residual] = [1.0, 2.0].map(|value| Tensor::<3>::full([2, 3, 4], value, &device));
//! // norm(residual + dropout(x)), fused on this device
//! let out = AddNorm { norm: &norm, epsilon: 1e-5, dropout: 0.0 }.forward(x, residual);
//! assert_eq!(out.dims(), [2, 3, 4]);
//! ```

mod activation;
mod adamw;
mod attention;
mod casts;
mod composed;
mod disentangled;
mod dropout;
mod embedding;
mod feed_forward;
#[cfg(feature = "flex")]
mod flex;
mod layout;
mod linear;
mod norm;
mod positive_definite;
mod pre_norm;
mod precision;
mod rotate;
mod sight;
mod steps;
mod training;

use burn::tensor::Device;

pub use activation::{Activation, GateActivation};
pub use adamw::{AdamStep, Moments, adamw_step, scale, square_sum};
pub use attention::{Attend, Projections};
pub use disentangled::{Disentangled, Distances};
pub use dropout::dropout;
pub use embedding::embedding;
pub use feed_forward::feed_forward_norm;
pub use layout::{AttentionMask, TokenLayout};
pub use linear::linear;
pub use norm::{AddNorm, layer_norm, rms_norm};
pub use positive_definite::solve_positive_definite;
pub use pre_norm::{BlockNorm, GatedFeedForward, PreNorm, RotaryAttention};
pub use precision::{Precision, ScoringWeights};
pub use rotate::{Angles, Side};
pub use sight::Reach;
pub use steps::{steps, weight_step};
pub use training::TrainingPrecision;

/// Whether blocks run as fused operations on the device.
#[cfg_attr(
    not(feature = "flex"),
    expect(unused_variables, reason = "no device has them")
)]
pub fn are_fused(device: &Device) -> bool {
    cfg_select! {
        feature = "flex" => flex::runs_on(device),
        _ => false,
    }
}

/// Whether the device is the processor, by the backend `flex`: what it computes is there when a call returns.
#[cfg_attr(
    not(feature = "flex"),
    expect(unused_variables, reason = "no device is")
)]
pub fn is_cpu(device: &Device) -> bool {
    cfg_select! {
        feature = "flex" => flex::is_cpu(device),
        _ => false,
    }
}

/// Vector instructions that the fused blocks use on this machine: `avx512`, `avx2` or `neon`.
/// `None` if the machine has none of them or the build has no fused blocks; then Burn's operations
/// are used.
pub fn vectors() -> Option<&'static str> {
    cfg_select! {
        feature = "flex" => flex::vectors(),
        _ => None,
    }
}

#[cfg(test)]
#[cfg(feature = "flex")]
mod tests;
