//! `layer_norm(residual + dropout(x))`, one row at a time.

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Device, Tensor};

use super::buffer::{tensor, values};
use super::dropout::{Dropout, drop_rows};
use super::is_fused;
use super::kernel::{Kernel, run};
use super::linear::in_order;
use super::math::{dot, squares_around, sum, vector_fn};
use super::rows::{MANY, by_rows, per_task, zeroed};
use crate::AddNorm;

/// `norm(residual + dropout(x))`. `None` if the norm has no shift, or the device has no fused
/// blocks.
pub(crate) fn add_norm(
    norm: AddNorm<'_>,
    x: &Tensor<3>,
    residual: &Tensor<3>,
) -> Option<Tensor<3>> {
    let beta = norm.norm.beta.as_ref()?;
    is_fused(x).then(|| {
        let inputs = [
            x.clone().into_dispatch(),
            residual.clone().into_dispatch(),
            norm.norm.gamma.val().into_dispatch(),
            beta.val().into_dispatch(),
        ];
        run(FusedAddNorm::new(norm, &x.device()), inputs)
    })
}

/// Residual addition with dropout and layer norm. Inputs, if it is a block of its own: `x`, the
/// residual, γ and β.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FusedAddNorm {
    /// Added to the variance.
    pub(crate) epsilon: f32,
    /// Dropout of the values added to the residual.
    pub(crate) dropout: Dropout,
}

impl FusedAddNorm {
    /// Draws a dropout mask.
    pub(super) fn new(norm: AddNorm<'_>, device: &Device) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "norms are f32")]
        let epsilon = norm.epsilon as f32;
        Self {
            epsilon,
            dropout: Dropout::draw(norm.dropout, device),
        }
    }

    pub(super) fn norm<'a>(self, gamma: &'a FlexTensor, beta: &'a FlexTensor) -> Norm<'a> {
        Norm {
            gamma: values(gamma),
            beta: values(beta),
            epsilon: self.epsilon,
        }
    }
}

impl Kernel<4> for FusedAddNorm {
    type Saved = SavedRows;

    fn forward(self, [x, residual, gamma, beta]: [FlexTensor; 4]) -> FlexTensor {
        let norm = self.norm(&gamma, &beta);
        let out = forward(values(&x), values(&residual), &norm, self.dropout);
        tensor(out, x.shape())
    }

    fn forward_saved(
        self,
        [x, residual, gamma, beta]: [FlexTensor; 4],
    ) -> (FlexTensor, Self::Saved) {
        let norm = self.norm(&gamma, &beta);
        let [out, normalized, inverse] =
            forward_kept(values(&x), values(&residual), &norm, self.dropout);
        let saved = SavedRows {
            normalized: tensor(normalized, x.shape()),
            inverse: inverse.into(),
            gamma,
            dropout: self.dropout,
        };
        (tensor(out, x.shape()), saved)
    }

