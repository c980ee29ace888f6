//! The blocks that an encoder spends its time in, and the step of its optimizer.
//!
//! Each block is a plain composition of Burn's operations. With the feature `flex`, on Burn's Flex backend,
//! it is one fused operation with a backward pass of its own: the same results and gradients within
//! 1e-5, in fewer passes over memory and on all cores.
//!
//! - [`linear`], [`feed_forward_norm`], [`gated_feed_forward`]: layers and feed-forward blocks
//! - [`Projections`], [`Attend`], [`Disentangled`]: attention, plain and with relative positions
//! - [`Angles`]: rotary positions
//! - [`layer_norm`], [`rms_norm`], [`AddNorm`], [`dropout`], [`embedding`]
//! - [`TokenLayout`], [`AttentionMask`]: where the tokens of a batch lie between the layers
//! - [`adamw_step`]: the step of AdamW for one parameter
//! - [`solve_positive_definite`]: the linear system of a ridge regression
//!
//! This crate knows nothing of text, segments or models. A block that is fused is one file in `flex/` that
//! implements `Kernel`, and the function here that calls it.

mod activation;
mod adamw;
mod attention;
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
mod rotate;
mod sight;

use burn::tensor::Device;

pub use activation::{Activation, GateActivation};
pub use adamw::{AdamStep, Moments, adamw_step, scale, square_sum};
pub use attention::{Attend, Projections};
pub use disentangled::{Disentangled, Distances};
pub use dropout::dropout;
pub use embedding::embedding;
pub use feed_forward::{feed_forward_norm, gated_feed_forward};
pub use layout::{AttentionMask, TokenLayout};
pub use linear::linear;
pub use norm::{AddNorm, layer_norm, rms_norm};
pub use positive_definite::solve_positive_definite;
pub use rotate::{Angles, Side};
pub use sight::Reach;

/// Whether blocks run fused on the device.
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

/// The vector instructions of this machine that the fused blocks use, `avx512`, `avx2` or `neon`; none
/// where the machine has too few of them or the build has no fused blocks, and Burn's operations are used.
pub fn vectors() -> Option<&'static str> {
    cfg_select! {
        feature = "flex" => flex::vectors(),
        _ => None,
    }
}

#[cfg(test)]
#[cfg(feature = "flex")]
mod tests;
