//! Matrix products of bytes with sums in whole numbers.
//!
//! Every row of the left factor is divided by a step of its own, to bytes from 0 to 255, and every
//! column of the right factor by one of its own, from -127 to 127. Sums are exact, so every
//! processor finds the same product, and a row does not depend on the others.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod vnni;

use super::bytes::{Row, divide};
use super::out::Out;
use super::panels::{Line, PANEL, Panels};
use crate::flex::gemm::Matrix;
use crate::flex::math::vector_fn;
use crate::steps::weight_step;

/// Most terms of a product: their sum is at most 255 · 127 each.
const TERMS: usize = 65_536;

/// A right factor, `[terms, columns]`.
#[derive(Debug)]
pub(crate) struct Weight {
    panels: Panels,
    columns: Vec<Column>,
}

/// Of one column.
#[derive(Debug, Clone, Copy, Default)]
struct Column {
    /// Value of a step.
    step: f32,
    /// Sum of the column in steps.
    sum: i32,
}

/// A left factor: bytes, four side by side in a `u32`, with zeros at the end of a row.
#[derive(Debug)]
pub(super) struct Rows {
    quads: Vec<u32>,
    per_row: usize,
    steps: Vec<Row>,
}

impl Weight {
    /// Divides a row-major matrix into steps.
    ///
    /// # Panics
    /// If it has more than 65,536 rows.
    pub(super) fn of(matrix: Matrix<'_>) -> Self {
        let (terms, count) = (matrix.num_rows(), matrix.num_columns());
        assert!(
            terms <= TERMS,
            "{terms} terms of a product, at most {TERMS}"
        );
        let mut columns = vec![Column::default(); count.next_multiple_of(PANEL)];
        let own = &mut columns[..count];
        for (column, greatest) in own.iter_mut().zip(greatest_of_columns(matrix)) {
            column.step = weight_step(greatest);
        }
        let mut panels = Panels::zeros(terms.div_ceil(4), count);
        divide_columns(panels.lines_mut(), &mut columns, matrix);
        Self { panels, columns }
    }
}

/// What [`steps`](crate::steps) finds, in operations that are vectorized.
#[inline(always)]
fn whole_steps(values: &[f32; PANEL], steps: &[f32; PANEL]) -> [i32; PANEL] {
    /// Adding it rounds to a whole number, ties to even, in the low bits.
    const ROUND: f32 = 12_582_912.0;
    std::array::from_fn(|column| {
        let count = (values[column] / steps[column]).clamp(-127.0, 127.0);
        (count + ROUND).to_bits().cast_signed() - ROUND.to_bits().cast_signed()
    })
}

impl Rows {
    /// Divides the rows of a row-major matrix into steps.
    pub(super) fn of(x: Matrix<'_>) -> Self {
        let per_row = x.num_columns().div_ceil(4);
        let mut quads = vec![0; x.num_rows() * per_row];
        let rows = quads.chunks_exact_mut(per_row.max(1)).enumerate();
        let steps = rows.map(|(row, quads)| divide(quads, x.row(row))).collect();
        Self {
            quads,
            per_row,
            steps,
        }
    }

