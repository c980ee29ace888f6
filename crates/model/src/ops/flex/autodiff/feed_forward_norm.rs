//! A feed-forward block and the norm after it.

use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};

use super::{Tracked, parts, register};
use crate::encoder::Activation;
use crate::ops::backend::NormOptions;
use crate::ops::flex::buffer::{contiguous, tensor, values};
use crate::ops::flex::feed_forward_norm::{Kept, Needed};
use crate::ops::flex::tensors::FeedForwardNormInputs;

/// Inputs: `x`, weight and bias of the inner and of the outer layer, γ and β.
pub(super) fn forward<C: CheckpointStrategy>(
    inputs: [Tracked; 7],
    activation: Activation,
    options: NormOptions,
) -> Tracked {
    let (tensors, nodes) = parts(inputs);
    let inputs = FeedForwardNormInputs {
        tensors,
        activation,
        options,
    };
    let shape = inputs.shape();
    match FeedForwardNormStep
        .prepare::<C>(nodes)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(ops) => {
            let (out, kept) = inputs.block().forward_kept(inputs.x());
            ops.finish((inputs, Arc::new(kept)), tensor(out, shape))
        }
        OpsKind::UnTracked(ops) => {
            let out = inputs.block().forward(inputs.x());
            ops.finish(tensor(out, shape))
        }
    }
}

#[derive(Debug)]
struct FeedForwardNormStep;

impl Backward<Flex, 7> for FeedForwardNormStep {
    type State = (FeedForwardNormInputs, Arc<Kept>);

    fn backward(
        self,
        ops: Ops<Self::State, 7>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let (inputs, kept) = ops.state;
        let [x, inner_weight, inner_bias, outer_weight, outer_bias, ..] =
            ops.parents.each_ref().map(Option::is_some);
        let needed = Needed {
            x,
            inner: [inner_weight, inner_bias],
            outer: [outer_weight, outer_bias],
        };
        let found = inputs
            .block()
            .backward(inputs.x(), &kept, values(&gradient), needed);
        let ([inner_weight, inner_bias], [outer_weight, outer_bias]) = (found.inner, found.outer);
        let found = [
            found.x,
            inner_weight,
            inner_bias,
            outer_weight,
            outer_bias,
            Some(found.gamma),
            Some(found.beta),
        ];
        let nodes = ops.parents.map(|node| Some(node?.id));
        register(grads, nodes, found, inputs.tensors.each_ref());
    }
}
