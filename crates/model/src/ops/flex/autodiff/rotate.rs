//! Rotary positions: the gradient is turned back.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::{Flex, TensorMetadata};

use super::{Tracked, parts, record};
use crate::ops::Turns;
use crate::ops::flex::buffer::{contiguous, tensor, values};
use crate::ops::flex::rotate;

pub(super) fn forward<C: CheckpointStrategy>(
    x: Tracked,
    turns: Turns,
    positions: Arc<[usize]>,
) -> Tracked {
    let ([x], nodes) = parts([x]);
    let out = rotate::rotate(values(&x), &turns, &positions, false);
    let out = tensor(out, x.shape());
    record::<C, _, _>(RotateStep, nodes, (turns, positions), out)
}

#[derive(Debug)]
struct RotateStep;

impl Backward<Flex, 1> for RotateStep {
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
