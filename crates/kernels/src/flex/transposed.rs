//! The gradient of a layer's input, `g Wᵀ`.

use rayon::prelude::*;

use super::gemm::{Matrix, MatrixMut, Write, gemm};
use super::linear::{self, LinearLayer, Width};
use super::math::vector_fn;
use super::reduced::{self, Panels, Products};
use super::rows::Unwritten;
use super::unpacked;

/// The transpose of a layer's weight: made once in a backward pass, for all its tasks, whose products
/// would otherwise each read the weight column by column.
#[derive(Debug)]
pub(super) enum Transposed {
    F32 {
        values: Vec<f32>,
        /// Of the layer that has the transpose as its weight.
        width: Width,
    },
    Bf16(Panels),
}

impl Transposed {
    pub(super) fn of(layer: LinearLayer<'_>, products: Products) -> Self {
        match products {
            Products::Bf16 => Self::Bf16(Panels::bf16_of_transpose_in_tasks(layer.matrix())),
            Products::F32 => Self::F32 {
                values: transpose(layer.matrix()),
                width: Width {
                    input: layer.width.output,
                    output: layer.width.input,
                },
            },
        }
    }

    /// Writes `g Wᵀ`, on the calling thread.
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub(super) fn multiply<'a>(
        &self,
        out: &'a mut Unwritten,
        gradient: Matrix<'_>,
    ) -> &'a mut [f32] {
        match self {
            Self::F32 { values, width } => {
                let layer = LinearLayer {
                    weight: values,
                    bias: None,
                    width: *width,
                    packed: None,
                };
                linear::multiply(out, gradient, layer)
            }
            Self::Bf16(panels) => reduced::product(out, gradient, panels),
        }
    }

    /// Adds `g Wᵀ`, on the calling thread.
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub(super) fn multiply_add(&self, out: &mut [f32], gradient: Matrix<'_>) {
        match self {
            Self::F32 { values, width } => {
                let (weight, rows) = (
                    Matrix::new(values, width.input, width.output),
                    gradient.num_rows(),
                );
                // The `gemm` crate adds to a single row term by term.
                if rows > 1 && unpacked::applies(rows, *width) {
                    return unpacked::add_product(out, gradient, weight);
                }
                let out = MatrixMut::new(out, rows, width.output);
                gemm(out, Write::Add, 1.0, gradient, weight);
            }
            Self::Bf16(panels) => reduced::add_product(out, gradient, panels),
        }
    }
}

/// Values in a row of a block, so that a block is in whole cache lines.
const BLOCK: usize = 16;

/// The transpose of a row-major matrix, on all cores.
fn transpose(matrix: Matrix<'_>) -> Vec<f32> {
    let rows = matrix.num_rows();
    let mut out = vec![0.0; rows * matrix.num_columns()];
    out.par_chunks_mut((4 * BLOCK * rows).max(1))
        .enumerate()
        .for_each(|(task, out)| {
            let columns = out.len() / rows;
            transpose_into(out, matrix.columns(task * 4 * BLOCK, columns));
        });
    out
}

vector_fn! {
    fn transpose_into(out: &mut [f32], matrix: Matrix<'_>) {
        let (rows, columns) = (matrix.num_rows(), matrix.num_columns());
        for row in (0..rows).step_by(BLOCK) {
            let height = (rows - row).min(BLOCK);
            for column in (0..columns).step_by(BLOCK) {
                let width = (columns - column).min(BLOCK);
                let mut block = [[0.0_f32; BLOCK]; BLOCK];
                if height == BLOCK && width == BLOCK {
                    for (number, block) in block.iter_mut().enumerate() {
                        let from = &matrix.row(row + number)[column..column + BLOCK];
                        block.copy_from_slice(from);
                    }
                    let line = |number: usize| block.map(|row| row[number]);
                    for (number, line) in (0..BLOCK).map(line).enumerate() {
                        let start = (column + number) * rows + row;
                        out[start..start + BLOCK].copy_from_slice(&line);
                    }
                    continue;
                }
                for row in row..row + height {
                    let from = &matrix.row(row)[column..column + width];
                    for (number, value) in from.iter().enumerate() {
                        out[(column + number) * rows + row] = *value;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_transposed_in_blocks_and_at_their_edges() {
        for (rows, columns) in [(0, 3), (1, 1), (16, 16), (33, 70), (40, 200)] {
            let values: Vec<f32> = (0..rows * columns).map(|value| value as f32).collect();
            let found = transpose(Matrix::new(&values, rows, columns));
            let place = |place: usize| values[place % rows * columns + place / rows];
            let expected: Vec<f32> = (0..rows * columns).map(place).collect();
            assert_eq!(found, expected, "{rows} × {columns}");
        }
    }
}
