//! The fused operations with gradients: what is kept of the forward pass, and what is made of it.

use std::sync::Arc;

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::Shape;

use super::buffer::{contiguous, tensor, values};
use super::dropout::Dropout;
use super::{
    AttentionInputs, FeedForward, Gated, NormKind, Places, add_norm, attention, feed_forward,
    gated, gather, last, linear, norm, places, rotate, scatter, width,
};
use crate::encoder::{Activation, GateActivation};
use crate::ops::Turns;
use crate::ops::backend::{AttentionOptions, FusedOps};

impl<C: CheckpointStrategy> FusedOps for Autodiff<Flex, C> {
    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (weight, weight_node)) = (x.into_parts(), weight.into_parts());
        let (bias, bias_node) = bias.into_parts();
        let (x, weight) = (contiguous(x), contiguous(weight));
        let out = super::linear_forward(&x, &weight, Some(&contiguous(bias)));
        let nodes = [x_node, weight_node, bias_node];
        match Linear.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(ops) => ops.finish((x, weight), out),
            OpsKind::UnTracked(ops) => ops.finish(out),
        }
    }

    fn fused_projection(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let ((x, x_node), (weight, weight_node)) = (x.into_parts(), weight.into_parts());
        let (x, weight) = (contiguous(x), contiguous(weight));
        let out = super::linear_forward(&x, &weight, None);
        let nodes = [x_node, weight_node];
        match Linear.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(ops) => ops.finish((x, weight), out),
            OpsKind::UnTracked(ops) => ops.finish(out),
        }
    }

    fn fused_feed_forward(
        x: FloatTensor<Self>,
        inner_weight: FloatTensor<Self>,
        inner_bias: FloatTensor<Self>,
        outer_weight: FloatTensor<Self>,
        outer_bias: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (w1, w1_node)) = (x.into_parts(), inner_weight.into_parts());
        let ((b1, b1_node), (w2, w2_node)) = (inner_bias.into_parts(), outer_weight.into_parts());
        let (b2, b2_node) = outer_bias.into_parts();
        let block = FeedForward {
            x: contiguous(x),
            inner_weight: contiguous(w1),
            inner_bias: contiguous(b1),
            outer_weight: contiguous(w2),
            outer_bias: contiguous(b2),
            activation,
        };
        let nodes = [x_node, w1_node, b1_node, w2_node, b2_node];
        let shape = block.x.shape();
        match FeedForwardStep
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(ops) => {
                let [out, kept] = feed_forward::forward_kept(values(&block.x), &block.layers());
                let mut inner = shape.clone();
                let last = inner.num_dims() - 1;
                inner[last] = width(&block.inner_weight).output;
                ops.finish((block, tensor(kept, inner)), tensor(out, shape))
            }
            OpsKind::UnTracked(ops) => {
                let out = feed_forward::forward(values(&block.x), &block.layers());
                ops.finish(tensor(out, shape))
            }
        }
    }

    fn fused_attention(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        options: AttentionOptions,
    ) -> FloatTensor<Self> {
        let ((query, query_node), (key, key_node)) = (query.into_parts(), key.into_parts());
        let (value, value_node) = value.into_parts();
        let inputs = AttentionInputs::new(query, key, value, options);
        let sizes = inputs.sizes();
        let [out, log_sums] = attention::forward(&inputs.inputs(), &sizes);
        let out = tensor(out, inputs.query.shape());
        let nodes = [query_node, key_node, value_node];
        match AttentionStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(ops) => ops.finish((inputs, out.clone(), log_sums.into()), out),
            OpsKind::UnTracked(ops) => ops.finish(out),
        }
    }

    fn fused_gated(
        x: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        factor: FloatTensor<Self>,
        outer: FloatTensor<Self>,
        activation: GateActivation,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (gate, gate_node)) = (x.into_parts(), gate.into_parts());
        let ((factor, factor_node), (outer, outer_node)) =
            (factor.into_parts(), outer.into_parts());
        let block = Gated {
            x: contiguous(x),
            gate: contiguous(gate),
            factor: contiguous(factor),
            outer: contiguous(outer),
            activation,
        };
        let shape = block.x.shape();
        let nodes = [x_node, gate_node, factor_node, outer_node];
        match GatedStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(ops) => {
                let [out, gates, factors] = gated::forward_kept(values(&block.x), &block.layers());
                ops.finish((block, [gates, factors].map(Arc::from)), tensor(out, shape))
            }
            OpsKind::UnTracked(ops) => {
                let out = gated::forward(values(&block.x), &block.layers());
                ops.finish(tensor(out, shape))
            }
        }
    }

    fn fused_rotate(
        x: FloatTensor<Self>,
        turns: Turns,
        positions: Arc<[usize]>,
    ) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        let x = contiguous(x);
        let out = rotate::rotate(values(&x), &turns, &positions, false);
        let out = tensor(out, x.shape());
        match Rotate.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(ops) => ops.finish((turns, positions), out),
            OpsKind::UnTracked(ops) => ops.finish(out),
        }
    }

    fn fused_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        kind: NormKind,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (gamma, gamma_node)) = (x.into_parts(), gamma.into_parts());
        let (x, gamma) = (contiguous(x), contiguous(gamma));
        let [out, moments] = norm::forward(values(&x), values(&gamma), kind);
        let out = tensor(out, x.shape());
        let nodes = [x_node, gamma_node];
        match Norm.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(ops) => ops.finish((x, gamma, moments.into(), kind), out),
            OpsKind::UnTracked(ops) => ops.finish(out),
        }
    }

    fn fused_gather(x: FloatTensor<Self>, places: Places) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        let x = contiguous(x);
        let out = gather(&x, &places);
        match Gather.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(ops) => ops.finish((places, x.shape()), out),
            OpsKind::UnTracked(ops) => ops.finish(out),
        }
    }

    fn fused_scatter(x: FloatTensor<Self>, places: Places) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        let out = scatter(&contiguous(x), &places);
        match Scatter.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(ops) => ops.finish(places, out),
            OpsKind::UnTracked(ops) => ops.finish(out),
        }
    }

    fn fused_add_norm(
        x: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
        dropout: Dropout,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (residual, residual_node)) = (x.into_parts(), residual.into_parts());
        let ((gamma, gamma_node), (beta, beta_node)) = (gamma.into_parts(), beta.into_parts());
        let (x, residual) = (contiguous(x), contiguous(residual));
        let (gamma, beta) = (contiguous(gamma), contiguous(beta));
        let norm = add_norm::Norm {
            gamma: values(&gamma),
            beta: values(&beta),
            epsilon,
        };
        let [out, normalized, inverse] =
            add_norm::forward_kept(values(&x), values(&residual), &norm, dropout);
        let out = tensor(out, x.shape());
        let nodes = [x_node, residual_node, gamma_node, beta_node];
        match AddNormStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(ops) => {
                let kept = NormState {
                    normalized: tensor(normalized, x.shape()),
                    inverse: inverse.into(),
                    gamma,
                    dropout,
                };
                ops.finish(kept, out)
            }
            OpsKind::UnTracked(ops) => ops.finish(out),
        }
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

