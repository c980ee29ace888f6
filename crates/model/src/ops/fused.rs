//! Calls of the fused operations, where the backend has them.

mod attention;
mod optimizer;

use burn::backend::{Dispatch, DispatchDevice};
use burn::nn::{Embedding, LayerNorm, Linear, RmsNorm};
use burn::tensor::{DType, Device, Distribution, FloatDType, Int, Tensor};

use super::AddNorm;
use super::backend::{AttentionOptions, DisentangledOptions, FusedOps, NormOptions};
pub(super) use super::flex::Rows;
use super::flex::{self, Dropout, NormKind};
pub(super) use super::packing::Packing;
use crate::encoder::{Activation, GateActivation};
pub(super) use attention::{attention, attention_norm, disentangled, rotate};
pub(super) use optimizer::{adamw_step, is_plain, scale, square_sum};

/// Whether the device has fused operations.
pub(crate) fn runs_on(device: &Device) -> bool {
    let device = device.clone().without_autodiff();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
        && has_fast_vectors()
        && device.settings().float_dtype == FloatDType::F32
}

/// Without fused multiply-add in hardware the loops would be slower than Burn's.
fn has_fast_vectors() -> bool {
    vectors().is_some()
}

/// The vector instructions of this machine that the fused operations use, `avx512`, `avx2` or `neon`;
/// none where the machine has too few of them, and Burn's operations are used.
pub fn vectors() -> Option<&'static str> {
    cfg_select! {
        target_arch = "x86_64" => flex::vectors(),
        target_arch = "aarch64" => Some("neon"),
        _ => None,
    }
}

fn is_ours<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && runs_on(&x.device())
}

pub(super) fn linear<const D: usize>(layer: &Linear, x: &Tensor<D>) -> Option<Tensor<D>> {
    if !is_ours(x) {
        return None;
    }
    let weight = layer.weight.val().into_dispatch();
    let x = x.clone().into_dispatch();
    let out = match &layer.bias {
        Some(bias) => Dispatch::fused_linear(x, weight, bias.val().into_dispatch()),
        None => Dispatch::fused_projection(x, weight),
    };
    Some(Tensor::from_dispatch(out))
}

pub(super) fn embedding(table: &Embedding, ids: &Tensor<2, Int>) -> Option<Tensor<3>> {
    let weight = table.weight.val();
    is_ours(&weight).then(|| {
        let ([batch_size, seq_length], [_, width]) = (ids.dims(), weight.dims());
        let row = |id: i64| usize::try_from(id).expect("ids are numbers of rows");
        let ids: Vec<usize> = ids.to_data().iter::<i64>().map(row).collect();
        let found = Dispatch::fused_embedding(weight.into_dispatch(), ids.into());
        Tensor::<3>::from_dispatch(found).reshape([batch_size, seq_length, width])
    })
}

pub(super) fn dropout(probability: f64, x: &Tensor<3>) -> Option<Tensor<3>> {
    is_ours(x).then(|| {
        let dropout = draw(probability, &x.device());
        if !dropout.acts() {
            return x.clone();
        }
        Tensor::from_dispatch(Dispatch::fused_dropout(x.clone().into_dispatch(), dropout))
    })
}

pub(super) fn feed_forward_norm(
    [inner, outer]: [&Linear; 2],
    activation: Activation,
    norm: AddNorm<'_>,
    x: &Tensor<3>,
) -> Option<Tensor<3>> {
    let (inner_bias, outer_bias) = (inner.bias.as_ref()?, outer.bias.as_ref()?);
    let beta = norm.norm.beta.as_ref()?;
    is_ours(x).then(|| {
        Tensor::from_dispatch(Dispatch::fused_feed_forward_norm(
            x.clone().into_dispatch(),
            inner.weight.val().into_dispatch(),
            inner_bias.val().into_dispatch(),
            outer.weight.val().into_dispatch(),
            outer_bias.val().into_dispatch(),
            norm.norm.gamma.val().into_dispatch(),
            beta.val().into_dispatch(),
            activation,
            norm_options(norm, &x.device()),
        ))
    })
}

fn norm_options(norm: AddNorm<'_>, device: &Device) -> NormOptions {
    #[expect(clippy::cast_possible_truncation, reason = "norms are f32")]
    let epsilon = norm.epsilon as f32;
    NormOptions {
        epsilon,
        dropout: draw(norm.dropout, device),
    }
}

/// Only without biases.
pub(super) fn gated(
    gate: &Linear,
    factor: &Linear,
    outer: &Linear,
    activation: GateActivation,
    x: &Tensor<3>,
) -> Option<Tensor<3>> {
    let layers = [gate, factor, outer];
    let plain = layers.iter().all(|layer| layer.bias.is_none());
    (plain && is_ours(x)).then(|| {
        let [gate, factor, outer] = layers.map(|layer| layer.weight.val().into_dispatch());
        let x = x.clone().into_dispatch();
        Tensor::from_dispatch(Dispatch::fused_gated(x, gate, factor, outer, activation))
    })
}

/// Only without a shift.
pub(super) fn layer_norm(norm: &LayerNorm, epsilon: f64, x: &Tensor<3>) -> Option<Tensor<3>> {
    let plain = norm.beta.is_none();
    plain.then(|| scaled_norm(norm.gamma.val(), epsilon, true, x))?
}

pub(super) fn rms_norm(norm: &RmsNorm, x: &Tensor<3>) -> Option<Tensor<3>> {
    scaled_norm(norm.gamma.val(), norm.epsilon, false, x)
}

fn scaled_norm(gamma: Tensor<1>, epsilon: f64, centred: bool, x: &Tensor<3>) -> Option<Tensor<3>> {
    #[expect(clippy::cast_possible_truncation, reason = "norms are f32")]
    let kind = NormKind {
        centred,
        epsilon: epsilon as f32,
    };
    is_ours(x).then(|| {
        let x = x.clone().into_dispatch();
        Tensor::from_dispatch(Dispatch::fused_norm(x, gamma.into_dispatch(), kind))
    })
}

pub(super) fn add_norm(
    norm: AddNorm<'_>,
    x: &Tensor<3>,
    residual: &Tensor<3>,
) -> Option<Tensor<3>> {
    let beta = norm.norm.beta.as_ref()?;
    is_ours(x).then(|| {
        Tensor::from_dispatch(Dispatch::fused_add_norm(
            x.clone().into_dispatch(),
            residual.clone().into_dispatch(),
            norm.norm.gamma.val().into_dispatch(),
            beta.val().into_dispatch(),
            norm_options(norm, &x.device()),
        ))
    })
}

/// A mask of its own for each call, from the device's generator; none outside of training.
fn draw(probability: f64, device: &Device) -> Dropout {
    if probability == 0.0 || !device.is_autodiff() {
        return Dropout::NONE;
    }
    let device = device.clone().without_autodiff();
    let drawn = Tensor::<1>::random([4], Distribution::Uniform(0.0, 1.0), &device);
    let drawn: Vec<f32> = drawn.into_data().iter::<f32>().collect();
    // 16 bits of each; a uniform f32 has 24.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole numbers below 2¹⁶"
    )]
    let seed = drawn
        .iter()
        .fold(0, |seed, value| seed << 16 | (value * 65_536.0) as u64);
    #[expect(clippy::cast_possible_truncation, reason = "probabilities are f32")]
    Dropout {
        probability: probability as f32,
        seed,
    }
}
