//! Attention with products in bf16.

use std::ops::Range;

use super::bf16::Rows;
use super::out::Out;
use super::panels::Panels;
use crate::flex::attention::{Inputs, Seen, Shape, tasks};
use crate::flex::math::{exp_and_sum, max, vector_fn};
use crate::flex::packed::Block;
use crate::flex::rows::{Unwritten, by_parts, unwritten, zeroed};

/// Queries whose scores are in memory at a time.
const QUERIES: usize = 24;

/// The output, in the shape of the queries, and the logarithms of the softmax sums,
/// `[num_queries, num_heads]`.
pub(in crate::flex) fn forward(inputs: &Inputs<'_>, shape: &Shape) -> [Vec<f32>; 2] {
    let tasks = tasks(inputs.rows);
    let lengths: Vec<[usize; 2]> = tasks
        .iter()
        .map(|(block, _)| [shape.width(), shape.num_heads].map(|width| block.queries.len() * width))
        .collect();
    by_parts(&lengths, |task, [out, log_sums]| {
        let (block, seen) = &tasks[task];
        let log_sums = zeroed(log_sums);
        if block.keys.is_empty() {
            return [zeroed(out), log_sums];
        }
        for head in 0..shape.num_heads {
            one_head(
                inputs,
                (block, seen),
                head,
                (&mut *out, &mut *log_sums),
                shape,
            );
        }
        // SAFETY: every head has written its columns of all queries.
        #[expect(unsafe_code, reason = "the loop above writes all of it")]
        [unsafe { out.assume_init_mut() }, log_sums]
    })
}

/// Writes one head's columns of the output and of the logarithms of a block.
fn one_head(
    inputs: &Inputs<'_>,
    (block, seen): (&Block, &Seen),
    head: usize,
    (out, log_sums): (&mut Unwritten, &mut [f32]),
    shape: &Shape,
) {
    let keys = block.keys.len();
    let query = shape.query(inputs.query, head, &block.queries);
    let key = Panels::bf16_of_transpose(shape.key(inputs.key, head, &block.keys));
    let value = Panels::bf16(shape.key(inputs.value, head, &block.keys));
    let (width, column) = (shape.width(), head * shape.d_head);
    let mut queries = Rows::zeros(QUERIES, shape.d_head);
    let mut probabilities = Rows::zeros(QUERIES, keys);
    let mut scores = unwritten(QUERIES * keys);
    for first in (0..block.queries.len()).step_by(QUERIES) {
        let count = QUERIES.min(block.queries.len() - first);
        for row in 0..count {
            queries.set(row, query.row(first + row), shape.scale);
        }
        let scores = &mut scores[..count * keys];
        queries.multiply(&key, None, &mut Out::new(scores, count, keys, 0, keys));
        // SAFETY: the product has written all scores.
        #[expect(unsafe_code, reason = "the line above writes all of it")]
        let scores = unsafe { scores.assume_init_mut() };
        let mut factors = [0.0; QUERIES];
        for (row, scores) in scores.chunks_exact_mut(keys).enumerate() {
            let seen = seen.of(first + row, keys);
            let [total, greatest] = if shape.dropout.acts() {
                let query = block.queries.start + first + row;
                let found = drop_exponentials(scores, seen, *shape, (query, head));
                probabilities.set(row, scores, 1.0);
                found
            } else {
                probabilities.set_exponentials(row, scores, seen)
            };
            log_sums[(first + row) * shape.num_heads + head] = greatest + total.ln();
            // Without a key that is seen, the sum and all products are zero.
            factors[row] = if total == 0.0 { 0.0 } else { 1.0 / total };
        }
        let memory = &mut out[first * width..(first + count) * width];
        let mut part = Out::new(memory, count, width, column, shape.d_head);
        probabilities.multiply(&value, None, &mut part);
        // SAFETY: the product has written all of the part.
        #[expect(unsafe_code, reason = "the line above writes all of it")]
        unsafe {
            part.scale_rows(&factors[..count]);
        }
    }
}

vector_fn! {
    /// Replaces the scores of a query by their exponentials after dropout, with zeros for keys that are
    /// not seen. Returns the sum before dropout, and the greatest score. `place` is query and head.
    fn drop_exponentials(
        scores: &mut [f32],
        seen: Range<usize>,
        shape: Shape,
        place: (usize, usize),
    ) -> [f32; 2] {
        scores[..seen.start].fill(0.0);
        scores[seen.end..].fill(0.0);
        let visible = &mut scores[seen];
        let greatest = max(visible);
        let total = exp_and_sum(visible, greatest);
        let mask = shape.dropout.row(shape.mask_row(place.0, place.1));
        for (column, score) in scores.iter_mut().enumerate() {
            *score *= mask.factor(column);
        }
        [total, greatest]
    }
}
