//! The right factor of a product in reduced precision, as the kernels read it.

use rayon::prelude::*;

use super::bf16::round;
use crate::flex::gemm::Matrix;
use crate::flex::math::vector_fn;

/// Columns that are multiplied together.
pub(super) const PANEL: usize = 32;

/// A group of terms of sixteen columns: two bf16 or four bytes for each.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Line(pub(super) [u32; 16]);

/// A matrix `[terms, columns]` in panels of 32 columns, each with its terms in groups, padded with
/// zeros.
#[derive(Debug)]
pub(crate) struct Panels {
    lines: Vec<[Line; 2]>,
    groups: usize,
    columns: usize,
}

impl Panels {
    /// Zeros, for `groups` groups of terms.
    pub(super) fn zeros(groups: usize, columns: usize) -> Self {
        let lines = groups * columns.div_ceil(PANEL);
        Self {
            lines: vec![[Line([0; 16]); 2]; lines],
            groups,
            columns,
        }
    }

    /// A row-major matrix, rounded to bf16.
    pub(super) fn bf16(matrix: Matrix<'_>) -> Self {
        let mut panels = Self::zeros(matrix.num_rows().div_ceil(2), matrix.num_columns());
        round_rows(&mut panels.lines, matrix);
        panels
    }

    /// The same, on all cores.
    pub(in crate::flex) fn bf16_in_tasks(matrix: Matrix<'_>) -> Self {
        let (terms, columns) = (matrix.num_rows(), matrix.num_columns());
        Self::in_tasks(terms.div_ceil(2), columns, |lines, first, count| {
            round_rows(lines, matrix.columns(first, count));
        })
    }

    /// The transpose of a row-major matrix, rounded to bf16.
    pub(super) fn bf16_of_transpose(matrix: Matrix<'_>) -> Self {
        let mut panels = Self::zeros(matrix.num_columns().div_ceil(2), matrix.num_rows());
        round_transpose(&mut panels.lines, matrix);
        panels
    }

    /// The same, on all cores.
    pub(in crate::flex) fn bf16_of_transpose_in_tasks(matrix: Matrix<'_>) -> Self {
        let (terms, columns) = (matrix.num_columns(), matrix.num_rows());
        Self::in_tasks(terms.div_ceil(2), columns, |lines, first, count| {
            round_transpose(lines, matrix.rows(first, count));
        })
    }

    /// Panels that `fill` makes of zeros in parallel: it receives some panels, their first column and
    /// number of columns.
    fn in_tasks(
        groups: usize,
        columns: usize,
        fill: impl Fn(&mut [[Line; 2]], usize, usize) + Sync,
    ) -> Self {
        /// Panels of a task: 256 columns.
        const PANELS: usize = 8;
        let count = groups * columns.div_ceil(PANEL);
        let mut lines: Vec<[Line; 2]> = Vec::with_capacity(count);
        let places = &mut lines.spare_capacity_mut()[..count];
        let tasks = places.par_chunks_mut((groups * PANELS).max(1));
        tasks.enumerate().for_each(|(task, places)| {
            for place in &mut *places {
                place.write([Line([0; 16]); 2]);
            }
            // SAFETY: every place was just written.
            #[expect(unsafe_code, reason = "the loop above writes all of it")]
            let lines = unsafe { places.assume_init_mut() };
            let first = task * PANELS * PANEL;
            fill(lines, first, (columns - first).min(PANELS * PANEL));
        });
        // SAFETY: the tasks have written all places.
        #[expect(unsafe_code, reason = "the loop above writes all of it")]
        unsafe {
            lines.set_len(count);
        }
        Self {
            lines,
            groups,
            columns,
        }
    }

    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The lines, panel by panel, each with its groups in order.
    pub(super) fn lines_mut(&mut self) -> &mut [[Line; 2]] {
        &mut self.lines
    }

    /// The panels in order.
    pub(super) fn panels(&self) -> impl Iterator<Item = &[[Line; 2]]> {
        self.lines.chunks_exact(self.groups.max(1))
    }
}

