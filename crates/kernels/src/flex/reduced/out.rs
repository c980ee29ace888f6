//! Where a product is written.

use std::marker::PhantomData;

use crate::flex::rows::Unwritten;

/// Some columns of the rows of a matrix, to be written: rows whose starts are `stride` values apart.
#[derive(Debug)]
pub(super) struct Out<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    stride: usize,
    memory: PhantomData<&'a mut f32>,
}

impl<'a> Out<'a> {
    /// The columns from `first` on of the `rows` rows in `memory`.
    ///
    /// # Panics
    /// If they do not lie in it.
    pub(super) fn new(
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
    pub(super) fn of_values(values: &'a mut [f32], columns: usize) -> Self {
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

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) fn stride(&self) -> usize {
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
        for (row, factor) in factors.iter().enumerate() {
            let columns = self.columns;
            // SAFETY: `new` has checked that the row is in the memory, which nothing else refers to.
            let values = unsafe { std::slice::from_raw_parts_mut(self.start(row, 0), columns) };
            for value in values {
                *value *= factor;
            }
        }
    }

    /// The place of a row and column.
    pub(super) fn start(&mut self, row: usize, column: usize) -> *mut f32 {
        self.start.wrapping_add(row * self.stride + column)
    }
}
