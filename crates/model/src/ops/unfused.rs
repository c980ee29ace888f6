//! Stands in for the fused operations in builds without the Flex backend: there are none.

use burn::nn::{Embedding, LayerNorm, Linear, RmsNorm};
use burn::tensor::{Bool, Device, Int, Tensor};

use super::rotate::Turns;
use super::{
    AdamStep, AddNorm, Attend, Disentangled, Distances, Moments, Projections, Reach, Side,
};
use crate::encoder::{Activation, GateActivation};

/// Nothing makes one.
#[derive(Debug, Clone)]
pub(super) struct Packing;

/// Nothing makes one.
#[derive(Debug, Clone)]
pub(super) struct Rows;

const NOT_FUSED: &str = "only called where `runs_on` says so";

impl Packing {
    pub(super) fn new(_mask_pad: Tensor<2, Bool>, _read: Option<Tensor<3, Int>>) -> Self {
        unreachable!("{NOT_FUSED}")
    }

    pub(super) fn pack(&self, _states: Tensor<3>) -> Tensor<3> {
        unreachable!("{NOT_FUSED}")
    }

    pub(super) fn wanted(&self, _states: Tensor<3>) -> Tensor<3> {
        unreachable!("{NOT_FUSED}")
    }

    pub(super) fn unpack(&self, _wanted: Tensor<3>) -> Tensor<3> {
        unreachable!("{NOT_FUSED}")
    }

    pub(super) fn rows(&self, _reach: Reach) -> Rows {
        unreachable!("{NOT_FUSED}")
    }

    pub(super) fn wanted_rows(&self, _rows: &Rows) -> Rows {
        unreachable!("{NOT_FUSED}")
    }
}

/// The vector instructions that fused operations use: there are no such operations.
pub fn vectors() -> Option<&'static str> {
    None
}

pub(crate) fn runs_on(_device: &Device) -> bool {
    false
}

pub(super) fn linear<const D: usize>(_layer: &Linear, _x: &Tensor<D>) -> Option<Tensor<D>> {
    None
}

pub(super) fn embedding(_table: &Embedding, _ids: &Tensor<2, Int>) -> Option<Tensor<3>> {
    None
}

pub(super) fn dropout(_probability: f64, _x: &Tensor<3>) -> Option<Tensor<3>> {
    None
}

pub(super) fn feed_forward_norm(
    _layers: [&Linear; 2],
    _activation: Activation,
    _norm: AddNorm<'_>,
    _x: &Tensor<3>,
) -> Option<Tensor<3>> {
    None
}

pub(super) fn attention_norm(
    _layers: Projections<'_>,
    _attend: Attend,
    _norm: AddNorm<'_>,
    _x: &Tensor<3>,
    _rows: &Rows,
) -> Option<Tensor<3>> {
    None
}

pub(super) fn gated(
    _gate: &Linear,
    _factor: &Linear,
    _outer: &Linear,
    _activation: GateActivation,
    _x: &Tensor<3>,
) -> Option<Tensor<3>> {
    None
}

pub(super) fn layer_norm(_norm: &LayerNorm, _epsilon: f64, _x: &Tensor<3>) -> Option<Tensor<3>> {
    None
}

pub(super) fn rms_norm(_norm: &RmsNorm, _x: &Tensor<3>) -> Option<Tensor<3>> {
    None
}

pub(super) fn rotate(_states: Tensor<3>, _turns: Turns, _rows: &Rows, _side: Side) -> Tensor<3> {
    unreachable!("{NOT_FUSED}")
}

pub(super) fn attention(
    _options: Attend,
    _query: Tensor<3>,
    _key: Tensor<3>,
    _value: Tensor<3>,
    _rows: Rows,
) -> Tensor<3> {
    unreachable!("{NOT_FUSED}")
}

pub(super) fn disentangled(
    _options: Disentangled,
    _states: [Tensor<3>; 3],
    _tables: [Option<Tensor<3>>; 2],
    _distances: &Distances,
    _rows: Rows,
) -> Tensor<3> {
    unreachable!("{NOT_FUSED}")
}

pub(super) fn add_norm(
    _norm: AddNorm<'_>,
    _x: &Tensor<3>,
    _residual: &Tensor<3>,
) -> Option<Tensor<3>> {
    None
}

pub(super) fn is_plain<const D: usize>(_x: &Tensor<D>) -> bool {
    false
}

const NOT_PLAIN: &str = "only called where `is_plain` says so";

pub(super) fn adamw_step<const D: usize>(
    _of: Moments<D>,
    _gradient: Tensor<D>,
    _step: AdamStep,
) -> Moments<D> {
    unreachable!("{NOT_PLAIN}")
}

pub(super) fn square_sum<const D: usize>(_gradient: Tensor<D>) -> Tensor<1> {
    unreachable!("{NOT_PLAIN}")
}

pub(super) fn scale<const D: usize>(_gradient: Tensor<D>, _factor: f64) -> Tensor<D> {
    unreachable!("{NOT_PLAIN}")
}