    /// Writes the product with `weight`, and adds a bias.
    ///
    /// # Panics
    /// If the sizes do not agree.
    pub(super) fn multiply(&self, weight: &Weight, bias: Option<&[f32]>, out: &mut Out<'_>) {
        assert_eq!(self.per_row, weight.panels.groups(), "terms of a product");
        assert_eq!(
            weight.panels.columns(),
            out.columns(),
            "columns of a product"
        );
        assert_eq!(self.steps.len(), out.rows(), "rows of a product");
        if let Some(bias) = bias {
            assert_eq!(bias.len(), out.columns(), "a bias per column");
        }
        #[cfg(target_arch = "x86_64")]
        if has_vnni() {
            // SAFETY: the machine has the instructions; the sizes were checked above.
            #[expect(unsafe_code, reason = "the compiler cannot see the check")]
            unsafe {
                vnni::multiply(self, weight, bias, out);
            }
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if crate::flex::math::has_avx2() {
            // SAFETY: the machine has the instructions; the sizes were checked above.
            #[expect(unsafe_code, reason = "the compiler cannot see the check")]
            unsafe {
                avx2::multiply(self, weight, bias, out);
            }
            return;
        }
        self.multiply_anywhere(weight, bias, out);
    }

    /// The same on any processor.
    fn multiply_anywhere(&self, weight: &Weight, bias: Option<&[f32]>, out: &mut Out<'_>) {
        for (number, panel) in weight.panels.panels().enumerate() {
            let first = number * PANEL;
            let count = (weight.panels.columns() - first).min(PANEL);
            let columns = &weight.columns[first..first + count];
            let bias = bias.map(|bias| &bias[first..first + count]);
            for (row, of_row) in self.steps.iter().enumerate() {
                let quads = &self.quads[row * self.per_row..(row + 1) * self.per_row];
                let mut sums = [0_i32; PANEL];
                add_products(&mut sums, quads, panel);
                for (index, (sum, column)) in sums.iter().zip(columns).enumerate() {
                    let value = column.value(*sum, *of_row);
                    let value = bias.map_or(value, |bias| value + bias[index]);
                    out.set(row, first + index, value);
                }
            }
        }
    }
}

impl Column {
    /// The value of a sum of products of bytes of a row and this column.
    #[inline(always)]
    fn value(self, sum: i32, row: Row) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "rounded once, everywhere alike")]
        let steps = (sum - row.zero * self.sum) as f32;
        steps * (row.step * self.step)
    }
}

/// Whether the machine multiplies bytes in AVX-512.
#[cfg(target_arch = "x86_64")]
fn has_vnni() -> bool {
    crate::flex::math::has_avx512() && std::arch::is_x86_feature_detected!("avx512vnni")
}

