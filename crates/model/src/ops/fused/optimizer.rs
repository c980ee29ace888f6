//! Calls of the optimizer's step.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use super::{flex, is_ours};
use crate::ops::{AdamStep, Moments};

/// The step for a parameter that [`is_plain`].
pub(in crate::ops) fn adamw_step<const D: usize>(
    of: Moments<D>,
    gradient: Tensor<D>,
    step: AdamStep,
) -> Moments<D> {
    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    let update = flex::Update {
        beta_1: step.beta_1,
        beta_2: step.beta_2,
        corrections: step.corrections(),
        epsilon: step.epsilon,
        learning_rate: step.learning_rate as f32,
        keep: step.keep() as f32,
    };
    let primitives = flex::Moments {
        parameter: primitive(of.parameter),
        first: primitive(of.first),
        second: primitive(of.second),
    };
    let moved = flex::update(primitives, primitive(gradient), update);
    Moments {
        parameter: Tensor::from_primitive::<Flex>(moved.parameter),
        first: Tensor::from_primitive::<Flex>(moved.first),
        second: Tensor::from_primitive::<Flex>(moved.second),
    }
}

/// Of a tensor that [`is_plain`].
pub(in crate::ops) fn square_sum<const D: usize>(gradient: Tensor<D>) -> Tensor<1> {
    Tensor::from_primitive::<Flex>(flex::square_sum(primitive(gradient)))
}

/// Scales a tensor that [`is_plain`].
pub(in crate::ops) fn scale<const D: usize>(gradient: Tensor<D>, factor: f64) -> Tensor<D> {
    #[expect(clippy::cast_possible_truncation, reason = "gradients are f32")]
    let scaled = flex::scale(primitive(gradient), factor as f32);
    Tensor::from_primitive::<Flex>(scaled)
}

/// Whether it is a tensor of the Flex backend without autodiff.
pub(in crate::ops) fn is_plain<const D: usize>(x: &Tensor<D>) -> bool {
    is_ours(x) && !x.device().is_autodiff()
}

fn primitive<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    tensor
        .try_into_primitive::<Flex>()
        .expect("parameter, moments and gradient lie on one device")
}
