//! A feed-forward block with a gate.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Flex, TensorMetadata};

use super::{Tracked, parts, register};
use crate::encoder::GateActivation;
use crate::ops::flex::buffer::{contiguous, tensor, values};
use crate::ops::flex::gated;
use crate::ops::flex::tensors::Gated;

/// Inputs: `x`, and the weights of gate, factor and outer layer.
pub(super) fn forward<C: CheckpointStrategy>(
    inputs: [Tracked; 4],
    activation: GateActivation,
) -> Tracked {
    let ([x, gate, factor, outer], nodes) = parts(inputs);
    let block = Gated {
        x,
        gate,
        factor,
        outer,
        activation,
    };
    let shape = block.x.shape();
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

#[derive(Debug)]
struct GatedStep;

impl Backward<Flex, 4> for GatedStep {
    /// Inputs, and the results of the layers of gate and factor.
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