vector_fn! {
    /// Rounds pairs of rows into panels.
    fn round_rows(lines: &mut [[Line; 2]], matrix: Matrix<'_>) {
        let (terms, columns) = (matrix.num_rows(), matrix.num_columns());
        let groups = terms.div_ceil(2);
        let zeros = [0.0; PANEL];
        for group in 0..groups {
            let (low, high) = (2 * group, 2 * group + 1);
            for first in (0..columns).step_by(PANEL) {
                let part = first..(first + PANEL).min(columns);
                let values = |term: usize| {
                    let row = if term < terms { &matrix.row(term)[part.clone()] } else { &zeros };
                    let mut values = zeros;
                    if let Some(whole) = row.first_chunk() {
                        values = *whole;
                    } else {
                        values[..row.len()].copy_from_slice(row);
                    }
                    values
                };
                let (low, high) = (values(low), values(high));
                for (half, line) in lines[first / PANEL * groups + group].iter_mut().enumerate() {
                    for (column, pair) in line.0.iter_mut().enumerate() {
                        let column = 16 * half + column;
                        *pair = round(low[column]) | round(high[column]) << 16;
                    }
                }
            }
        }
    }

    /// Rounds up to 32 values of each row, beginning with `first`, then zeros; rows that the matrix does
    /// not have are zeros.
    fn round_columns(block: &mut [Line; 16], matrix: Matrix<'_>, first: usize) {
        for (row, line) in block.iter_mut().enumerate() {
            let values = if row < matrix.num_rows() { &matrix.row(row)[first..] } else { &[] };
            let mut terms = [0.0_f32; 32];
            if let Some(whole) = values.first_chunk() {
                terms = *whole;
            } else {
                terms[..values.len()].copy_from_slice(values);
            }
            for (pair, [low, high]) in line.0.iter_mut().zip(terms.as_chunks::<2>().0) {
                *pair = round(*low) | round(*high) << 16;
            }
        }
    }
}

/// Rounds the transpose of a matrix into panels.
fn round_transpose(lines: &mut [[Line; 2]], matrix: Matrix<'_>) {
    let (columns, groups) = (matrix.num_rows(), matrix.num_columns().div_ceil(2));
    let mut block = [Line([0; 16]); 16];
    for column in (0..columns).step_by(16) {
        let (panel, half) = (column / PANEL, column % PANEL / 16);
        for group in (0..groups).step_by(16) {
            let part = matrix.rows(column, (columns - column).min(16));
            round_columns(&mut block, part, 2 * group);
            transpose(&mut block);
            let start = panel * groups + group;
            let count = (groups - group).min(16);
            for (lines, row) in lines[start..start + count].iter_mut().zip(&block) {
                lines[half] = *row;
            }
        }
    }
}

fn transpose(block: &mut [Line; 16]) {
    #[cfg(target_arch = "x86_64")]
    if crate::flex::math::has_avx512() {
        // SAFETY: the machine has the instructions; there is no other requirement.
        #[expect(unsafe_code, reason = "the compiler cannot see the check")]
        unsafe {
            transpose_avx512(block);
        }
        return;
    }
    transpose_anywhere(block);
}

