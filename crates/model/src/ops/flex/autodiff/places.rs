//! Rows chosen and rows put back: each is the gradient of the other.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Shape;

use super::{Tracked, parts, record};
use crate::ops::flex::buffer::{contiguous, tensor, values};
use crate::ops::flex::{self, Places, last, places};

pub(super) fn gather<C: CheckpointStrategy>(x: Tracked, places: Places) -> Tracked {
    let ([x], nodes) = parts([x]);
    let out = flex::gather(&x, &places);
    record::<C, _, _>(GatherStep, nodes, (places, x.shape()), out)
}

pub(super) fn scatter<C: CheckpointStrategy>(x: Tracked, places: Places) -> Tracked {
    let ([x], nodes) = parts([x]);
    let out = flex::scatter(&x, &places);
    record::<C, _, _>(ScatterStep, nodes, places, out)
}

#[derive(Debug)]
struct GatherStep;

impl Backward<Flex, 1> for GatherStep {
    /// The places, and the shape of `x`.
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
struct ScatterStep;

impl Backward<Flex, 1> for ScatterStep {
    type State = Places;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        if let [Some(node)] = ops.parents {
            grads.register::<Flex>(node.id, flex::gather(&gradient, &ops.state));
        }
    }
}
