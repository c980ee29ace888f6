//! Dropout: the gradient is dropped where the value was.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};

use super::{Tracked, parts, record};
use crate::ops::flex::buffer::contiguous;
use crate::ops::flex::{self, Dropout};

pub(super) fn forward<C: CheckpointStrategy>(x: Tracked, dropout: Dropout) -> Tracked {
    let ([x], nodes) = parts([x]);
    let out = flex::drop_values(&x, dropout);
    record::<C, _, _>(Step, nodes, dropout, out)
}

#[derive(Debug)]
struct Step;

impl Backward<Flex, 1> for Step {
    type State = Dropout;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        if let [Some(node)] = ops.parents {
            grads.register::<Flex>(node.id, flex::drop_values(&gradient, ops.state));
        }
    }
}
