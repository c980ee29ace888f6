//! Layer norm without a shift, and RMS norm, over rows.

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::nn::{LayerNorm, RmsNorm};
use burn::tensor::Tensor;

use super::buffer::{gradients_of, tensor, values};
use super::is_fused;
use super::kernel::{Kernel, run};
use super::linear::{add_values, in_order};
use super::math::{dot, squares_around, sum, vector_fn};
use super::rows::{MANY, Unwritten, by_rows, per_task, zeroed};
use crate::BlockNorm;

/// Layer norm without a shift. `None` if it has one, or the device has no fused blocks.
pub(crate) fn layer_norm(norm: &LayerNorm, epsilon: f64, x: &Tensor<3>) -> Option<Tensor<3>> {
    scaled_norm(BlockNorm::Layer(norm, epsilon), x)
}

/// RMS norm. `None` if the device has no fused blocks.
pub(crate) fn rms_norm(norm: &RmsNorm, x: &Tensor<3>) -> Option<Tensor<3>> {
    scaled_norm(BlockNorm::Rms(norm), x)
}

fn scaled_norm(norm: BlockNorm<'_>, x: &Tensor<3>) -> Option<Tensor<3>> {
    let (kernel, gamma) = FusedNorm::of(norm)?;
    is_fused(x).then(|| run(kernel, [x.clone().into_dispatch(), gamma.into_dispatch()]))
}

/// `γ · norm(x)` over the last axis. Inputs, if it is a block of its own: `x`, `[.., width]`, and γ,
/// `[width]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FusedNorm {
    /// Whether the mean is subtracted first (layer norm) or not (RMS norm).
    pub(crate) centered: bool,
    pub(crate) epsilon: f32,
}

impl FusedNorm {
    /// The norm and its γ. `None` if it has a shift.
    #[expect(clippy::cast_possible_truncation, reason = "norms are f32")]
    pub(super) fn of(norm: BlockNorm<'_>) -> Option<(Self, Tensor<1>)> {
        let (gamma, epsilon, centered) = match norm {
            BlockNorm::Layer(norm, _) if norm.beta.is_some() => return None,
            BlockNorm::Layer(norm, epsilon) => (&norm.gamma, epsilon as f32, true),
            BlockNorm::Rms(norm) => (&norm.gamma, norm.epsilon as f32, false),
        };
        Some((Self { centered, epsilon }, gamma.val()))
    }

    /// With its γ.
    pub(super) fn with(self, gamma: &FlexTensor) -> Scaled<'_> {
        let gamma = values(gamma);
        Scaled { kind: self, gamma }
    }
}

impl Kernel<2> for FusedNorm {
    /// The kernel, `x`, γ, and the mean and scale of every row.
    type Saved = (Self, [FlexTensor; 2], Arc<[f32]>);

    fn forward_saved(self, [x, gamma]: [FlexTensor; 2]) -> (FlexTensor, Self::Saved) {
        let [out, moments] = self.with(&gamma).forward(values(&x));
        let out = tensor(out, x.shape());
        (out, (self, [x, gamma], moments.into()))
    }

    fn backward(
        (kernel, [x, gamma], moments): Self::Saved,
        gradient: &FlexTensor,
        _needed: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let norm = kernel.with(&gamma);
        let found = norm.backward(values(&x), &moments, values(gradient), None);
        gradients_of(&[x, gamma], found.map(Some))
    }
}

/// A norm and its γ, `[width]`, for rows of `width` values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scaled<'a> {
    kind: FusedNorm,
    gamma: &'a [f32],
}

impl Scaled<'_> {
    /// `γ · (x - mean) / √(variance + ε)`, and the mean and `1 / √(variance + ε)` of each row.
    pub(super) fn forward(self, x: &[f32]) -> [Vec<f32>; 2] {
        let width = self.gamma.len();
        let rows = x.len() / width;
        by_rows(rows, per_task(rows, MANY), [width, 2], |rows, parts| {
            let [out, moments] = parts.map(zeroed);
            let x = &x[rows.start * width..rows.end * width];
            rows_forward(out, moments, x, self);
            [out, moments]
        })
    }

    /// One task's rows of the result.
    pub(super) fn forward_rows<'a>(self, out: &'a mut Unwritten, x: &[f32]) -> &'a mut [f32] {
        let out = zeroed(out);
        let mut moments = vec![0.0; 2 * x.len() / self.gamma.len()];
        rows_forward(out, &mut moments, x, self);
        out
    }

    /// Gradients of `x`, plus the `other` gradient, if there is one, and of γ; `moments` are those of
    /// [`forward`](Self::forward).
    pub(super) fn backward(
        self,
        x: &[f32],
        moments: &[f32],
        gradient: &[f32],
        other: Option<&[f32]>,
    ) -> [Vec<f32>; 2] {
        let width = self.gamma.len();
        let rows = x.len() / width;
        let task = per_task(rows, MANY);
        let sums = Mutex::new(vec![Vec::new(); rows.div_ceil(task)]);
        let [out] = by_rows(rows, task, [width], |rows, [out]| {
            let (out, index) = (zeroed(out), rows.start / task);
            let states = rows.start * width..rows.end * width;
            let moments = &moments[2 * rows.start..2 * rows.end];
            let inputs = (&x[states.clone()], &gradient[states.clone()]);
            let found = rows_backward(out, inputs, moments, self);
            if let Some(other) = other {
                add_values(out, &other[states]);
            }
            sums.lock().unwrap_or_else(PoisonError::into_inner)[index] = found;
            [out]
        });
        let sums = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
        [out, in_order(sums, width)]
    }
}

vector_fn! {
    fn rows_forward(out: &mut [f32], moments: &mut [f32], x: &[f32], norm: Scaled<'_>) {
        let Scaled { kind, gamma } = norm;
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

    /// The rows of one task; returns their contribution to the gradient of γ.
    fn rows_backward(
        out: &mut [f32],
        inputs: (&[f32], &[f32]),
        moments: &[f32],
        norm: Scaled<'_>,
    ) -> Vec<f32> {
        let ((x, gradient), Scaled { kind, gamma }) = (inputs, norm);
        let width = gamma.len();
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
