//! Where a product is written.

use std::marker::PhantomData;

use crate::flex::rows::Unwritten;

/// Some columns of the rows of a matrix, to be written: rows whose starts are `stride` values apart.
#[derive(Debug)]
pub(in crate::flex) struct Out<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    stride: usize,
    memory: PhantomData<&'a mut f32>,
}

// SAFETY: it is a `&mut` of its columns, to which nothing else refers.
#[expect(unsafe_code, reason = "it holds a pointer")]
unsafe impl Send for Out<'_> {}

impl<'a> Out<'a> {
    /// All columns of `rows` rows, divided into parts of these widths from left to right.
    ///
    /// # Panics
    /// If they are not exactly the memory.
    pub(in crate::flex) fn side_by_side(
        memory: &'a mut Unwritten,
        rows: usize,
        widths: &[usize],
    ) -> Vec<Self> {
        let stride: usize = widths.iter().sum();
        assert_eq!(rows.checked_mul(stride), Some(memory.len()), "all columns");
        let start = memory.as_mut_ptr().cast::<f32>();
        let mut first = 0;
        let mut part = |columns: &usize| {
            let start = start.wrapping_add(first);
            first += columns;
            Self {
                start,
                rows,
                columns: *columns,
                stride,
                memory: PhantomData,
            }
        };
        widths.iter().map(&mut part).collect()
    }

    /// The columns from `first` on of the `rows` rows in `memory`.
    ///
    /// # Panics
    /// If they do not lie in it.
    pub(in crate::flex) fn new(
        memory: &'a mut Unwritten,
        rows: usize,
        stride: usize,
        first: usize,
        columns: usize,
    ) -> Self {
        assert!(first + columns <= stride, "columns of a row");
        assert!(
            rows == 0 || (rows - 1) * stride + first + columns <= memory.len(),
            "{rows} rows in {} values",
            memory.len()
        );
        Self {
            start: memory.as_mut_ptr().cast::<f32>().wrapping_add(first),
            rows,
            columns,
            stride,
            memory: PhantomData,
        }
    }

    /// Whole rows of values.
    ///
    /// # Panics
    /// If the last row is not complete.
    pub(in crate::flex) fn of_values(values: &'a mut [f32], columns: usize) -> Self {
        let rows = values.len() / columns.max(1);
        assert_eq!(rows * columns, values.len(), "whole rows");
        Self::strided_values(values, rows, columns, columns)
    }

    /// Rows of values whose starts are `stride` values apart.
    ///
    /// # Panics
    /// If they do not lie in `values`.
    pub(super) fn strided_values(
        values: &'a mut [f32],
        rows: usize,
        columns: usize,
        stride: usize,
    ) -> Self {
        // SAFETY: values are also places for values; none of them is made unwritten through `Out`.
        #[expect(unsafe_code, reason = "the types differ only in what they promise")]
        let memory = unsafe { &mut *(std::ptr::from_mut(values) as *mut Unwritten) };
        Self::new(memory, rows, stride, 0, columns)
    }

    pub(in crate::flex) fn rows(&self) -> usize {
        self.rows
    }

    pub(in crate::flex) fn columns(&self) -> usize {
        self.columns
    }

    #[cfg(target_arch = "x86_64")]
    pub(in crate::flex) fn stride(&self) -> usize {
        self.stride
    }

    /// Writes a value.
    ///
    /// # Panics
    /// If there is no such row or column.
    pub(super) fn set(&mut self, row: usize, column: usize, value: f32) {
        assert!(
            row < self.rows && column < self.columns,
            "a place of {} × {}",
            self.rows,
            self.columns
        );
        // SAFETY: `new` has checked that it is in the memory, which nothing else refers to.
        #[expect(unsafe_code, reason = "what was checked above")]
        unsafe {
            self.start(row, column).write(value);
        }
    }

    /// Multiplies every row by its factor.
    ///
    /// # Safety
    /// All values were written.
    #[expect(unsafe_code, reason = "its callers know what was written")]
    pub(super) unsafe fn scale_rows(&mut self, factors: &[f32]) {
        assert_eq!(factors.len(), self.rows, "a factor per row");
        let mut factors = factors.iter();
        // SAFETY: the caller has written all values.
        unsafe {
            self.each_row(|values| {
                let factor = factors.next().expect("a factor per row");
                for value in values {
                    *value *= factor;
                }
            });
        }
    }

    /// Changes the columns of every row.
    ///
    /// # Safety
    /// All values were written.
    #[expect(unsafe_code, reason = "its callers know what was written")]
    pub(in crate::flex) unsafe fn each_row(&mut self, mut change: impl FnMut(&mut [f32])) {
        for row in 0..self.rows {
            let columns = self.columns;
            // SAFETY: the row is in the memory, as was checked when `self` was made, and nothing else
            // refers to its columns.
            change(unsafe { std::slice::from_raw_parts_mut(self.start(row, 0), columns) });
        }
    }

    /// The place of a row and column.
    pub(in crate::flex) fn start(&mut self, row: usize, column: usize) -> *mut f32 {
        self.start.wrapping_add(row * self.stride + column)
    }
}
