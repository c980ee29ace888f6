//! Matrix products of slices, by the `gemm` crate.

use gemm::Parallelism;

use super::rows::{Unwritten, zeroed};

/// A matrix that is read: a slice with strides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `columns` values that follow each other.
    pub(super) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(values, rows, columns, columns)
    }

    /// Rows of `columns` values that start `row_stride` values apart.
    pub(super) fn strided(
        values: &'a [f32],
        rows: usize,
        columns: usize,
        row_stride: usize,
    ) -> Self {
        assert!(
            reach(rows, columns, row_stride) <= values.len(),
            "a matrix of {rows} × {columns} with stride {row_stride} in {} values",
            values.len()
        );
        Self {
            values,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    /// `count` rows from `first` on.
    pub(super) fn rows(self, first: usize, count: usize) -> Self {
        assert!(
            first + count <= self.rows,
            "rows {first} to {} of {}",
            first + count,
            self.rows
        );
        Self {
            values: &self.values[(first * self.row_stride).min(self.values.len())..],
            rows: count,
            ..self
        }
    }

    /// Rows and columns exchanged, without a copy.
    pub(super) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A matrix that is written: rows that follow each other `row_stride` values apart.
#[derive(Debug)]
pub(super) struct MatrixMut<'a> {
    values: &'a mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// Rows of `columns` values that follow each other.
    pub(super) fn new(values: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self::strided(values, rows, columns, columns)
    }

    /// Rows of `columns` values that start `row_stride` values apart.
    pub(super) fn strided(
        values: &'a mut [f32],
        rows: usize,
        columns: usize,
        row_stride: usize,
    ) -> Self {
        assert!(
            reach(rows, columns, row_stride) <= values.len() && columns <= row_stride,
            "a matrix of {rows} × {columns} with stride {row_stride} in {} values",
            values.len()
        );
        Self {
            values,
            rows,
            columns,
            row_stride,
        }
    }
}

/// One past the last value that a matrix touches.
fn reach(rows: usize, columns: usize, row_stride: usize) -> usize {
    if rows == 0 || columns == 0 {
        return 0;
    }
    (rows - 1)
        .checked_mul(row_stride)
        .and_then(|start| start.checked_add(columns))
        .unwrap_or(usize::MAX)
}

/// What a product does with what is in its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// It is replaced.
    Replace,
    /// The product is added to it.
    Add,
}

/// `out = factor · lhs · rhs`, or that added to `out`, on the calling thread.
///
/// # Panics
/// If the sizes do not agree.
pub(super) fn gemm(
    out: MatrixMut<'_>,
    write: Write,
    factor: f32,
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
) {
    assert_eq!(
        (lhs.rows, rhs.columns),
        (out.rows, out.columns),
        "sizes of a matrix product"
    );
    let start = out.values.as_mut_ptr();
    // SAFETY: `MatrixMut` was checked to lie in its slice, whose values are initialised.
    #[expect(unsafe_code, reason = "the crate takes pointers")]
    unsafe {
        product(start, out.row_stride, write, factor, lhs, rhs);
    }
}

/// `lhs · rhs` into memory of exactly its size, on the calling thread.
///
/// # Panics
/// If the sizes do not agree.
pub(super) fn gemm_new<'a>(
    out: &'a mut Unwritten,
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
) -> &'a mut [f32] {
    assert_eq!(
        lhs.rows * rhs.columns,
        out.len(),
        "sizes of a matrix product"
    );
    if lhs.columns == 0 {
        return zeroed(out);
    }
    let start = out.as_mut_ptr().cast();
    // SAFETY: `out` has room for the product, whose rows follow each other; nothing of it is read,
    // and all of it is written.
    #[expect(unsafe_code, reason = "the crate takes pointers")]
    unsafe {
        product(start, rhs.columns, Write::Replace, 1.0, lhs, rhs);
        out.assume_init_mut()
    }
}

/// # Safety
/// `out` points to as many rows as `lhs` has, of as many values as `rhs` has columns, `row_stride`
/// values apart without overlap, that nothing else refers to, and that are initialised if the
/// product is added to them.
#[expect(unsafe_code, reason = "the crate takes pointers")]
unsafe fn product(
    out: *mut f32,
    row_stride: usize,
    write: Write,
    factor: f32,
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
) {
    assert_eq!(lhs.columns, rhs.rows, "sizes of a matrix product");
    let stride = |stride: usize| isize::try_from(stride).expect("a slice has no more values");
    // SAFETY: the caller answers for `out`. The constructors of `Matrix` checked that every element
    // that sizes and strides reach lies in its slice, of initialised values; `rows` and
    // `transposed` reach no others.
    unsafe {
        gemm::gemm(
            lhs.rows,
            rhs.columns,
            lhs.columns,
            out,
            1,
            stride(row_stride),
            write == Write::Add,
            lhs.values.as_ptr(),
            stride(lhs.column_stride),
            stride(lhs.row_stride),
            rhs.values.as_ptr(),
            stride(rhs.column_stride),
            stride(rhs.row_stride),
            1.0,
            factor,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the numbers are exact")]
mod tests {
    use super::*;

    fn product(lhs: Matrix<'_>, rhs: Matrix<'_>) -> Vec<f32> {
        let mut out = vec![1.0; lhs.rows * rhs.columns];
        let (rows, columns) = (lhs.rows, rhs.columns);
        gemm(
            MatrixMut::new(&mut out, rows, columns),
            Write::Replace,
            1.0,
            lhs,
            rhs,
        );
        out
    }

    #[test]
    fn a_product_of_rows_and_of_columns() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]);
        let (a, b) = (Matrix::new(&a, 2, 2), Matrix::new(&b, 2, 2));
        assert_eq!(product(a, b), [19.0, 22.0, 43.0, 50.0]);
        assert_eq!(product(a.transposed(), b), [26.0, 30.0, 38.0, 44.0]);
        assert_eq!(product(a, b.transposed()), [17.0, 23.0, 39.0, 53.0]);
    }

    #[test]
    fn a_product_inside_of_wider_rows_touches_nothing_else() {
        let mut out = [1.0; 6];
        let a = [1.0, 9.0, 2.0, 9.0];
        gemm(
            MatrixMut::strided(&mut out, 2, 2, 3),
            Write::Add,
            2.0,
            Matrix::strided(&a, 2, 1, 2),
            Matrix::new(&[10.0, 20.0], 1, 2),
        );
        assert_eq!(out, [21.0, 41.0, 1.0, 41.0, 81.0, 1.0]);
    }

    #[test]
    #[should_panic(expected = "a matrix of 2 × 2 with stride 3 in 4 values")]
    fn a_matrix_beyond_its_slice_is_refused() {
        let _ = Matrix::strided(&[0.0; 4], 2, 2, 3);
    }
}
