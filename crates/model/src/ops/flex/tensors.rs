//! What the blocks read, as tensors.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;

use super::add_norm::Norm;
use super::attention_norm::AttentionNorm;
use super::buffer::{contiguous, values};
use super::feed_forward_norm::FeedForwardNorm;
use super::linear::{Layer, Width};
use super::{attention, gated, last};
use crate::encoder::{Activation, GateActivation};
use crate::ops::backend::{AttentionOptions, NormOptions};

/// A feed-forward block and the norm after it: `x`, weight and bias of the inner and of the outer
/// layer, γ and β.
#[derive(Debug, Clone)]
pub(super) struct FeedForwardNormInputs {
    pub(super) tensors: [FlexTensor; 7],
    pub(super) activation: Activation,
    pub(super) options: NormOptions,
}

impl FeedForwardNormInputs {
    pub(super) fn x(&self) -> &[f32] {
        values(&self.tensors[0])
    }

    pub(super) fn shape(&self) -> Shape {
        self.tensors[0].shape()
    }

    pub(super) fn block(&self) -> FeedForwardNorm<'_> {
        let [_, inner, inner_bias, outer, outer_bias, gamma, beta] = &self.tensors;
        FeedForwardNorm {
            inner: layer(inner, Some(inner_bias)),
            outer: layer(outer, Some(outer_bias)),
            activation: self.activation,
            norm: norm(gamma, beta, self.options),
            dropout: self.options.dropout,
        }
    }
}

/// An attention block and the norm after it: `x`, weight and bias of query, key, value and output,
/// γ and β.
#[derive(Debug, Clone)]
pub(super) struct AttentionNormInputs {
    pub(super) tensors: [FlexTensor; 11],
    pub(super) attention: AttentionOptions,
    pub(super) options: NormOptions,
}

impl AttentionNormInputs {
    pub(super) fn x(&self) -> &[f32] {
        values(&self.tensors[0])
    }

    pub(super) fn shape(&self) -> Shape {
        self.tensors[0].shape()
    }

    pub(super) fn block(&self) -> AttentionNorm<'_> {
        let [_, layers @ .., gamma, beta] = &self.tensors;
        let layer = |first: usize| layer(&layers[first], Some(&layers[first + 1]));
        AttentionNorm {
            inputs: [0, 2, 4].map(layer),
            output: layer(6),
            norm: norm(gamma, beta, self.options),
            rows: &self.attention.rows,
            shape: shape(&self.attention, last(&self.tensors[1])),
            dropout: self.options.dropout,
        }
    }
}

/// A layer with a weight of `[input, output]`.
pub(super) fn layer<'a>(weight: &'a FlexTensor, bias: Option<&'a FlexTensor>) -> Layer<'a> {
    let [input, output] = weight.shape().dims();
    Layer {
        weight: values(weight),
        bias: bias.map(values),
        width: Width { input, output },
    }
}

pub(super) fn norm<'a>(
    gamma: &'a FlexTensor,
    beta: &'a FlexTensor,
    options: NormOptions,
) -> Norm<'a> {
    Norm {
        gamma: values(gamma),
        beta: values(beta),
        epsilon: options.epsilon,
    }
}

/// Sizes for queries of a width.
fn shape(options: &AttentionOptions, width: usize) -> attention::Shape {
    attention::Shape {
        num_heads: options.num_heads,
        num_key_value_heads: options.num_key_value_heads,
        d_head: width / options.num_heads,
        scale: options.scale,
        dropout: options.dropout,
    }
}

/// What a feed-forward block with a gate reads.
#[derive(Debug, Clone)]
pub(super) struct Gated {
    pub(super) x: FlexTensor,
    pub(super) gate: FlexTensor,
    pub(super) factor: FlexTensor,
    pub(super) outer: FlexTensor,
    pub(super) activation: GateActivation,
}

impl Gated {
    pub(super) fn layers(&self) -> gated::Layers<'_> {
        gated::Layers {
            gate: layer(&self.gate, None),
            factor: layer(&self.factor, None),
            outer: layer(&self.outer, None),
            activation: self.activation,
        }
    }
}

/// What attention reads.
#[derive(Debug, Clone)]
pub(super) struct AttentionInputs {
    pub(super) query: FlexTensor,
    pub(super) key: FlexTensor,
    pub(super) value: FlexTensor,
    options: AttentionOptions,
}

impl AttentionInputs {
    pub(super) fn new(
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

    pub(super) fn inputs(&self) -> attention::Inputs<'_> {
        let states = [&self.query, &self.key, &self.value].map(values);
        attention::Inputs::new(states, &self.options.rows, &self.sizes())
    }

    pub(super) fn sizes(&self) -> attention::Shape {
        shape(&self.options, last(&self.query))
    }
}
