//! The fused operations on the Flex backend: loops over rows that stay in the cache, on all cores.
//!
//! A task's share of the rows depends on the shape alone and sums are made in a fixed order, so
//! results are the same with any number of threads.

#![expect(
    clippy::inline_always,
    reason = "what a vector function calls is compiled for its instructions only where it is inlined"
)]

mod activation;
mod adamw;
mod add_norm;
mod attention;
mod autodiff;
mod buffer;
mod disentangled;
mod dropout;
mod embedding;
mod feed_forward;
mod gated;
mod gemm;
mod linear;
mod math;
mod norm;
mod packed;
mod places;
mod rotate;
mod rows;

use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;

pub(super) use adamw::{Moments, Update, scale, square_sum, update};
pub(super) use dropout::Dropout;
#[cfg(target_arch = "x86_64")]
pub(super) use math::has_avx2;
pub(super) use norm::NormKind;
pub(super) use packed::{PackedTokens, Rows};
pub(super) use places::Places;

use super::backend::{AttentionOptions, DisentangledOptions, FusedOps};
use crate::encoder::{Activation, GateActivation};
use crate::ops::Turns;
use buffer::{contiguous, tensor, values};
use disentangled::DisentangledInputs;

impl FusedOps for Flex {
    fn fused_linear(x: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        linear_forward(&contiguous(x), &contiguous(weight), Some(&contiguous(bias)))
    }

    fn fused_projection(x: FlexTensor, weight: FlexTensor) -> FlexTensor {
        linear_forward(&contiguous(x), &contiguous(weight), None)
    }

    fn fused_feed_forward(
        x: FlexTensor,
        inner_weight: FlexTensor,
        inner_bias: FlexTensor,
        outer_weight: FlexTensor,
        outer_bias: FlexTensor,
        activation: Activation,
    ) -> FlexTensor {
        let block = FeedForward {
            x: contiguous(x),
            inner_weight: contiguous(inner_weight),
            inner_bias: contiguous(inner_bias),
            outer_weight: contiguous(outer_weight),
            outer_bias: contiguous(outer_bias),
            activation,
        };
        let out = feed_forward::forward(values(&block.x), &block.layers());
        tensor(out, block.x.shape())
    }

    fn fused_attention(
        query: FlexTensor,
        key: FlexTensor,
        value: FlexTensor,
        options: AttentionOptions,
    ) -> FlexTensor {
        let inputs = AttentionInputs::new(query, key, value, options);
        let [out, _] = attention::forward(&inputs.inputs(), &inputs.sizes());
        tensor(out, inputs.query.shape())
    }

    fn fused_disentangled(
        query: FlexTensor,
        key: FlexTensor,
        value: FlexTensor,
        position_key: FlexTensor,
        position_query: FlexTensor,
        options: DisentangledOptions,
    ) -> FlexTensor {
        let tensors = [query, key, value, position_key, position_query];
        let inputs = DisentangledInputs::new(tensors, options);
        let [out, _] = disentangled::forward(&inputs.inputs(), &inputs.sizes());
        tensor(out, inputs.states.query.shape())
    }

    fn fused_gated(
        x: FlexTensor,
        gate: FlexTensor,
        factor: FlexTensor,
        outer: FlexTensor,
        activation: GateActivation,
    ) -> FlexTensor {
        let block = Gated {
            x: contiguous(x),
            gate: contiguous(gate),
            factor: contiguous(factor),
            outer: contiguous(outer),
            activation,
        };
        let out = gated::forward(values(&block.x), &block.layers());
        tensor(out, block.x.shape())
    }

    fn fused_rotate(x: FlexTensor, turns: Turns, positions: Arc<[usize]>) -> FlexTensor {
        let x = contiguous(x);
        let out = rotate::rotate(values(&x), &turns, &positions, false);
        tensor(out, x.shape())
    }

    fn fused_norm(x: FlexTensor, gamma: FlexTensor, kind: NormKind) -> FlexTensor {
        let (x, gamma) = (contiguous(x), contiguous(gamma));
        let [out, _] = norm::forward(values(&x), values(&gamma), kind);
        tensor(out, x.shape())
    }

    fn fused_embedding(table: FlexTensor, ids: Arc<[usize]>) -> FlexTensor {
        embed(&contiguous(table), &ids)
    }

    fn fused_dropout(x: FlexTensor, dropout: Dropout) -> FlexTensor {
        drop_values(&contiguous(x), dropout)
    }

    fn fused_gather(x: FlexTensor, places: Places) -> FlexTensor {
        gather(&contiguous(x), &places)
    }

    fn fused_scatter(x: FlexTensor, places: Places) -> FlexTensor {
        scatter(&contiguous(x), &places)
    }

