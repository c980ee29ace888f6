//! Attention with products in bf16.

use super::bf16::Rows;
use super::out::Out;
use super::panels::Panels;
use crate::flex::attention::{Inputs, Seen, Shape, tasks};
use crate::flex::packed::Block;
use crate::flex::rows::{Unwritten, by_parts, unwritten, zeroed};

/// Queries whose scores are in memory at a time.
const QUERIES: usize = 24;

/// The output, in the shape of the queries, without dropout.
pub(in crate::flex) fn forward(inputs: &Inputs<'_>, shape: &Shape) -> Vec<f32> {
    let tasks = tasks(inputs.rows);
    let lengths: Vec<[usize; 1]> = tasks
        .iter()
        .map(|(block, _)| [block.queries.len() * shape.width()])
        .collect();
    let [out] = by_parts(&lengths, |task, [out]| {
        let (block, seen) = &tasks[task];
        if block.keys.is_empty() {
            return [zeroed(out)];
        }
        for head in 0..shape.num_heads {
            one_head(inputs, block, seen, head, out, shape);
        }
        // SAFETY: every head has written its columns of all queries.
        #[expect(unsafe_code, reason = "the loop above writes all of it")]
        [unsafe { out.assume_init_mut() }]
    });
    out
}

/// Writes one head's columns of the output of a block.
fn one_head(
    inputs: &Inputs<'_>,
    block: &Block,
    seen: &Seen,
    head: usize,
    out: &mut Unwritten,
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
        let scores = unsafe { scores.assume_init_ref() };
        let mut factors = [0.0; QUERIES];
        for (row, scores) in scores.chunks_exact(keys).enumerate() {
            let seen = seen.of(first + row, keys);
            let total = probabilities.set_exponentials(row, scores, seen);
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
