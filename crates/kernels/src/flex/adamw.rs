//! An AdamW step, the gradient norm and gradient scaling, each in one pass over memory.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::buffer::{contiguous, tensor, values};
use super::is_fused;
use super::math::{dot, vector_fn};
use crate::{AdamStep, Moments};

/// Values per task.
const TASK: usize = 1 << 15;

/// Whether a tensor is on the Flex backend without autodiff, as the functions below require.
pub(crate) fn is_plain<const D: usize>(x: &Tensor<D>) -> bool {
    is_fused(x) && !x.device().is_autodiff()
}

/// Updates a parameter that [`is_plain`], in place if its memory is not shared.
pub(crate) fn adamw_step<const D: usize>(
    moments: Moments<D>,
    gradient: Tensor<D>,
    step: AdamStep,
) -> Moments<D> {
    let [mut parameter, mut first, mut second] =
        [moments.parameter, moments.first, moments.second].map(|tensor| whole(primitive(tensor)));
    let gradient = contiguous(primitive(gradient));
    let update = Update::new(step);
    let tasks = parameter
        .storage_mut::<f32>()
        .par_chunks_mut(TASK)
        .zip(first.storage_mut::<f32>().par_chunks_mut(TASK))
        .zip(second.storage_mut::<f32>().par_chunks_mut(TASK))
        .zip(values(&gradient).par_chunks(TASK));
    tasks.for_each(|(((parameter, first), second), gradient)| {
        update_values(parameter, first, second, gradient, update);
    });
    let [parameter, first, second] = [parameter, first, second].map(Tensor::from_primitive::<Flex>);
    Moments {
        parameter,
        first,
        second,
    }
}

/// Sum of squares of a tensor that [`is_plain`], of shape `[1]`; tasks are summed in f64, in order.
pub(crate) fn square_sum<const D: usize>(gradient: Tensor<D>) -> Tensor<1> {
    let gradient = contiguous(primitive(gradient));
    let parts: Vec<f32> = values(&gradient).par_chunks(TASK).map(squares).collect();
    let sum: f64 = parts.into_iter().map(f64::from).sum();
    #[expect(clippy::cast_possible_truncation, reason = "the tensor's precision")]
    let sum = sum as f32;
    Tensor::from_primitive::<Flex>(tensor(vec![sum], [1].into()))
}

/// Multiplies a tensor that [`is_plain`] by a number, in place if its memory is not shared.
pub(crate) fn scale<const D: usize>(gradient: Tensor<D>, factor: f64) -> Tensor<D> {
    #[expect(clippy::cast_possible_truncation, reason = "gradients are f32")]
    let factor = factor as f32;
    let mut gradient = whole(primitive(gradient));
    let tasks = gradient.storage_mut::<f32>().par_chunks_mut(TASK);
    tasks.for_each(|values| scale_values(values, factor));
    Tensor::from_primitive::<Flex>(gradient)
}

fn primitive<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    tensor
        .try_into_primitive::<Flex>()
        .expect("parameter, moments and gradient lie on one device")
}

/// Coefficients of a step, the same for every value.
#[derive(Debug, Clone, Copy)]
struct Update {
    beta_1: f32,
    beta_2: f32,
    /// `1 - β₁ᵗ` and `1 - β₂ᵗ`.
    corrections: (f32, f32),
    epsilon: f32,
    learning_rate: f32,
    /// Factor of the weight decay: `1 - learning rate · decay`.
    keep: f32,
}

impl Update {
    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    fn new(step: AdamStep) -> Self {
        Self {
            beta_1: step.beta_1,
            beta_2: step.beta_2,
            corrections: step.corrections(),
            epsilon: step.epsilon,
            learning_rate: step.learning_rate as f32,
            keep: step.keep() as f32,
        }
    }
}

vector_fn! {
    fn squares(values: &[f32]) -> f32 {
        dot(values, values)
    }

    fn scale_values(values: &mut [f32], factor: f32) {
        for value in values {
            *value *= factor;
        }
    }

    fn update_values(
        parameter: &mut [f32],
        first: &mut [f32],
        second: &mut [f32],
        gradient: &[f32],
        step: Update,
    ) {
        let values = parameter.iter_mut().zip(first).zip(second).zip(gradient);
        for (((parameter, first), second), gradient) in values {
            *first = *first * step.beta_1 + gradient * (1.0 - step.beta_1);
            *second = *second * step.beta_2 + gradient * gradient * (1.0 - step.beta_2);
            let corrected = *first / step.corrections.0;
            let root = (*second / step.corrections.1).sqrt() + step.epsilon;
            *parameter = *parameter * step.keep - corrected / root * step.learning_rate;
        }
    }
}

/// A contiguous tensor that covers its whole storage.
fn whole(tensor: FlexTensor) -> FlexTensor {
    let is_whole = tensor.is_contiguous()
        && tensor.layout().start_offset() == 0
        && tensor.bytes().len() == tensor.layout().num_elements() * size_of::<f32>();
    if is_whole {
        tensor
    } else {
        FlexTensor::from_data(tensor.into_data())
    }
}