    fn fused_add_norm(
        x: FlexTensor,
        residual: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f32,
        dropout: Dropout,
    ) -> FlexTensor {
        let (x, residual) = (contiguous(x), contiguous(residual));
        let (gamma, beta) = (contiguous(gamma), contiguous(beta));
        let norm = add_norm::Norm {
            gamma: values(&gamma),
            beta: values(&beta),
            epsilon,
        };
        let (x_values, residual) = (values(&x), values(&residual));
        let out = if dropout.acts() {
            let [out, ..] = add_norm::forward_kept(x_values, residual, &norm, dropout);
            out
        } else {
            add_norm::forward(x_values, residual, &norm)
        };
        tensor(out, x.shape())
    }
}

/// Input and output width of a weight, `[input, output]`.
fn width(weight: &FlexTensor) -> linear::Width {
    let [input, output] = weight.shape().dims();
    linear::Width { input, output }
}

/// `[.., input]` to `[.., output]`.
fn linear_forward(x: &FlexTensor, weight: &FlexTensor, bias: Option<&FlexTensor>) -> FlexTensor {
    let width = width(weight);
    let out = linear::forward(values(x), values(weight), bias.map(values), width);
    let mut shape = x.shape();
    let last = shape.num_dims() - 1;
    shape[last] = width.output;
    tensor(out, shape)
}

/// What a feed-forward block reads.
#[derive(Debug, Clone)]
struct FeedForward {
    x: FlexTensor,
    inner_weight: FlexTensor,
    inner_bias: FlexTensor,
    outer_weight: FlexTensor,
    outer_bias: FlexTensor,
    activation: Activation,
}

impl FeedForward {
    fn layers(&self) -> feed_forward::Layers<'_> {
        feed_forward::Layers {
            inner_weight: values(&self.inner_weight),
            inner_bias: values(&self.inner_bias),
            outer_weight: values(&self.outer_weight),
            outer_bias: values(&self.outer_bias),
            activation: self.activation,
        }
    }
}

/// What a feed-forward block with a gate reads.
#[derive(Debug, Clone)]
struct Gated {
    x: FlexTensor,
    gate: FlexTensor,
    factor: FlexTensor,
    outer: FlexTensor,
    activation: GateActivation,
}

impl Gated {
    fn layers(&self) -> gated::Layers<'_> {
        gated::Layers {
            gate: values(&self.gate),
            factor: values(&self.factor),
            outer: values(&self.outer),
            inner_width: width(&self.gate),
            activation: self.activation,
        }
    }
}

/// `[rows, width]` to `[1, ids, width]`.
fn embed(table: &FlexTensor, ids: &[usize]) -> FlexTensor {
    let width = last(table);
    let found = embedding::forward(values(table), ids, width);
    tensor(found, [1, ids.len(), width].into())
}

/// Of the shape of `x`.
fn drop_values(x: &FlexTensor, dropout: Dropout) -> FlexTensor {
    tensor(dropout::drop_rows(values(x), last(x), dropout), x.shape())
}

/// `[.., width]` to `[1, chosen, width]`.
fn gather(x: &FlexTensor, places: &Places) -> FlexTensor {
    let width = last(x);
    let gathered = places::gather(values(x), places, width);
    tensor(gathered, [1, places.count(), width].into())
}

/// `[.., width]` to `[1, rows, width]`.
fn scatter(x: &FlexTensor, places: &Places) -> FlexTensor {
    let width = last(x);
    let scattered = places::scatter(values(x), places, width);
    tensor(scattered, [1, places.rows(), width].into())
}

/// Size of the last axis.
fn last(x: &FlexTensor) -> usize {
    let shape = x.shape();
    shape[shape.num_dims() - 1]
}

/// What attention reads.
#[derive(Debug, Clone)]
struct AttentionInputs {
    query: FlexTensor,
    key: FlexTensor,
    value: FlexTensor,
    options: AttentionOptions,
}

impl AttentionInputs {
    fn new(
        query: FlexTensor,
        key: FlexTensor,
        value: FlexTensor,
        options: AttentionOptions,
    ) -> Self {
        Self {
            query: contiguous(query),
            key: contiguous(key),
            value: contiguous(value),
            options,
        }
    }

    fn inputs(&self) -> attention::Inputs<'_> {
        attention::Inputs {
            query: values(&self.query),
            key: values(&self.key),
            value: values(&self.value),
            rows: &self.options.rows,
        }
    }

    fn sizes(&self) -> attention::Shape {
        attention::Shape {
            num_heads: self.options.num_heads,
            num_key_value_heads: self.options.num_key_value_heads,
            d_head: last(&self.query) / self.options.num_heads,
            scale: self.options.scale,
            dropout: self.options.dropout,
        }
    }
}
