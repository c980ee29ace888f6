//! Matrix products of slices, with the `gemm` crate.

use gemm::Parallelism;

use super::rows::{Unwritten, zeroed};

/// A matrix to read: a slice with strides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix.
    pub(super) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(values, rows, columns, columns)
    }

    /// Rows of `columns` values whose starts are `row_stride` values apart.
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

    pub(super) fn num_rows(self) -> usize {
        self.rows
    }

    pub(super) fn num_columns(self) -> usize {
        self.columns
    }

    /// Values from the start of a row to that of the next.
    pub(super) fn row_stride(self) -> usize {
        self.row_stride
    }

    /// Values from the start of a column to that of the next.
    pub(super) fn column_stride(self) -> usize {
        self.column_stride
    }

    /// The values from a row and column on.
    ///
    /// # Panics
    /// If there is no such row or column.
    pub(super) fn from(self, row: usize, column: usize) -> &'a [f32] {
        assert!(
            row < self.rows && column < self.columns,
            "row {row} of {} and column {column} of {}",
            self.rows,
            self.columns
        );
        &self.values[row * self.row_stride + column * self.column_stride..]
    }

    /// The values of a row.
    ///
    /// # Panics
    /// If there is no such row, or its values are not side by side.
    pub(super) fn row(self, row: usize) -> &'a [f32] {
        assert!(
            row < self.rows && self.column_stride == 1,
            "row {row} of {}",
            self.rows
        );
        let start = row * self.row_stride;
        &self.values[start..start + self.columns]
    }

    /// `count` rows, starting at `first`.
    pub(super) fn rows(self, first: usize, count: usize) -> Self {
        assert!(
            first
                .checked_add(count)
                .is_some_and(|last| last <= self.rows),
            "rows {first} and {count} more of {}",
            self.rows
        );
        Self {
            values: &self.values[start(first, self.row_stride, self.values)..],
            rows: count,
            ..self
        }
    }

    /// `count` columns, starting at `first`.
    pub(super) fn columns(self, first: usize, count: usize) -> Self {
        assert!(
            first
                .checked_add(count)
                .is_some_and(|last| last <= self.columns),
            "columns {first} and {count} more of {}",
            self.columns
        );
        Self {
            values: &self.values[start(first, self.column_stride, self.values)..],
            columns: count,
            ..self
        }
    }

    /// The transpose, without a copy.
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

/// A matrix to write: rows whose starts are `row_stride` values apart.
#[derive(Debug)]
pub(super) struct MatrixMut<'a> {
    values: &'a mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// A row-major matrix.
    pub(super) fn new(values: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self::strided(values, rows, columns, columns)
    }

    /// Rows of `columns` values whose starts are `row_stride` values apart.
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

/// Start of row or column `number`; the end of the values for one past the last.
fn start(number: usize, stride: usize, values: &[f32]) -> usize {
    number.saturating_mul(stride).min(values.len())
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

/// How a product is written to its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// Replaces the result.
    Replace,
    /// Adds to the result.
    Add,
}

/// `out = factor · lhs · rhs` or `out += factor · lhs · rhs`, on the calling thread.
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
    // SAFETY: `MatrixMut` was checked to lie in its slice, whose values are initialized.
    #[expect(unsafe_code, reason = "the crate takes pointers")]
    unsafe {
        product(start, out.row_stride, write, factor, lhs, rhs);
    }
}

/// Writes `factor · lhs · rhs` into memory of exactly its size, on the calling thread.
///
/// # Panics
/// If the sizes do not agree.
pub(super) fn gemm_new<'a>(
    out: &'a mut Unwritten,
    factor: f32,
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
) -> &'a mut [f32] {
    gemm_side_by_side(out, factor, lhs, &[rhs])
}

/// Writes `factor · lhs · rhs` for each `rhs` side by side into memory of exactly their size, on
/// the calling thread.
///
/// # Panics
/// If the sizes do not agree.
pub(super) fn gemm_side_by_side<'a>(
    out: &'a mut Unwritten,
    factor: f32,
    lhs: Matrix<'_>,
    rhs: &[Matrix<'_>],
) -> &'a mut [f32] {
    let width: usize = rhs.iter().map(|rhs| rhs.columns).sum();
    assert_eq!(
        lhs.rows.checked_mul(width),
        Some(out.len()),
        "sizes of a matrix product"
    );
    if lhs.columns == 0 {
        return zeroed(out);
    }
    if lhs.rows == 1 || rhs.iter().any(|rhs| rhs.columns == 1) {
        // A product with a single row or column may use a routine that creates a `&mut [f32]` of
        // the result before writing, which requires initialized values.
        zeroed(out);
    }
    let start: *mut f32 = out.as_mut_ptr().cast();
    let mut first = 0;
    for rhs in rhs {
        // SAFETY: `out` has room for rows of `width` values, of which these are `rhs.columns` from
        // `first` on; nothing of it is read, and there are values where the crate might refer to it
        // as a slice.
        #[expect(unsafe_code, reason = "the crate takes pointers")]
        unsafe {
            product(
                start.wrapping_add(first),
                width,
                Write::Replace,
                factor,
                lhs,
                *rhs,
            );
        }
        first += rhs.columns;
    }
    // SAFETY: the products have written all columns of all rows.
    #[expect(unsafe_code, reason = "the crate takes pointers")]
    unsafe {
        out.assume_init_mut()
    }
}

/// # Safety
/// `out` points to as many rows as `lhs` has, of as many values as `rhs` has columns, `row_stride`
/// values apart without overlap, that nothing else refers to, and that are initialized if the
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
    // SAFETY: the caller guarantees `out`. The constructors of `Matrix` checked that sizes and
    // strides reach only elements of its slice, which are initialized; `rows`, `columns` and
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
    use crate::flex::rows::unwritten;

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
    fn products_side_by_side_are_those_of_rows_and_columns_of_a_matrix() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let [whole, b] = [Matrix::new(&a, 2, 3), Matrix::new(&[1.0, 10.0], 2, 1)];
        let mut out = unwritten(8);
        let rhs = [b, Matrix::new(&[1.0, 0.0, 0.0, 1.0, 2.0, 2.0], 2, 3)];
        let found = gemm_side_by_side(&mut out, 2.0, whole.columns(1, 2), &rhs);
        assert_eq!(found, [64.0, 10.0, 12.0, 12.0, 130.0, 22.0, 24.0, 24.0]);
        let last = whole.rows(1, 1).transposed().columns(0, 1).rows(2, 1);
        assert_eq!(product(last, b.rows(1, 1)), [60.0]);
    }

    #[test]
    #[should_panic(expected = "columns 1 and 2 more of 2")]
    fn columns_beyond_a_matrix_are_refused() {
        let _ = Matrix::new(&[0.0; 4], 2, 2).columns(1, 2);
    }

    #[test]
    #[should_panic(expected = "rows 1 and 18446744073709551615 more of 2")]
    fn rows_whose_end_is_beyond_all_numbers_are_refused() {
        let _ = Matrix::new(&[0.0; 4], 2, 2).rows(1, usize::MAX);
    }

    #[test]
    #[should_panic(expected = "a matrix of 2 × 2 with stride 3 in 4 values")]
    fn a_matrix_beyond_its_slice_is_refused() {
        let _ = Matrix::strided(&[0.0; 4], 2, 2, 3);
    }
}