/// With a bias as third input, or without.
#[derive(Debug)]
struct Linear;

impl<const N: usize> Backward<Flex, N> for Linear {
    type State = (FlexTensor, FlexTensor);

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let gradient = values(&gradient);
        let (x, weight) = ops.state;
        let width = width(&weight);
        for (input, node) in ops.parents.into_iter().enumerate() {
            let Some(node) = node else { continue };
            let found = match input {
                0 => tensor(
                    linear::input_gradient(gradient, values(&weight), width),
                    x.shape(),
                ),
                1 => tensor(
                    linear::weight_gradient(values(&x), gradient, width),
                    weight.shape(),
                ),
                _ => tensor(
                    linear::column_sums(gradient, width.output),
                    [width.output].into(),
                ),
            };
            grads.register::<Flex>(node.id, found);
        }
    }
}

#[derive(Debug)]
struct FeedForwardStep;

impl Backward<Flex, 5> for FeedForwardStep {
    type State = (FeedForward, FlexTensor);

    fn backward(
        self,
        ops: Ops<Self::State, 5>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let (block, kept) = ops.state;
        let needed = ops.parents.each_ref().map(Option::is_some);
        let found = feed_forward::backward(
            values(&block.x),
            values(&kept),
            values(&gradient),
            &block.layers(),
            needed,
        );
        let inputs = [
            &block.x,
            &block.inner_weight,
            &block.inner_bias,
            &block.outer_weight,
            &block.outer_bias,
        ];
        register(grads, ops.parents.map(|node| Some(node?.id)), found, inputs);
    }
}

