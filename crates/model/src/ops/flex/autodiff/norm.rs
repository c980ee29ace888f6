//! A norm without shift.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};

use super::{Tracked, parts, record, register};
use crate::ops::flex::buffer::{contiguous, tensor, values};
use crate::ops::flex::{NormKind, norm};

pub(super) fn forward<C: CheckpointStrategy>(
    x: Tracked,
    gamma: Tracked,
    kind: NormKind,
) -> Tracked {
    let ([x, gamma], nodes) = parts([x, gamma]);
    let [out, moments] = norm::forward(values(&x), values(&gamma), kind);
    let out = tensor(out, x.shape());
    record::<C, _, _>(NormStep, nodes, (x, gamma, moments.into(), kind), out)
}

#[derive(Debug)]
struct NormStep;

impl Backward<Flex, 2> for NormStep {
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