    fn backward(
        saved: Self::Saved,
        gradient: &FlexTensor,
        _needed: [bool; 4],
    ) -> [Option<FlexTensor>; 4] {
        let shape = saved.normalized.shape();
        let found = backward(
            values(&saved.normalized),
            &saved.inverse,
            values(gradient),
            values(&saved.gamma),
            saved.dropout,
        );
        let residual = tensor(found.residual, shape.clone());
        let x = match found.x {
            Some(x) => tensor(x, shape),
            None => residual.clone(),
        };
        let vector = |values| tensor(values, saved.gamma.shape());
        [x, residual, vector(found.gamma), vector(found.beta)].map(Some)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct SavedRows {
    /// Normalized rows before γ and β.
    normalized: FlexTensor,
    /// `1 / √(variance + ε)` of every row.
    inverse: Arc<[f32]>,
    gamma: FlexTensor,
    dropout: Dropout,
}

/// Scale and shift, `[d_model]` each, and ε of a layer norm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Norm<'a> {
    pub(super) gamma: &'a [f32],
    pub(super) beta: &'a [f32],
    pub(super) epsilon: f32,
}

/// Rows that one thread normalizes before another has woken up.
const FEW: usize = 64;

/// The result only, for inference.
pub(super) fn forward(x: &[f32], residual: &[f32], norm: &Norm<'_>, dropout: Dropout) -> Vec<f32> {
    let width = norm.gamma.len();
    let rows = x.len() / width;
    let task = if rows <= FEW {
        rows.max(1)
    } else {
        per_task(rows, MANY)
    };
    let [out] = by_rows(rows, task, [width], |rows, [out]| {
        let states = rows.start * width..rows.end * width;
        let (x, residual) = (&x[states.clone()], &residual[states]);
        let out = zeroed(out);
        rows_forward(out, x, residual, *norm, dropout, rows.start);
        [out]
    });
    out
}

vector_fn! {
    /// One task's rows of [`forward`]; `first` is the index of the first row.
    pub(super) fn rows_forward(
        out: &mut [f32],
        x: &[f32],
        residual: &[f32],
        norm: Norm<'_>,
        dropout: Dropout,
        first: usize,
    ) {
        let width = norm.gamma.len();
        let rows = out.chunks_exact_mut(width);
        let inputs = x.chunks_exact(width).zip(residual.chunks_exact(width));
        for (row, (out, (x, residual))) in rows.zip(inputs).enumerate() {
            drop_and_add(out, x, residual, dropout, first + row);
            let (mean, inverse) = moments(out, norm.epsilon);
            let scale = norm.gamma.iter().zip(norm.beta);
            for (out, (gamma, beta)) in out.iter_mut().zip(scale) {
                *out = ((*out - mean) * inverse).mul_add(*gamma, *beta);
            }
        }
    }
}

/// The result and the state saved for the backward pass: normalized rows before γ and β, and
/// `1 / √(variance + ε)` of each row.
pub(super) fn forward_kept(
    x: &[f32],
    residual: &[f32],
    norm: &Norm<'_>,
    dropout: Dropout,
) -> [Vec<f32>; 3] {
    let width = norm.gamma.len();
    let rows = x.len() / width;
    let widths = [width, width, 1];
    by_rows(
        rows,
        per_task(rows, MANY),
        widths,
        |rows, [out, normalized, inverse]| {
            let states = rows.start * width..rows.end * width;
            let (x, residual) = (&x[states.clone()], &residual[states]);
            let [out, normalized, inverse] = [out, normalized, inverse].map(zeroed);
            let kept = (&mut *normalized, &mut *inverse);
            rows_forward_kept(out, kept, x, residual, *norm, dropout, rows.start);
            [out, normalized, inverse]
        },
    )
}

vector_fn! {
    /// One task's rows of [`forward_kept`]; `first` is the index of the first row.
    pub(super) fn rows_forward_kept(
        out: &mut [f32],
        kept: (&mut [f32], &mut [f32]),
        x: &[f32],
        residual: &[f32],
        norm: Norm<'_>,
        dropout: Dropout,
        first: usize,
    ) {
        let width = norm.gamma.len();
        let (normalized, inverse) = kept;
        let rows = out.chunks_exact_mut(width).zip(normalized.chunks_exact_mut(width));
        let inputs = x.chunks_exact(width).zip(residual.chunks_exact(width));
        let rows = rows.zip(inverse).zip(inputs).enumerate();
        for (row, (((out, normalized), kept), (x, residual))) in rows {
            drop_and_add(normalized, x, residual, dropout, first + row);
            let (mean, inverse) = moments(normalized, norm.epsilon);
            *kept = inverse;
            let scale = norm.gamma.iter().zip(norm.beta);
            for ((out, value), (gamma, beta)) in out.iter_mut().zip(normalized).zip(scale) {
                *value = (*value - mean) * inverse;
                *out = value.mul_add(*gamma, *beta);
            }
        }
    }
}

#[inline(always)]
fn drop_and_add(out: &mut [f32], x: &[f32], residual: &[f32], dropout: Dropout, row: usize) {
    let values = out.iter_mut().zip(x).zip(residual);
    if dropout.acts() {
        let mask = dropout.row(row);
        for (column, ((out, x), residual)) in values.enumerate() {
            *out = x.mul_add(mask.factor(column), *residual);
        }
    } else {
        for ((out, x), residual) in values {
            *out = x + residual;
        }
    }
}

/// Mean and `1 / √(variance + ε)`.
#[inline(always)]
fn moments(row: &[f32], epsilon: f32) -> (f32, f32) {
    let width = row.len() as f32;
    let mean = sum(row) / width;
    let variance = squares_around(row, mean) / width;
    (mean, 1.0 / (variance + epsilon).sqrt())
}

/// Gradients of the block.
#[derive(Debug)]
pub(super) struct AddNormGradients {
    /// Gradient of `x`; `None` without dropout, where it equals the residual's.
    pub(super) x: Option<Vec<f32>>,
    pub(super) residual: Vec<f32>,
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
}

/// `normalized` and `inverse` are those of [`forward_kept`].
pub(super) fn backward(
    normalized: &[f32],
    inverse: &[f32],
    gradient: &[f32],
    gamma: &[f32],
    dropout: Dropout,
) -> AddNormGradients {
    let width = gamma.len();
    let rows = gradient.len() / width;
    let task = per_task(rows, MANY);
    let sums = Mutex::new(vec![(Vec::new(), Vec::new()); rows.div_ceil(task)]);
    let [residual] = by_rows(rows, task, [width], |rows, [out]| {
        let states = rows.start * width..rows.end * width;
        let (normalized, gradient) = (&normalized[states.clone()], &gradient[states]);
        let (out, index) = (zeroed(out), rows.start / task);
        let found = rows_backward(out, normalized, &inverse[rows], gradient, gamma);
        sums.lock().unwrap_or_else(PoisonError::into_inner)[index] = found;
        [out]
    });
    let x = dropout.acts().then(|| drop_rows(&residual, width, dropout));
    let sums = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (gammas, betas) = sums.into_iter().unzip();
    AddNormGradients {
        x,
        residual,
        gamma: in_order(gammas, width),
        beta: in_order(betas, width),
    }
}

vector_fn! {
    /// The rows of one task; returns their contribution to the gradients of γ and β.
    fn rows_backward(
        out: &mut [f32],
        normalized: &[f32],
        inverse: &[f32],
        gradient: &[f32],
        gamma: &[f32],
    ) -> (Vec<f32>, Vec<f32>) {
        let width = gamma.len();
        let (mut gammas, mut betas) = (vec![0.0; width], vec![0.0; width]);
        let rows = out
            .chunks_exact_mut(width)
            .zip(normalized.chunks_exact(width))
            .zip(inverse)
            .zip(gradient.chunks_exact(width));
        for (((out, normalized), inverse), gradient) in rows {
            let sums = gammas.iter_mut().zip(&mut betas);
            let values = gradient.iter().zip(normalized).zip(gamma);
            for (((gradient, normalized), gamma), ((gammas, betas), out)) in
                values.zip(sums.zip(out.iter_mut()))
            {
                *gammas = gradient.mul_add(*normalized, *gammas);
                *betas += gradient;
                *out = gradient * gamma;
            }
            let mean = sum(out) / width as f32;
            let projection = dot(out, normalized) / width as f32;
            for (out, normalized) in out.iter_mut().zip(normalized) {
                *out = inverse * (*out - mean - normalized * projection);
            }
        }
        (gammas, betas)
    }
}
