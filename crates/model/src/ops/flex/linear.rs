//! `x W + b` over rows, and its gradients.

use rayon::prelude::*;

use super::gemm::{Matrix, MatrixMut, Write, gemm};
use super::math::{add, vector_fn};
use super::rows::per_task;

/// Sizes of a linear layer's matrix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width {
    pub(super) input: usize,
    pub(super) output: usize,
}

/// `x W + b`: `[rows, input]` to `[rows, output]`.
pub(super) fn forward(x: &[f32], weight: &[f32], bias: Option<&[f32]>, width: Width) -> Vec<f32> {
    let rows = x.len() / width.input;
    let mut out = vec![0.0; rows * width.output];
    let task = per_task(rows);
    out.par_chunks_mut(task * width.output)
        .zip(x.par_chunks(task * width.input))
        .for_each(|(out, x)| forward_rows(out, x, weight, bias, width));
    out
}

/// The rows of one task.
pub(super) fn forward_rows(
    out: &mut [f32],
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    width: Width,
) {
    let rows = x.len() / width.input;
    gemm(
        MatrixMut::new(out, rows, width.output),
        Write::Replace,
        1.0,
        Matrix::new(x, rows, width.input),
        Matrix::new(weight, width.input, width.output),
    );
    if let Some(bias) = bias {
        add_to_rows(out, bias);
    }
}

/// Gradient of the input: `g Wᵀ`.
pub(super) fn input_gradient(gradient: &[f32], weight: &[f32], width: Width) -> Vec<f32> {
    let rows = gradient.len() / width.output;
    let mut out = vec![0.0; rows * width.input];
    let task = per_task(rows);
    out.par_chunks_mut(task * width.input)
        .zip(gradient.par_chunks(task * width.output))
        .for_each(|(out, gradient)| {
            let rows = gradient.len() / width.output;
            gemm(
                MatrixMut::new(out, rows, width.input),
                Write::Replace,
                1.0,
                Matrix::new(gradient, rows, width.output),
                Matrix::new(weight, width.input, width.output).transposed(),
            );
        });
    out
}

/// Gradient of the weight: `xᵀ g`.
pub(super) fn weight_gradient(x: &[f32], gradient: &[f32], width: Width) -> Vec<f32> {
    let rows = x.len() / width.input;
    let mut out = vec![0.0; width.input * width.output];
    // Each task packs all of `gradient` once: few, large ones.
    let task = width.input.div_ceil(4).max(32);
    let x = Matrix::new(x, rows, width.input).transposed();
    out.par_chunks_mut(task * width.output)
        .enumerate()
        .for_each(|(index, out)| {
            let columns = out.len() / width.output;
            gemm(
                MatrixMut::new(out, columns, width.output),
                Write::Replace,
                1.0,
                x.rows(index * task, columns),
                Matrix::new(gradient, rows, width.output),
            );
        });
    out
}

/// Gradient of the bias: the sum over the rows.
pub(super) fn column_sums(gradient: &[f32], columns: usize) -> Vec<f32> {
    let rows = gradient.len() / columns;
    let partial: Vec<Vec<f32>> = gradient
        .par_chunks(per_task(rows) * columns)
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
