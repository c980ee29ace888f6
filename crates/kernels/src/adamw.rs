//! An AdamW step for one parameter.

use burn::tensor::Tensor;

#[cfg(feature = "flex")]
use crate::flex;

/// Settings of one AdamW step. Loshchilov and Hutter (2019), <https://arxiv.org/abs/1711.05101>.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Decay rate of the first moment, in `[0, 1)`.
    pub beta_1: f32,
    /// Decay rate of the second moment, in `[0, 1)`.
    pub beta_2: f32,
    /// Added to the square root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay, multiplied by the learning rate.
    pub weight_decay: f32,
    /// Number of the step, from 1.
    pub time: usize,
}

/// A parameter and the moving averages of its gradient and squared gradient, all of the same shape.
#[derive(Debug, Clone)]
pub struct Moments<const D: usize> {
    /// The parameter, without autodiff.
    pub parameter: Tensor<D>,
    /// First moment: moving average of the gradient.
    pub first: Tensor<D>,
    /// Second moment: moving average of the squared gradient.
    pub second: Tensor<D>,
}

/// Updates a parameter, in place if its memory is not shared and the backend supports it.
pub fn adamw_step<const D: usize>(
    of: Moments<D>,
    gradient: Tensor<D>,
    step: AdamStep,
) -> Moments<D> {
    #[cfg(feature = "flex")]
    if flex::is_plain(&of.parameter) {
        return flex::adamw_step(of, gradient, step);
    }
    composed(of, gradient, step)
}

/// Sum of squares of a gradient, of shape `[1]`.
pub fn square_sum<const D: usize>(gradient: Tensor<D>) -> Tensor<1> {
    #[cfg(feature = "flex")]
    if flex::is_plain(&gradient) {
        return flex::square_sum(gradient);
    }
    gradient.square().sum()
}

/// Multiplies a gradient by a number, in place if its memory is not shared and the backend supports
/// it.
pub fn scale<const D: usize>(gradient: Tensor<D>, factor: f64) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if flex::is_plain(&gradient) {
        return flex::scale(gradient, factor);
    }
    gradient * factor
}

impl AdamStep {
    /// `1 - β₁ᵗ` and `1 - β₂ᵗ`.
    pub(crate) fn corrections(&self) -> (f32, f32) {
        let time = i32::try_from(self.time).unwrap_or(i32::MAX);
        (1.0 - self.beta_1.powi(time), 1.0 - self.beta_2.powi(time))
    }

    /// Factor of the weight decay: `1 - learning rate · decay`.
    pub(crate) fn keep(&self) -> f64 {
        1.0 - self.learning_rate * f64::from(self.weight_decay)
    }
}

fn composed<const D: usize>(of: Moments<D>, gradient: Tensor<D>, step: AdamStep) -> Moments<D> {
    let (first_correction, second_correction) = step.corrections();
    let first = of.first * step.beta_1 + gradient.clone() * (1.0 - step.beta_1);
    let second = of.second * step.beta_2 + gradient.square() * (1.0 - step.beta_2);
    let root = (second.clone() / second_correction).sqrt() + step.epsilon;
    let delta = first.clone() / first_correction / root;
    Moments {
        parameter: of.parameter * step.keep() - delta * step.learning_rate,
        first,
        second,
    }
}
