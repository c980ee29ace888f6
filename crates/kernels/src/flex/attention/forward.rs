//! Forward pass of attention.

use super::{BLOCK, Inputs, Seen, Shape, by_heads};
use crate::flex::gemm::{Matrix, MatrixMut, Write, gemm, gemm_new};
use crate::flex::math::{exp_and_sum, max, vector_fn};
use crate::flex::packed::{Block, Rows};
use crate::flex::reduced;
use crate::flex::rows::{by_parts, unwritten, zeroed};

/// The output, in the shape of the queries, and the logarithms of the softmax sums,
/// `[num_queries, num_heads]`.
pub(in crate::flex) fn forward(inputs: &Inputs<'_>, shape: &Shape) -> [Vec<f32>; 2] {
    let blocks = (0..inputs.rows.queries.num_rows())
        .map(|row| inputs.rows.blocks(row, BLOCK).count())
        .sum();
    match by_heads::groups(inputs, shape, blocks) {
        1 => in_blocks(inputs, shape),
        groups => by_heads::forward(inputs, shape, groups, in_blocks),
    }
}

/// The same, in tasks of blocks of queries.
pub(super) fn in_blocks(inputs: &Inputs<'_>, shape: &Shape) -> [Vec<f32>; 2] {
    if shape.products.are_bf16() {
        return reduced::attention(inputs, shape);
    }
    let blocks = tasks(inputs.rows);
    let lengths: Vec<[usize; 2]> = blocks
        .iter()
        .map(|(block, _)| [shape.width(), shape.num_heads].map(|width| block.queries.len() * width))
        .collect();
    by_parts(&lengths, |task, parts| {
        let (block, seen) = &blocks[task];
        let [out, log_sums] = parts.map(zeroed);
        let (queries, keys) = (block.queries.len(), block.keys.len());
        if keys == 0 {
            return [out, log_sums];
        }
        let mut scores = unwritten(queries * keys);
        for head in 0..shape.num_heads {
            let query = shape.query(inputs.query, head, &block.queries);
            let key = shape.key(inputs.key, head, &block.keys);
            let scores = gemm_new(&mut scores, shape.scale, query, key.transposed());
            let results = (&mut *out, &mut *log_sums);
            average(inputs, block, seen, head, scores, results, shape);
        }
        [out, log_sums]
    })
}

/// The blocks of queries of all rows, and the keys that each query attends to.
pub(in crate::flex) fn tasks(rows: &Rows) -> Vec<(Block, Seen)> {
    (0..rows.queries.num_rows())
        .flat_map(|row| rows.blocks(row, BLOCK).map(move |block| (row, block)))
        .map(|(row, block)| {
            let seen = Seen::new(rows, row, &block);
            (block, seen)
        })
        .collect()
}

/// Softmax of one head's scores, `[queries, keys]` of the block, times the values.
pub(in crate::flex) fn average(
    inputs: &Inputs<'_>,
    block: &Block,
    seen: &Seen,
    head: usize,
    scores: &mut [f32],
    (out, log_sums): (&mut [f32], &mut [f32]),
    shape: &Shape,
) {
    let (queries, keys) = (block.queries.len(), block.keys.len());
    let mut totals = Vec::with_capacity(queries);
    let place = (head, block.queries.start);
    softmax(scores, keys, seen, &mut totals, log_sums, *shape, place);
    let out = &mut out[head * shape.d_head..];
    gemm(
        MatrixMut::strided(out, queries, shape.d_head, shape.width()),
        Write::Replace,
        1.0,
        Matrix::new(scores, queries, keys),
        shape.key(inputs.value, head, &block.keys),
    );
    divide_rows(out, shape.width(), shape.d_head, &totals);
}

vector_fn! {
    /// Replaces the scores of one head and block of queries by their exponentials, with zeros for
    /// masked keys, and applies dropout. `totals` receives the sum per query, by which to divide
    /// after the product with the values, which has fewer columns. `place` is the head and the
    /// first query.
    fn softmax(
        scores: &mut [f32],
        keys: usize,
        seen: &Seen,
        totals: &mut Vec<f32>,
        log_sums: &mut [f32],
        shape: Shape,
        place: (usize, usize),
    ) {
        let (head, first) = place;
        for (index, scores) in scores.chunks_exact_mut(keys).enumerate() {
            let seen = seen.of(index, keys);
            scores[..seen.start].fill(0.0);
            scores[seen.end..].fill(0.0);
            let visible = &mut scores[seen];
            let greatest = max(visible);
            let total = exp_and_sum(visible, greatest);
            totals.push(total);
            log_sums[index * shape.num_heads + head] = greatest + total.ln();
            if shape.dropout.acts() {
                let mask = shape.dropout.row(shape.mask_row(first + index, head));
                for (column, score) in scores.iter_mut().enumerate() {
                    *score *= mask.factor(column);
                }
            }
        }
    }

    /// Divides the first `width` values of each row by its total; rows with total 0 stay zero.
    fn divide_rows(rows: &mut [f32], row_stride: usize, width: usize, totals: &[f32]) {
        for (row, total) in rows.chunks_mut(row_stride).zip(totals) {
            let factor = if *total > 0.0 { 1.0 / total } else { 0.0 };
            for value in &mut row[..width] {
                *value *= factor;
            }
        }
    }
}
