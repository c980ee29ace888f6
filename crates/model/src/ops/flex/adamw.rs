//! One step of AdamW in one pass over memory, and what comes before it.

use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use super::buffer::{contiguous, tensor, values};
use super::math::{dot, vector_fn};

/// Values of a task.
const TASK: usize = 1 << 15;

/// What a step does, the same for every value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Update {
    pub(crate) beta_1: f32,
    pub(crate) beta_2: f32,
    /// `1 - β₁ᵗ` and `1 - β₂ᵗ`.
    pub(crate) corrections: (f32, f32),
    pub(crate) epsilon: f32,
    pub(crate) learning_rate: f32,
    /// What is left of a weight: `1 - learning rate · decay`.
    pub(crate) keep: f32,
}

/// A parameter and its two moments.
#[derive(Debug)]
pub(crate) struct Moments<T> {
    pub(crate) parameter: T,
    pub(crate) first: T,
    pub(crate) second: T,
}

/// Moves a parameter. In place, where nothing else holds its memory.
pub(crate) fn update(
    of: Moments<FlexTensor>,
    gradient: FlexTensor,
    step: Update,
) -> Moments<FlexTensor> {
    let mut of = Moments {
        parameter: whole(of.parameter),
        first: whole(of.first),
        second: whole(of.second),
    };
    let gradient = contiguous(gradient);
    let gradient = values(&gradient);
    let tasks = of
        .parameter
        .storage_mut::<f32>()
        .par_chunks_mut(TASK)
        .zip(of.first.storage_mut::<f32>().par_chunks_mut(TASK))
        .zip(of.second.storage_mut::<f32>().par_chunks_mut(TASK))
        .zip(gradient.par_chunks(TASK));
    tasks.for_each(|(((parameter, first), second), gradient)| {
        update_values(parameter, first, second, gradient, step);
    });
    of
}

/// Sum of the squares, of shape `[1]`: in f64 over the tasks, in their order.
pub(crate) fn square_sum(gradient: FlexTensor) -> FlexTensor {
    let gradient = contiguous(gradient);
    let parts: Vec<f32> = values(&gradient).par_chunks(TASK).map(squares).collect();
    let sum: f64 = parts.into_iter().map(f64::from).sum();
    #[expect(clippy::cast_possible_truncation, reason = "the tensor's precision")]
    let sum = sum as f32;
    tensor(vec![sum], [1].into())
}

/// Multiplies every value.
pub(crate) fn scale(gradient: FlexTensor, factor: f32) -> FlexTensor {
    let mut gradient = whole(gradient);
    let tasks = gradient.storage_mut::<f32>().par_chunks_mut(TASK);
    tasks.for_each(|values| scale_values(values, factor));
    gradient
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

/// A tensor that is all of its memory.
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
