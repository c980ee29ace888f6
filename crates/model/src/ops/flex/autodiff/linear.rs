//! A linear layer, with a bias as third input or without.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};

use super::{Tracked, parts, record};
use crate::ops::flex::buffer::{contiguous, tensor, values};
use crate::ops::flex::tensors::layer;
use crate::ops::flex::{linear, linear_forward};

pub(super) fn forward<C: CheckpointStrategy>(
    x: Tracked,
    weight: Tracked,
    bias: Tracked,
) -> Tracked {
    let ([x, weight, bias], nodes) = parts([x, weight, bias]);
    let out = linear_forward(&x, &weight, Some(&bias));
    record::<C, _, _>(LinearStep, nodes, (x, weight), out)
}

pub(super) fn forward_without_bias<C: CheckpointStrategy>(x: Tracked, weight: Tracked) -> Tracked {
    let ([x, weight], nodes) = parts([x, weight]);
    let out = linear_forward(&x, &weight, None);
    record::<C, _, _>(LinearStep, nodes, (x, weight), out)
}

#[derive(Debug)]
struct LinearStep;

impl<const N: usize> Backward<Flex, N> for LinearStep {
    /// `x` and the weight.
    type State = (FlexTensor, FlexTensor);

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let gradient = values(&gradient);
        let (x, weight) = ops.state;
        let layer = layer(&weight, None);
        for (input, node) in ops.parents.into_iter().enumerate() {
            let Some(node) = node else { continue };
            let found = match input {
                0 => tensor(linear::input_gradient(gradient, layer), x.shape()),
                1 => tensor(
                    linear::weight_gradient(values(&x), gradient, layer.width),
                    weight.shape(),
                ),
                _ => tensor(
                    linear::column_sums(gradient, layer.width.output),
                    [layer.width.output].into(),
                ),
            };
            grads.register::<Flex>(node.id, found);
        }
    }
}
