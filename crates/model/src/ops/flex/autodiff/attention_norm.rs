//! Attention of tokens to each other, and the norm after it.

use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};

use super::{Tracked, parts, register};
use crate::ops::backend::{AttentionOptions, NormOptions};
use crate::ops::flex::attention_norm::{Kept, Needed};
use crate::ops::flex::buffer::{contiguous, tensor, values};
use crate::ops::flex::tensors::AttentionNormInputs;

/// Inputs: `x`, weight and bias of query, key, value and output, γ and β.
pub(super) fn forward<C: CheckpointStrategy>(
    inputs: [Tracked; 11],
    attention: AttentionOptions,
    options: NormOptions,
) -> Tracked {
    let (tensors, nodes) = parts(inputs);
    let inputs = AttentionNormInputs {
        tensors,
        attention,
        options,
    };
    let shape = inputs.shape();
    match AttentionNormStep
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
struct AttentionNormStep;

impl Backward<Flex, 11> for AttentionNormStep {
    type State = (AttentionNormInputs, Arc<Kept>);

    fn backward(
        self,
        ops: Ops<Self::State, 11>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let (inputs, kept) = ops.state;
        let [
            x,
            query,
            query_bias,
            key,
            key_bias,
            value,
            value_bias,
            output,
            output_bias,
            ..,
        ] = ops.parents.each_ref().map(Option::is_some);
        let needed = Needed {
            x,
            inputs: [[query, query_bias], [key, key_bias], [value, value_bias]],
            output: [output, output_bias],
        };
        let found = inputs
            .block()
            .backward(inputs.x(), &kept, values(&gradient), needed);
        let [[query, query_bias], [key, key_bias], [value, value_bias]] = found.inputs;
        let [output, output_bias] = found.output;
        let found = [
            found.x,
            query,
            query_bias,
            key,
            key_bias,
            value,
            value_bias,
            output,
            output_bias,
            Some(found.gamma),
            Some(found.beta),
        ];
        let nodes = ops.parents.map(|node| Some(node?.id));
        register(grads, nodes, found, inputs.tensors.each_ref());
    }
}
