//! Layer norm without a shift, and RMS norm, over rows.

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::nn::{LayerNorm, RmsNorm};
use burn::tensor::Tensor;

use super::buffer::{tensor, values};
use super::is_fused;
use super::kernel::{Kernel, run};
use super::linear::in_order;
use super::math::{dot, squares_around, sum, vector_fn};
use super::rows::{MANY, by_rows, per_task, zeroed};

/// Layer norm without a shift. `None` if it has one, or the device has no fused blocks.
pub(crate) fn layer_norm(norm: &LayerNorm, epsilon: f64, x: &Tensor<3>) -> Option<Tensor<3>> {
    match norm.beta {
        Some(_) => None,
        None => scaled_norm(norm.gamma.val(), epsilon, true, x),
    }
}

/// RMS norm. `None` if the device has no fused blocks.
pub(crate) fn rms_norm(norm: &RmsNorm, x: &Tensor<3>) -> Option<Tensor<3>> {
    scaled_norm(norm.gamma.val(), norm.epsilon, false, x)
}

fn scaled_norm(gamma: Tensor<1>, epsilon: f64, centered: bool, x: &Tensor<3>) -> Option<Tensor<3>> {
    #[expect(clippy::cast_possible_truncation, reason = "norms are f32")]
    let epsilon = epsilon as f32;
    let kernel = FusedNorm { centered, epsilon };
    is_fused(x).then(|| run(kernel, [x.clone().into_dispatch(), gamma.into_dispatch()]))
}

/// `γ · norm(x)` over the last axis. Inputs: `x`, `[.., width]`, and γ, `[width]`.
#[derive(Debug, Clone, Copy)]
struct FusedNorm {
    /// Whether the mean is subtracted first (layer norm) or not (RMS norm).
    centered: bool,
    epsilon: f32,
}

impl Kernel<2> for FusedNorm {
    /// The kernel, `x`, γ, and the mean and scale of every row.
    type Saved = (Self, [FlexTensor; 2], Arc<[f32]>);

    fn forward_saved(self, [x, gamma]: [FlexTensor; 2]) -> (FlexTensor, Self::Saved) {
        let [out, moments] = forward(values(&x), values(&gamma), self);
        let out = tensor(out, x.shape());
        (out, (self, [x, gamma], moments.into()))
    }

    fn backward(
        (kernel, [x, gamma], moments): Self::Saved,
        gradient: &FlexTensor,
        _needed: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let (of_x, of_gamma) = (values(&x), values(&gamma));
        let [found_x, found_gamma] = backward(of_x, &moments, values(gradient), of_gamma, kernel);
        [
            Some(tensor(found_x, x.shape())),
            Some(tensor(found_gamma, gamma.shape())),
        ]
    }
}

/// `γ · (x - mean) / √(variance + ε)`, and the mean and `1 / √(variance + ε)` of each row.
fn forward(x: &[f32], gamma: &[f32], kind: FusedNorm) -> [Vec<f32>; 2] {
    let width = gamma.len();
    let rows = x.len() / width;
    by_rows(rows, per_task(rows, MANY), [width, 2], |rows, parts| {
        let [out, moments] = parts.map(zeroed);
        let x = &x[rows.start * width..rows.end * width];
        rows_forward(out, moments, x, gamma, kind);
        [out, moments]
    })
}

vector_fn! {
    fn rows_forward(out: &mut [f32], moments: &mut [f32], x: &[f32], gamma: &[f32], kind: FusedNorm) {
        let width = gamma.len();
        let rows = out.chunks_exact_mut(width).zip(x.chunks_exact(width));
        for ((out, x), moments) in rows.zip(moments.chunks_exact_mut(2)) {
            let mean = if kind.centered { sum(x) / width as f32 } else { 0.0 };
            let variance = squares_around(x, mean) / width as f32;
            let inverse = 1.0 / (variance + kind.epsilon).sqrt();
            moments.copy_from_slice(&[mean, inverse]);
            for ((out, x), gamma) in out.iter_mut().zip(x).zip(gamma) {
                *out = (*x - mean) * inverse * gamma;
            }
        }
    }
}

/// Gradients of `x` and γ; `moments` are those of [`forward`].
fn backward(
    x: &[f32],
    moments: &[f32],
    gradient: &[f32],
    gamma: &[f32],
    kind: FusedNorm,
) -> [Vec<f32>; 2] {
    let width = gamma.len();
    let rows = x.len() / width;
    let task = per_task(rows, MANY);
    let sums = Mutex::new(vec![Vec::new(); rows.div_ceil(task)]);
    let [out] = by_rows(rows, task, [width], |rows, [out]| {
        let (out, index) = (zeroed(out), rows.start / task);
        let states = rows.start * width..rows.end * width;
        let moments = &moments[2 * rows.start..2 * rows.end];
        let inputs = (&x[states.clone()], &gradient[states]);
        let found = rows_backward(out, inputs, moments, gamma, kind);
        sums.lock().unwrap_or_else(PoisonError::into_inner)[index] = found;
        [out]
    });
    let sums = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
    [out, in_order(sums, width)]
}

vector_fn! {
    /// The rows of one task; returns their contribution to the gradient of γ.
    fn rows_backward(
        out: &mut [f32],
        inputs: (&[f32], &[f32]),
        moments: &[f32],
        gamma: &[f32],
        kind: FusedNorm,
    ) -> Vec<f32> {
        let ((x, gradient), width) = (inputs, gamma.len());
        let mut gammas = vec![0.0; width];
        let rows = out.chunks_exact_mut(width).zip(x.chunks_exact(width));
        let rows = rows.zip(gradient.chunks_exact(width)).zip(moments.chunks_exact(2));
        for (((out, x), gradient), moments) in rows {
            let (mean, inverse) = (moments[0], moments[1]);
            let values = gradient.iter().zip(x).zip(gamma);
            let sums = gammas.iter_mut().zip(out.iter_mut());
            for (((gradient, x), gamma), (gammas, out)) in values.zip(sums) {
                *gammas = gradient.mul_add((x - mean) * inverse, *gammas);
                *out = gradient * gamma;
            }
            let shift = if kind.centered { sum(out) / width as f32 } else { 0.0 };
            let projection = (dot(out, x) - mean * sum(out)) * inverse / width as f32;
            for (out, x) in out.iter_mut().zip(x) {
                let normalized = (x - mean) * inverse;
                *out = inverse * (*out - shift - normalized * projection);
            }
        }
        gammas
    }
}
