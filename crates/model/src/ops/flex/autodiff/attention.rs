//! Attention.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};

use super::{Tracked, parts, record, register};
use crate::ops::backend::AttentionOptions;
use crate::ops::flex::attention;
use crate::ops::flex::buffer::{contiguous, tensor, values};
use crate::ops::flex::tensors::AttentionInputs;

/// Inputs: query, key and value.
pub(super) fn forward<C: CheckpointStrategy>(
    inputs: [Tracked; 3],
    options: AttentionOptions,
) -> Tracked {
    let ([query, key, value], nodes) = parts(inputs);
    let inputs = AttentionInputs::new(query, key, value, options);
    let [out, log_sums] = attention::forward(&inputs.inputs(), &inputs.sizes());
    let out = tensor(out, inputs.query.shape());
    let state = (inputs, out.clone(), log_sums.into());
    record::<C, _, _>(AttentionStep, nodes, state, out)
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
