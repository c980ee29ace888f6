//! `xᵀ g` in bf16, a sum over many rows.

use super::bf16::multiply_transposed;
use super::out::Out;
use super::panels::{PANEL, Panels};
use crate::flex::gemm::{Matrix, Write};
use crate::flex::rows::by_rows;
use rayon::prelude::*;

/// Rows that are multiplied together, so that a panel of each factor stays in the cache.
const ROWS: usize = 256;

/// A matrix, rounded, in blocks of rows.
#[derive(Debug)]
pub(in crate::flex) struct Blocks {
    blocks: Vec<Panels>,
    columns: usize,
}

impl Blocks {
    /// Rounds a row-major matrix, on all cores.
    pub(in crate::flex) fn of(matrix: Matrix<'_>) -> Self {
        let rows = matrix.num_rows();
        let blocks = (0..rows.div_ceil(ROWS)).into_par_iter().map(|block| {
            let first = block * ROWS;
            Panels::bf16(matrix.rows(first, (rows - first).min(ROWS)))
        });
        Self {
            blocks: blocks.collect(),
            columns: matrix.num_columns(),
        }
    }
}

/// `xᵀ g`, a sum over the rows in their order: `[rows, input]` and `[rows, output]` to
/// `[input, output]`.
///
/// # Panics
/// If the numbers of rows differ.
pub(in crate::flex) fn product_over_rows(x: &Blocks, gradient: &Blocks) -> Vec<f32> {
    assert_eq!(x.blocks.len(), gradient.blocks.len(), "rows of a product");
    let (input, output) = (x.columns, gradient.columns);
    let [out] = by_rows(input, per_task(input), [output], |rows, [out]| {
        if x.blocks.is_empty() {
            return [crate::flex::rows::zeroed(out)];
        }
        let mut part = Out::new(out, rows.len(), output, 0, output);
        for (block, (x, gradient)) in x.blocks.iter().zip(&gradient.blocks).enumerate() {
            let write = if block == 0 {
                Write::Replace
            } else {
                Write::Add
            };
            // SAFETY: the first block has written all values.
            #[expect(unsafe_code, reason = "what the line above says")]
            unsafe {
                multiply_transposed(x, rows.start, gradient, write, &mut part);
            }
        }
        // SAFETY: the first block has written all values.
        #[expect(unsafe_code, reason = "the loop above writes all of it")]
        [unsafe { out.assume_init_mut() }]
    });
    out
}

/// Rows of the result in a task, whole panels of `x`: about eight tasks, and more for wide inputs, whose
/// tasks would read too much at a time. Depends only on the shape.
fn per_task(input: usize) -> usize {
    (input / 8).next_multiple_of(PANEL).clamp(PANEL, 4 * PANEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_over_rows_is_that_of_its_blocks() {
        if !crate::flex::has_bf16() {
            return;
        }
        for (rows, input, output) in [(0, 3, 2), (1, 40, 3), (700, 133, 2), (1100, 64, 33)] {
            // Whole numbers of few bits, so that neither factors nor sums are rounded.
            let value = |index: usize| (index % 7) as f32 - 2.0;
            let x: Vec<f32> = (0..rows * input).map(value).collect();
            let gradient: Vec<f32> = (0..rows * output).map(|index| value(3 * index)).collect();
            let blocks = |values, columns| Blocks::of(Matrix::new(values, rows, columns));
            let found = product_over_rows(&blocks(&x, input), &blocks(&gradient, output));
            let expected: Vec<f32> = (0..input * output)
                .map(|index| {
                    let (column, row) = (index / output, index % output);
                    let pairs = x.iter().skip(column).step_by(input);
                    let pairs = pairs.zip(gradient.iter().skip(row).step_by(output));
                    pairs.map(|(x, gradient)| x * gradient).sum()
                })
                .collect();
            assert_eq!(found, expected, "{rows} rows of {input} and {output}");
        }
    }

    #[test]
    fn wide_inputs_have_more_tasks() {
        let tasks = |input: usize| input.div_ceil(per_task(input));
        assert_eq!([40, 384, 768, 3072].map(tasks), [2, 6, 8, 24]);
    }
}