fn transpose_anywhere(block: &mut [Line; 16]) {
    for row in 0..16 {
        let (before, from) = block.split_at_mut(row);
        for (column, other) in before.iter_mut().enumerate() {
            std::mem::swap(&mut other.0[row], &mut from[0].0[column]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn transpose_avx512(block: &mut [Line; 16]) {
    use std::arch::x86_64::{
        __m512i, _mm512_load_si512, _mm512_shuffle_i32x4, _mm512_store_si512,
        _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    };

    // SAFETY: a line is aligned, and 64 bytes.
    #[expect(unsafe_code, reason = "loads of whole lines")]
    let rows: [__m512i; 16] = std::array::from_fn(|row| unsafe {
        _mm512_load_si512(std::ptr::from_ref(&block[row]).cast())
    });
    // In every vector of four: columns k and k + 1 of rows 2k and 2k + 1, then of four rows.
    let pairs: [__m512i; 16] = std::array::from_fn(|row| {
        let (a, b) = (rows[row & !1], rows[row | 1]);
        if row % 2 == 0 {
            _mm512_unpacklo_epi32(a, b)
        } else {
            _mm512_unpackhi_epi32(a, b)
        }
    });
    let fours: [__m512i; 16] = std::array::from_fn(|row| {
        let first = (row & !3) + (row % 4) / 2;
        let (a, b) = (pairs[first], pairs[first + 2]);
        if row % 2 == 0 {
            _mm512_unpacklo_epi64(a, b)
        } else {
            _mm512_unpackhi_epi64(a, b)
        }
    });
    // `fours[4 r + c]` has columns c, c + 4, c + 8 and c + 12 of rows 4 r to 4 r + 3.
    for column in 0..4 {
        let [a, b, c, d] = [0, 4, 8, 12].map(|row| fours[row + column]);
        let (low, high) = (
            _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b),
            _mm512_shuffle_i32x4::<0b10_00_10_00>(c, d),
        );
        let (odd_low, odd_high) = (
            _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(c, d),
        );
        let results = [
            _mm512_shuffle_i32x4::<0b10_00_10_00>(low, high),
            _mm512_shuffle_i32x4::<0b10_00_10_00>(odd_low, odd_high),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(low, high),
            _mm512_shuffle_i32x4::<0b11_01_11_01>(odd_low, odd_high),
        ];
        for (number, result) in results.into_iter().enumerate() {
            let line = std::ptr::from_mut(&mut block[column + 4 * number]);
            // SAFETY: a line is aligned, and 64 bytes.
            #[expect(unsafe_code, reason = "stores of whole lines")]
            unsafe {
                _mm512_store_si512(line.cast(), result);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_transposed() {
        let block = |number: fn(usize, usize) -> usize| -> [Line; 16] {
            std::array::from_fn(|row| {
                let line =
                    std::array::from_fn(|column| u32::try_from(number(row, column)).unwrap());
                Line(line)
            })
        };
        let expected = block(|row, column| 16 * column + row);
        for transpose in [transpose, transpose_anywhere] {
            let mut found = block(|row, column| 16 * row + column);
            transpose(&mut found);
            assert_eq!(found.map(|line| line.0), expected.map(|line| line.0));
        }
    }

    #[test]
    fn a_matrix_and_the_transpose_of_its_transpose_are_packed_alike() {
        for (terms, columns) in [
            (1, 1),
            (2, 16),
            (5, 33),
            (32, 32),
            (33, 40),
            (64, 100),
            (3, 700),
        ] {
            let values: Vec<f32> = (0..terms * columns).map(|value| value as f32).collect();
            let transposed: Vec<f32> = (0..terms * columns)
                .map(|place| values[place % terms * columns + place / terms])
                .collect();
            let packed = Panels::bf16(Matrix::new(&values, terms, columns));
            let other = Panels::bf16_of_transpose(Matrix::new(&transposed, columns, terms));
            let bits = |panels: &Panels| -> Vec<u32> {
                let lines = panels.lines.iter().flatten();
                lines.flat_map(|line| line.0).collect()
            };
            assert_eq!(bits(&packed), bits(&other), "{terms} × {columns}");
            let packed = Panels::bf16_in_tasks(Matrix::new(&values, terms, columns));
            assert_eq!(bits(&packed), bits(&other), "{terms} × {columns}");
            let matrix = Matrix::new(&transposed, columns, terms);
            let packed = Panels::bf16_of_transpose_in_tasks(matrix);
            assert_eq!(bits(&packed), bits(&other), "{terms} × {columns}");
            // Rows 0 and 1 of column 0 are side by side.
            let second = if terms > 1 { values[columns] } else { 0.0 };
            assert_eq!(bits(&packed)[0], round(values[0]) | round(second) << 16);
        }
    }
}
