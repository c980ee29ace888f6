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
mod attention_norm;
mod autodiff;
mod buffer;
mod disentangled;
mod dropout;
mod embedding;
mod feed_forward_norm;
mod gated;
mod gemm;
mod joined;
mod linear;
mod math;
mod norm;
mod over_rows;
mod packed;
mod places;
mod rotate;
mod rows;
mod tensors;

use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;

pub(super) use adamw::{Moments, Update, scale, square_sum, update};
pub(super) use dropout::Dropout;
#[cfg(target_arch = "x86_64")]
pub(super) use math::vectors;
pub(super) use norm::NormKind;
pub(super) use packed::{PackedTokens, Rows};
pub(super) use places::Places;

use super::backend::{AttentionOptions, DisentangledOptions, FusedOps, NormOptions};
use crate::encoder::{Activation, GateActivation};
use crate::ops::Turns;
use buffer::{contiguous, tensor, values};
use disentangled::DisentangledInputs;
use tensors::{AttentionInputs, AttentionNormInputs, FeedForwardNormInputs, Gated, layer, norm};

impl FusedOps for Flex {
    fn fused_linear(x: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        linear_forward(&contiguous(x), &contiguous(weight), Some(&contiguous(bias)))
    }

    fn fused_projection(x: FlexTensor, weight: FlexTensor) -> FlexTensor {
        linear_forward(&contiguous(x), &contiguous(weight), None)
    }

    fn fused_feed_forward_norm(
        x: FlexTensor,
        inner_weight: FlexTensor,
        inner_bias: FlexTensor,
        outer_weight: FlexTensor,
        outer_bias: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        activation: Activation,
        options: NormOptions,
    ) -> FlexTensor {
        let tensors = [
            x,
            inner_weight,
            inner_bias,
            outer_weight,
            outer_bias,
            gamma,
            beta,
        ];
        let inputs = FeedForwardNormInputs {
            tensors: tensors.map(contiguous),
            activation,
            options,
        };
        let out = inputs.block().forward(inputs.x());
        tensor(out, inputs.shape())
    }

    fn fused_attention_norm(
        x: FlexTensor,
        query_weight: FlexTensor,
        query_bias: FlexTensor,
        key_weight: FlexTensor,
        key_bias: FlexTensor,
        value_weight: FlexTensor,
        value_bias: FlexTensor,
        output_weight: FlexTensor,
        output_bias: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        attention: AttentionOptions,
        options: NormOptions,
    ) -> FlexTensor {
        let tensors = [
            x,
            query_weight,
            query_bias,
            key_weight,
            key_bias,
            value_weight,
            value_bias,
            output_weight,
            output_bias,
            gamma,
            beta,
        ];
        let inputs = AttentionNormInputs {
            tensors: tensors.map(contiguous),
            attention,
            options,
        };
        let out = inputs.block().forward(inputs.x());
        tensor(out, inputs.shape())
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
        options: NormOptions,
    ) -> FlexTensor {
        let [x, residual, gamma, beta] = [x, residual, gamma, beta].map(contiguous);
        let norm = norm(&gamma, &beta, options);
        let out = add_norm::forward(values(&x), values(&residual), &norm, options.dropout);
        tensor(out, x.shape())
    }
}

/// `[.., input]` to `[.., output]`.
fn linear_forward(x: &FlexTensor, weight: &FlexTensor, bias: Option<&FlexTensor>) -> FlexTensor {
    let layer = layer(weight, bias);
    let out = linear::forward(values(x), layer);
    let mut shape = x.shape();
    let last = shape.num_dims() - 1;
    shape[last] = layer.width.output;
    tensor(out, shape)
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