#[derive(Debug)]
struct AttentionStep;

impl Backward<Flex, 3> for AttentionStep {
    /// Inputs, result and the logarithms of sums.
    type State = (AttentionInputs, FlexTensor, Arc<[f32]>);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let (inputs, context, log_sums) = ops.state;
        let outputs = attention::Outputs {
            context: values(&context),
            log_sums: &log_sums,
            gradient: values(&gradient),
        };
        let found = attention::backward(&inputs.inputs(), &outputs, &inputs.sizes());
        let states = [&inputs.query, &inputs.key, &inputs.value];
        let nodes = ops.parents.map(|node| Some(node?.id));
        register(grads, nodes, found.map(Some), states);
    }
}

#[derive(Debug)]
struct GatedStep;

impl Backward<Flex, 4> for GatedStep {
    type State = (Gated, [Arc<[f32]>; 2]);

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let (block, kept) = ops.state;
        let needed = ops.parents.each_ref().map(Option::is_some);
        let found = gated::backward(
            values(&block.x),
            kept.each_ref().map(|kept| &**kept),
            values(&gradient),
            &block.layers(),
            needed,
        );
        let inputs = [&block.x, &block.gate, &block.factor, &block.outer];
        register(grads, ops.parents.map(|node| Some(node?.id)), found, inputs);
    }
}

#[derive(Debug)]
struct Rotate;

impl Backward<Flex, 1> for Rotate {
    type State = (Turns, Arc<[usize]>);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let (turns, positions) = ops.state;
        if let [Some(node)] = ops.parents {
            let turned = rotate::rotate(values(&gradient), &turns, &positions, true);
            grads.register::<Flex>(node.id, tensor(turned, gradient.shape()));
        }
    }
}

#[derive(Debug)]
struct Norm;

impl Backward<Flex, 2> for Norm {
    /// `x`, γ, and the mean and scale of every row.
    type State = (FlexTensor, FlexTensor, Arc<[f32]>, NormKind);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let (x, gamma, moments, kind) = ops.state;
        let (of_x, of_gamma) = (values(&x), values(&gamma));
        let found = norm::backward(of_x, &moments, values(&gradient), of_gamma, kind);
        let nodes = ops.parents.map(|node| Some(node?.id));
        register(grads, nodes, found.map(Some), [&x, &gamma]);
    }
}

#[derive(Debug)]
struct Gather;

impl Backward<Flex, 1> for Gather {
    type State = (Places, Shape);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let (places, shape) = ops.state;
        if let [Some(node)] = ops.parents {
            let values = places::scatter(values(&gradient), &places, last(&gradient));
            grads.register::<Flex>(node.id, tensor(values, shape));
        }
    }
}

#[derive(Debug)]
struct Scatter;

impl Backward<Flex, 1> for Scatter {
    type State = Places;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        if let [Some(node)] = ops.parents {
            grads.register::<Flex>(node.id, gather(&gradient, &ops.state));
        }
    }
}

#[derive(Debug)]
struct AddNormStep;

/// What the backward pass of a norm needs.
#[derive(Debug, Clone)]
struct NormState {
    normalized: FlexTensor,
    inverse: Arc<[f32]>,
    gamma: FlexTensor,
    dropout: Dropout,
}

impl Backward<Flex, 4> for AddNormStep {
    type State = NormState;

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let kept = ops.state;
        let shape = kept.normalized.shape();
        let found = add_norm::backward(
            values(&kept.normalized),
            &kept.inverse,
            values(&gradient),
            values(&kept.gamma),
            kept.dropout,
        );
        let residual = tensor(found.residual, shape.clone());
        let x = found
            .x
            .map_or_else(|| residual.clone(), |x| tensor(x, shape));
        let vector = |values| tensor(values, kept.gamma.shape());
        let found = [x, residual, vector(found.gamma), vector(found.beta)];
        for (node, found) in ops.parents.into_iter().zip(found) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, found);
            }
        }
    }
}
