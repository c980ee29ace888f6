//! A feed-forward block.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};

use super::{Tracked, parts, register};
use crate::encoder::Activation;
use crate::ops::flex::buffer::{contiguous, tensor, values};
use crate::ops::flex::{FeedForward, feed_forward, width};

/// Inputs: `x`, and weight and bias of the inner and of the outer layer.
pub(super) fn forward<C: CheckpointStrategy>(
    inputs: [Tracked; 5],
    activation: Activation,
) -> Tracked {
    let ([x, inner_weight, inner_bias, outer_weight, outer_bias], nodes) = parts(inputs);
    let block = FeedForward {
        x,
        inner_weight,
        inner_bias,
        outer_weight,
        outer_bias,
        activation,
    };
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

#[derive(Debug)]
struct FeedForwardStep;

impl Backward<Flex, 5> for FeedForwardStep {
    /// Inputs, and the inner layer's result before its activation.
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
