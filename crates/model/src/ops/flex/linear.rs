//! `x W + b` over rows, and its gradients.

use rayon::prelude::*;

use super::gemm::{Matrix, gemm_new};
use super::math::{add, vector_fn};
use super::rows::{MANY, Unwritten, by_rows, per_task};

/// Sizes of a linear layer's matrix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width {
    pub(super) input: usize,
    pub(super) output: usize,
}

/// `x W + b`: `[rows, input]` to `[rows, output]`.
pub(super) fn forward(x: &[f32], weight: &[f32], bias: Option<&[f32]>, width: Width) -> Vec<f32> {
    let rows = x.len() / width.input;
    let [out] = by_rows(rows, per_task(rows, MANY), [width.output], |rows, [out]| {
        let x = &x[rows.start * width.input..rows.end * width.input];
        [forward_rows(out, x, weight, bias, width)]
    });
    out
}

/// The rows of one task.
pub(super) fn forward_rows<'a>(
    out: &'a mut Unwritten,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    width: Width,
) -> &'a mut [f32] {
    let x = Matrix::new(x, x.len() / width.input, width.input);
    let out = gemm_new(out, x, Matrix::new(weight, width.input, width.output));
    if let Some(bias) = bias {
        add_to_rows(out, bias);
    }
    out
}

/// Gradient of the input: `g Wᵀ`.
pub(super) fn input_gradient(gradient: &[f32], weight: &[f32], width: Width) -> Vec<f32> {
    let rows = gradient.len() / width.output;
    let [out] = by_rows(rows, per_task(rows, MANY), [width.input], |rows, [out]| {
        let gradient = &gradient[rows.start * width.output..rows.end * width.output];
        [input_gradient_rows(out, gradient, weight, width)]
    });
    out
}

/// The rows of one task.
pub(super) fn input_gradient_rows<'a>(
    out: &'a mut Unwritten,
    gradient: &[f32],
    weight: &[f32],
    width: Width,
) -> &'a mut [f32] {
    let gradient = Matrix::new(gradient, gradient.len() / width.output, width.output);
    let weight = Matrix::new(weight, width.input, width.output);
    gemm_new(out, gradient, weight.transposed())
}

/// Gradient of the weight: `xᵀ g`.
pub(super) fn weight_gradient(x: &[f32], gradient: &[f32], width: Width) -> Vec<f32> {
    let rows = x.len() / width.input;
    let x = Matrix::new(x, rows, width.input).transposed();
    let gradient = Matrix::new(gradient, rows, width.output);
    // Each task packs all of `gradient` once: few, large ones.
    let task = width.input.div_ceil(4).max(32);
    let [out] = by_rows(width.input, task, [width.output], |rows, [out]| {
        [gemm_new(out, x.rows(rows.start, rows.len()), gradient)]
    });
    out
}

/// Gradient of the bias: the sum over the rows.
pub(super) fn column_sums(gradient: &[f32], columns: usize) -> Vec<f32> {
    let rows = gradient.len() / columns;
    let partial: Vec<Vec<f32>> = gradient
        .par_chunks(per_task(rows, MANY) * columns)
        .map(|gradient| sum_of_rows(gradient, columns))
        .collect();
    in_order(partial, columns)
}

vector_fn! {
    fn add_to_rows(rows: &mut [f32], values: &[f32]) {
        for row in rows.chunks_exact_mut(values.len()) {
            add(row, values);
        }
    }

    fn sum_of_rows(rows: &[f32], columns: usize) -> Vec<f32> {
        let mut sums = vec![0.0; columns];
        for row in rows.chunks_exact(columns) {
            add(&mut sums, row);
        }
        sums
    }
}

/// Sum of what the tasks found, in the order of the rows.
pub(super) fn in_order(partial: Vec<Vec<f32>>, columns: usize) -> Vec<f32> {
    let mut partial = partial.into_iter();
    let mut total = partial.next().unwrap_or_else(|| vec![0.0; columns]);
    for sums in partial {
        add(&mut total, &sums);
    }
    total
}
