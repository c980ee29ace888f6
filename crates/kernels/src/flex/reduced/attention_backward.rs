//! Backward pass of attention with products in bf16.

use super::bf16::{Rows, multiply_transposed};
use super::out::Out;
use super::panels::Panels;
use crate::flex::gemm::{Matrix, Write};
use crate::flex::rows::Unwritten;

/// Factors of one head and block of queries: the queries times the scale of the scores, the gradient of
/// the output, `[queries, d_head]`, keys and values, `[keys, d_head]`.
pub(in crate::flex) struct Factors<'a> {
    scale: f32,
    /// The queries, scaled.
    query: Vec<f32>,
    gradient: Matrix<'a>,
    key: Matrix<'a>,
}

impl<'a> Factors<'a> {
    /// The factors, and the products with which the pass begins: scores, and gradients of the
    /// probabilities, `[queries, keys]`.
    pub(in crate::flex) fn new<'b>(
        [query, gradient, key, value]: [Matrix<'a>; 4],
        scale: f32,
        [scores, gradients]: [&'b mut Unwritten; 2],
    ) -> (Self, [&'b mut [f32]; 2]) {
        let rows = (0..query.num_rows()).flat_map(|row| query.row(row));
        let factors = Self {
            scale,
            query: rows.map(|value| value * scale).collect(),
            gradient,
            key,
        };
        let scores = times_transpose(scores, factors.query(), key);
        let gradients = times_transpose(gradients, gradient, value);
        (factors, [scores, gradients])
    }

    fn query(&self) -> Matrix<'_> {
        let columns = self.key.num_columns();
        Matrix::new(&self.query, self.gradient.num_rows(), columns)
    }

    /// Writes the gradient of the queries, `stride` values apart, and adds to those of keys and values,
    /// from the probabilities and the gradients of the scores, `[queries, keys]`.
    pub(in crate::flex) fn add_gradients(
        &self,
        [probabilities, gradients]: [Matrix<'_>; 2],
        [d_query, d_key, d_value]: [&mut [f32]; 3],
        stride: usize,
    ) {
        let (queries, d_head) = (self.gradient.num_rows(), self.key.num_columns());
        let mut rows = Rows::zeros(queries, self.key.num_rows());
        for row in 0..queries {
            rows.set(row, gradients.row(row), self.scale);
        }
        let mut out = Out::strided_values(d_query, queries, d_head, stride);
        rows.multiply(&Panels::bf16(self.key), None, &mut out);
        for (left, right, out) in [
            (gradients, self.query(), d_key),
            (probabilities, self.gradient, d_value),
        ] {
            let (left, right) = (Panels::bf16(left), Panels::bf16(right));
            let mut out = Out::of_values(out, d_head);
            // SAFETY: all of it has values.
            #[expect(unsafe_code, reason = "what the lines above say")]
            unsafe {
                multiply_transposed(&left, 0, &right, Write::Add, &mut out);
            }
        }
    }
}

/// Writes `left rightᵀ`.
fn times_transpose<'a>(
    out: &'a mut Unwritten,
    left: Matrix<'_>,
    right: Matrix<'_>,
) -> &'a mut [f32] {
    let panels = Panels::bf16_of_transpose(right);
    super::product(out, left, &panels)
}
