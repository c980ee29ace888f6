//! Stands in for the fused operations in builds without the Flex backend: there are none.

use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Bool, Device, Tensor};

use super::{AdamStep, Attend, Moments};
use crate::encoder::Activation;

pub(super) fn runs_on(_device: &Device) -> bool {
    false
}

pub(super) fn linear<const D: usize>(_layer: &Linear, _x: &Tensor<D>) -> Option<Tensor<D>> {
    None
}

pub(super) fn feed_forward(
    _inner: &Linear,
    _outer: &Linear,
    _activation: Activation,
    _x: &Tensor<3>,
) -> Option<Tensor<3>> {
    None
}

pub(super) fn attention(
    _options: Attend,
    _query: Tensor<3>,
    _key: Tensor<3>,
    _value: Tensor<3>,
    _mask_pad: Tensor<2, Bool>,
) -> Tensor<3> {
    unreachable!("a mask without bias is made only where `runs_on` says so")
}

pub(super) fn add_norm(
    _norm: &LayerNorm,
    _epsilon: f64,
    _dropout: f64,
    _x: &Tensor<3>,
    _residual: &Tensor<3>,
) -> Option<Tensor<3>> {
    None
}

pub(super) fn adamw_step<const D: usize>(
    of: Moments<D>,
    gradient: Tensor<D>,
    _step: AdamStep,
) -> Result<Moments<D>, (Moments<D>, Tensor<D>)> {
    Err((of, gradient))
}

pub(super) fn square_sum<const D: usize>(_gradient: &Tensor<D>) -> Option<Tensor<1>> {
    None
}

pub(super) fn scale<const D: usize>(
    gradient: Tensor<D>,
    _factor: f64,
) -> Result<Tensor<D>, Tensor<D>> {
    Err(gradient)
}
