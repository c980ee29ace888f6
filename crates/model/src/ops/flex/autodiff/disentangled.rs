//! Attention with positions.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};

use super::{Tracked, parts, record, register};
use crate::ops::backend::DisentangledOptions;
use crate::ops::flex::attention::Outputs;
use crate::ops::flex::buffer::{contiguous, tensor, values};
use crate::ops::flex::disentangled::{self, DisentangledInputs};

/// Inputs: query, key, value, position keys and position queries.
pub(super) fn forward<C: CheckpointStrategy>(
    inputs: [Tracked; 5],
    options: DisentangledOptions,
) -> Tracked {
    let (inputs, nodes) = parts(inputs);
    let inputs = DisentangledInputs::new(inputs, options);
    let [out, log_sums] = disentangled::forward(&inputs.inputs(), &inputs.sizes());
    let out = tensor(out, inputs.states.query.shape());
    let state = (inputs, out.clone(), log_sums.into());
    record::<C, _, _>(DisentangledStep, nodes, state, out)
}

#[derive(Debug)]
struct DisentangledStep;

impl Backward<Flex, 5> for DisentangledStep {
    /// Inputs, result and the logarithms of sums.
    type State = (DisentangledInputs, FlexTensor, Arc<[f32]>);

    fn backward(
        self,
        ops: Ops<Self::State, 5>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let (inputs, context, log_sums) = ops.state;
        let outputs = Outputs {
            context: values(&context),
            log_sums: &log_sums,
            gradient: values(&gradient),
        };
        let found = disentangled::backward(&inputs.inputs(), &outputs, &inputs.sizes());
        let [query, key, value] = found.states.map(Some);
        let [position_key, position_query] = found.tables;
        let found = [query, key, value, position_key, position_query];
        let states = &inputs.states;
        let [position_key, position_query] = &inputs.tables;
        let tensors = [
            &states.query,
            &states.key,
            &states.value,
            position_key,
            position_query,
        ];
        let nodes = ops.parents.map(|node| Some(node?.id));
        register(grads, nodes, found, tensors);
    }
}