vector_fn! {
    /// The greatest magnitude in every column.
    fn greatest_of_columns(matrix: Matrix<'_>) -> Vec<f32> {
        let mut greatest = vec![0.0_f32; matrix.num_columns()];
        for term in 0..matrix.num_rows() {
            for (greatest, value) in greatest.iter_mut().zip(matrix.row(term)) {
                *greatest = greatest.max(value.abs());
            }
        }
        greatest
    }

    /// Writes the bytes of all columns, and their sums.
    fn divide_columns(lines: &mut [[Line; 2]], columns: &mut [Column], matrix: Matrix<'_>) {
        let (terms, count) = (matrix.num_rows(), matrix.num_columns());
        let groups = terms.div_ceil(4);
        for first in (0..count).step_by(PANEL) {
            let of = &mut columns[first..first + PANEL];
            // Where a step is 0, so are all values.
            let own: [f32; PANEL] =
                std::array::from_fn(|column| if of[column].step == 0.0 { 1.0 } else { of[column].step });
            let mut sums = [0_i32; PANEL];
            for term in 0..terms {
                let row = &matrix.row(term)[first..(first + PANEL).min(count)];
                let mut values = [0.0_f32; PANEL];
                if let Some(whole) = row.first_chunk() {
                    values = *whole;
                } else {
                    values[..row.len()].copy_from_slice(row);
                }
                let counts = whole_steps(&values, &own);
                let shift = 8 * (term % 4);
                let line = &mut lines[first / PANEL * groups + term / 4];
                for column in 0..PANEL {
                    sums[column] += counts[column];
                    let byte = counts[column].cast_unsigned() & 0xff;
                    line[column / 16].0[column % 16] |= byte << shift;
                }
            }
            for (column, sum) in of.iter_mut().zip(sums) {
                column.sum = sum;
            }
        }
    }

    fn add_products(sums: &mut [i32; PANEL], quads: &[u32], panel: &[[Line; 2]]) {
        for (quad, lines) in quads.iter().zip(panel) {
            let left = quad.to_le_bytes().map(i32::from);
            for (half, line) in lines.iter().enumerate() {
                for (sum, weights) in sums[16 * half..].iter_mut().zip(&line.0) {
                    let right = weights.to_le_bytes().map(u8::cast_signed);
                    for (byte, weight) in left.iter().zip(right) {
                        *sum += byte * i32::from(weight);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the numbers are exact")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flex::rows::unwritten;
    use crate::steps::steps;

    fn values(count: usize, mut state: u32) -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn weights_are_in_the_steps_of_their_column() {
        for (terms, count) in [(1, 1), (6, 33), (40, 70)] {
            let mut weight = values(terms * count, 5);
            weight[..count.min(2)].fill(0.5);
            weight
                .iter_mut()
                .step_by(count)
                .for_each(|first| *first = 0.0);
            let matrix = Matrix::new(&weight, terms, count);
            let mut found = Weight::of(matrix);
            for column in 0..count {
                let own: Vec<f32> = (0..terms).map(|term| matrix.row(term)[column]).collect();
                let greatest = own.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
                let step = weight_step(greatest);
                assert_eq!(found.columns[column].step, step);
                let mut sum = 0;
                for (term, value) in own.iter().enumerate() {
                    let line =
                        &found.panels.lines_mut()[column / PANEL * terms.div_ceil(4) + term / 4];
                    let quad = line[column % PANEL / 16].0[column % 16];
                    let byte = quad.to_le_bytes()[term % 4].cast_signed();
                    assert_eq!(byte, steps(*value, step), "{term}, {column}");
                    sum += i32::from(byte);
                }
                assert_eq!(found.columns[column].sum, sum);
            }
        }
    }

    proptest! {
        #[test]
        fn a_product_is_close_and_the_same_on_any_processor(
            rows in 1_usize..30, terms in 1_usize..70, columns in 1_usize..80,
            first in 0_usize..3, seed: u32, has_bias: bool,
        ) {
            let (x, weight) = (values(rows * terms, seed), values(terms * columns, !seed));
            let bias = values(columns, seed ^ 0x4d);
            let bias = has_bias.then_some(&bias[..]);
            let (x, matrix) = (Matrix::new(&x, rows, terms), Matrix::new(&weight, terms, columns));
            let (left, right) = (Rows::of(x), Weight::of(matrix));
            let stride = first + columns + 1;
            let written = |multiply: &dyn Fn(&mut Out<'_>)| {
                let mut out = unwritten(rows * stride);
                out.fill(std::mem::MaybeUninit::new(7.0));
                multiply(&mut Out::new(&mut out, rows, stride, first, columns));
                #[expect(unsafe_code, reason = "all of it was filled")]
                unsafe { out.assume_init_ref() }.to_vec()
            };
            let found = written(&|out| left.multiply(&right, bias, out));
            let portable = written(&|out| left.multiply_anywhere(&right, bias, out));
            prop_assert_eq!(&found, &portable);
            // Where `multiply` has taken other instructions.
            #[cfg(target_arch = "x86_64")]
            if crate::flex::math::has_avx2() {
                #[expect(unsafe_code, reason = "the machine has the instructions; the sizes agree")]
                let found = written(&|out| unsafe { avx2::multiply(&left, &right, bias, out) });
                prop_assert_eq!(&found, &portable);
            }
            for (place, found) in found.iter().enumerate() {
                let (row, column) = (place / stride, place % stride);
                if column < first || column == stride - 1 {
                    prop_assert_eq!(*found, 7.0);
                    continue;
                }
                let column = column - first;
                let of_row = left.steps[row].step;
                let of_column = right.columns[column].step;
                let (mut sum, mut most) = (0.0_f64, 1e-5_f64);
                for term in 0..terms {
                    let (x, w) = (x.row(row)[term], matrix.row(term)[column]);
                    sum += f64::from(x) * f64::from(w);
                    // Each factor is off by half a step at most, and zero by half a one.
                    let (of_x, of_w) = (1.001 * of_row, 0.501 * of_column);
                    most += f64::from(of_x * w.abs() + of_w * x.abs() + of_x * of_w);
                }
                let bias = bias.map_or(0.0, |bias| f64::from(bias[column]));
                prop_assert!((f64::from(*found) - sum - bias).abs() <= most);
            }
        }
    }
}
