//! The fused operations with gradients: a file for each holds what is kept of its forward pass, and
//! what is made of it.

mod add_norm;
mod attention;
mod attention_norm;
mod disentangled;
mod dropout;
mod embedding;
mod feed_forward_norm;
mod gated;
mod linear;
mod norm;
mod places;
mod rotate;

use std::sync::Arc;

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};

use super::buffer::{contiguous, tensor};
use super::{Dropout, NormKind, Places};
use crate::encoder::{Activation, GateActivation};
use crate::ops::Turns;
use crate::ops::backend::{AttentionOptions, DisentangledOptions, FusedOps, NormOptions};

/// A tensor and its place in the graph, with any strategy of checkpoints.
type Tracked = FloatTensor<Autodiff<Flex>>;

impl<C: CheckpointStrategy> FusedOps for Autodiff<Flex, C> {
    fn fused_linear(x: Tracked, weight: Tracked, bias: Tracked) -> Tracked {
        linear::forward::<C>(x, weight, bias)
    }

    fn fused_projection(x: Tracked, weight: Tracked) -> Tracked {
        linear::forward_without_bias::<C>(x, weight)
    }

    fn fused_feed_forward_norm(
        x: Tracked,
        inner_weight: Tracked,
        inner_bias: Tracked,
        outer_weight: Tracked,
        outer_bias: Tracked,
        gamma: Tracked,
        beta: Tracked,
        activation: Activation,
        options: NormOptions,
    ) -> Tracked {
        let inputs = [
            x,
            inner_weight,
            inner_bias,
            outer_weight,
            outer_bias,
            gamma,
            beta,
        ];
        feed_forward_norm::forward::<C>(inputs, activation, options)
    }

    fn fused_attention_norm(
        x: Tracked,
        query_weight: Tracked,
        query_bias: Tracked,
        key_weight: Tracked,
        key_bias: Tracked,
        value_weight: Tracked,
        value_bias: Tracked,
        output_weight: Tracked,
        output_bias: Tracked,
        gamma: Tracked,
        beta: Tracked,
        attention: AttentionOptions,
        options: NormOptions,
    ) -> Tracked {
        let inputs = [
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
        attention_norm::forward::<C>(inputs, attention, options)
    }

    fn fused_attention(
        query: Tracked,
        key: Tracked,
        value: Tracked,
        options: AttentionOptions,
    ) -> Tracked {
        attention::forward::<C>([query, key, value], options)
    }

    fn fused_disentangled(
        query: Tracked,
        key: Tracked,
        value: Tracked,
        position_key: Tracked,
        position_query: Tracked,
        options: DisentangledOptions,
    ) -> Tracked {
        let inputs = [query, key, value, position_key, position_query];
        disentangled::forward::<C>(inputs, options)
    }

    fn fused_gated(
        x: Tracked,
        gate: Tracked,
        factor: Tracked,
        outer: Tracked,
        activation: GateActivation,
    ) -> Tracked {
        gated::forward::<C>([x, gate, factor, outer], activation)
    }

    fn fused_rotate(x: Tracked, turns: Turns, positions: Arc<[usize]>) -> Tracked {
        rotate::forward::<C>(x, turns, positions)
    }

    fn fused_norm(x: Tracked, gamma: Tracked, kind: NormKind) -> Tracked {
        norm::forward::<C>(x, gamma, kind)
    }

    fn fused_embedding(table: Tracked, ids: Arc<[usize]>) -> Tracked {
        embedding::forward::<C>(table, ids)
    }

    fn fused_dropout(x: Tracked, dropout: Dropout) -> Tracked {
        dropout::forward::<C>(x, dropout)
    }

    fn fused_gather(x: Tracked, places: Places) -> Tracked {
        places::gather::<C>(x, places)
    }

    fn fused_scatter(x: Tracked, places: Places) -> Tracked {
        places::scatter::<C>(x, places)
    }

    fn fused_add_norm(
        x: Tracked,
        residual: Tracked,
        gamma: Tracked,
        beta: Tracked,
        options: NormOptions,
    ) -> Tracked {
        add_norm::forward::<C>([x, residual, gamma, beta], options)
    }
}

/// The values of inputs, contiguous, and their nodes.
fn parts<const N: usize>(inputs: [Tracked; N]) -> ([FlexTensor; N], [NodeGuard; N]) {
    let nodes = inputs.each_ref().map(Tracked::node);
    let values = inputs.map(|input| contiguous(input.into_primitive()));
    (values, nodes)
}

/// The result of a step whose forward pass is the same whether its `state` is kept or not.
fn record<C, S, const N: usize>(
    step: S,
    nodes: [NodeGuard; N],
    state: S::State,
    out: FlexTensor,
) -> Tracked
where
    C: CheckpointStrategy,
    S: Backward<Flex, N>,
{
    match step.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(ops) => ops.finish(state, out),
        OpsKind::UnTracked(ops) => ops.finish(out),
    }
}

/// Hands on the gradients of the inputs that want one.
fn register<const N: usize>(
    grads: &mut Gradients,
    nodes: [Option<NodeId>; N],
    found: [Option<Vec<f32>>; N],
    inputs: [&FlexTensor; N],
) {
    for ((node, found), input) in nodes.into_iter().zip(found).zip(inputs) {
        if let (Some(node), Some(found)) = (node, found) {
            grads.register::<Flex>(node, tensor(found, input.shape()));
        }
    }
}
