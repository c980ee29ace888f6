//! Fused blocks on the Flex backend: loops over rows that stay in the cache, on all cores.
//!
//! Each block is one file (or folder): the call, the [`kernel`](kernel::Kernel) with its inputs and
//! saved state, and the loops. The division into tasks depends only on the shape, and sums have a
//! fixed order, so results are the same with any number of threads.

#![expect(
    clippy::inline_always,
    reason = "what a vector function calls is compiled for its instructions only where it is inlined"
)]

mod activation;
mod adamw;
mod add_norm;
mod attention;
mod attention_norm;
mod buffer;
mod by_columns;
mod disentangled;
mod dropout;
mod embedding;
mod feed_forward_norm;
mod gated;
mod gemm;
mod joined;
mod kernel;
mod linear;
mod math;
mod norm;
mod over_rows;
mod packed;
mod packing;
mod places;
mod reduced;
mod residual;
mod rotary_attention;
mod rotate;
mod rows;
mod transposed;
mod unpacked;

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Device, FloatDType, Tensor};

pub(crate) use adamw::{adamw_step, is_plain, scale, square_sum};
pub(crate) use add_norm::add_norm;
pub(crate) use attention::attention;
pub(crate) use attention_norm::attention_norm;
pub(crate) use disentangled::disentangled;
pub(crate) use dropout::dropout;
pub(crate) use embedding::embedding;
pub(crate) use feed_forward_norm::feed_forward_norm;
pub(crate) use gated::gated;
pub(crate) use linear::linear;
pub(crate) use norm::{layer_norm, rms_norm};
pub(crate) use packed::Rows;
pub(crate) use packing::Packing;
pub(crate) use reduced::{Packer, Products, during, has_bf16, in_training};
pub(crate) use rotary_attention::rotary_attention;
pub(crate) use rotate::rotate;

#[cfg(test)]
pub(crate) use {
    add_norm::FusedAddNorm, attention::FusedAttention, attention_norm::FusedAttentionNorm,
    disentangled::FusedDisentangled, dropout::Dropout, feed_forward_norm::FusedFeedForwardNorm,
    gated::FusedGated, kernel::run, norm::FusedNorm, packed::PackedTokens,
    rotary_attention::FusedRotaryAttention,
};

/// Tokens that are so few that their blocks take no longer than waking the threads.
pub(crate) const FEW_TOKENS: usize = 256;

/// Calls `work` on a thread of the pool that computes tasks.
pub(crate) fn among_workers<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

/// Whether the device is that of the CPU.
pub(crate) fn is_cpu(device: &Device) -> bool {
    let device = device.clone().without_autodiff();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}

/// Whether blocks run fused on the device.
pub(crate) fn runs_on(device: &Device) -> bool {
    // Without fused multiply-add in hardware the loops would be slower than Burn's.
    is_cpu(device)
        && vectors().is_some()
        && device.clone().without_autodiff().settings().float_dtype == FloatDType::F32
}

/// The vector instructions of this machine that the fused blocks use; none where it has too few of
/// them.
pub(crate) fn vectors() -> Option<&'static str> {
    cfg_select! {
        target_arch = "x86_64" => math::vectors(),
        target_arch = "aarch64" => Some("neon"),
        _ => None,
    }
}

/// Whether blocks of the tensor run fused.
fn is_fused<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && runs_on(&x.device())
}
