//! Multi-head attention within the rows of a packed batch.
//!
//! Queries, keys and values come as the linear layers leave them, the heads side by side in a
//! token's state, and are read where they lie. Scores exist for a block of queries at a time, and
//! only of the keys that any of them sees; the backward pass computes them again from their
//! log-sums, as in Dao et al. (2022), <https://arxiv.org/abs/2205.14135>.

use std::ops::Range;

use super::dropout::Dropout;
use super::gemm::{Matrix, MatrixMut, Write, gemm};
use super::math::{dot, exp, exp_and_sum, max, vector_fn};
use super::packed::{Block, PackedTokens, Rows};
use super::rows::{by_parts, zeroed};

/// Queries whose scores are in memory at a time.
const BLOCK: usize = 128;

/// Sizes and options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) num_heads: usize,
    /// Divides `num_heads`: neighbouring heads of queries share one of keys and values.
    pub(super) num_key_value_heads: usize,
    pub(super) d_head: usize,
    /// Scores are `scale · q · k`.
    pub(super) scale: f32,
    pub(super) dropout: Dropout,
}

impl Shape {
    /// Width of a token's queries.
    pub(super) fn width(&self) -> usize {
        self.num_heads * self.d_head
    }

    /// Query heads that share a head of keys.
    fn group(&self) -> usize {
        self.num_heads / self.num_key_value_heads
    }

    /// The part of one head of queries in some rows.
    pub(super) fn query<'a>(
        &self,
        rows: &'a [f32],
        head: usize,
        range: &Range<usize>,
    ) -> Matrix<'a> {
        self.head(rows, self.num_heads, head, range)
    }

    /// The part in keys or values that a head of queries looks at.
    pub(super) fn key<'a>(&self, rows: &'a [f32], head: usize, range: &Range<usize>) -> Matrix<'a> {
        self.head(rows, self.num_key_value_heads, head / self.group(), range)
    }

    fn head<'a>(
        &self,
        rows: &'a [f32],
        num_heads: usize,
        head: usize,
        range: &Range<usize>,
    ) -> Matrix<'a> {
        let width = num_heads * self.d_head;
        let start = range.start * width + head * self.d_head;
        let values = rows.get(start..).unwrap_or_default();
        Matrix::strided(values, range.len(), self.d_head, width)
    }

    /// Number of the mask's row of a query.
    fn mask_row(&self, query: usize, head: usize) -> usize {
        query * self.num_heads + head
    }
}

/// Queries, `[num_queries, num_heads · d_head]`, keys and values,
/// `[num_keys, num_key_value_heads · d_head]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) query: &'a [f32],
    pub(super) key: &'a [f32],
    pub(super) value: &'a [f32],
    pub(super) rows: &'a Rows,
}

/// The result, shaped as the queries, and the logarithm of the sum of each query's exponentials:
/// `[num_queries, num_heads]`.
pub(super) fn forward(inputs: &Inputs<'_>, shape: &Shape) -> [Vec<f32>; 2] {
    let rows = 0..inputs.rows.queries.num_rows();
    let blocks: Vec<(Block, Seen)> = rows
        .flat_map(|row| {
            inputs
                .rows
                .blocks(row, BLOCK)
                .map(move |block| (row, block))
        })
        .map(|(row, block)| {
            let seen = Seen::new(inputs.rows, row, &block);
            (block, seen)
        })
        .collect();
    let lengths: Vec<[usize; 2]> = blocks
        .iter()
        .map(|(block, _)| [shape.width(), shape.num_heads].map(|width| block.queries.len() * width))
        .collect();
    by_parts(&lengths, |task, parts| {
        let (block, seen) = &blocks[task];
        let [out, log_sums] = parts.map(zeroed);
        let mut scores = vec![0.0; block.queries.len() * block.keys.len()];
        for head in 0..shape.num_heads {
            let results = (&mut *out, &mut *log_sums);
            head_forward(inputs, block, seen, head, &mut scores, results, shape);
        }
        [out, log_sums]
    })
}

/// Of the keys of a block, those that each of its queries sees.
#[derive(Debug)]
pub(super) enum Seen {
    All,
    Some(Vec<Range<usize>>),
}

impl Seen {
    pub(super) fn new(rows: &Rows, row: usize, block: &Block) -> Self {
        let first = block.keys.start;
        let seen = block.queries.clone().map(|query| {
            let seen = rows.seen(row, query);
            seen.start - first..seen.end - first
        });
        let seen: Vec<Range<usize>> = seen.collect();
        if seen.iter().all(|seen| seen.len() == block.keys.len()) {
            Self::All
        } else {
            Self::Some(seen)
        }
    }

    #[inline(always)]
    fn of(&self, index: usize, keys: usize) -> Range<usize> {
        match self {
            Self::All => 0..keys,
            Self::Some(seen) => seen[index].clone(),
        }
    }
}

fn head_forward(
    inputs: &Inputs<'_>,
    block: &Block,
    seen: &Seen,
    head: usize,
    scores: &mut [f32],
    (out, log_sums): (&mut [f32], &mut [f32]),
    shape: &Shape,
) {
    let (queries, keys) = (block.queries.len(), block.keys.len());
    if keys == 0 {
        return;
    }
    gemm(
        MatrixMut::new(scores, queries, keys),
        Write::Replace,
        shape.scale,
        shape.query(inputs.query, head, &block.queries),
        shape.key(inputs.key, head, &block.keys).transposed(),
    );
    average(inputs, block, seen, head, scores, (out, log_sums), shape);
}

/// The average of the values by the softmax of a head's scores, `[queries, keys]` of the block.
pub(super) fn average(
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
    /// Makes exponentials of the scores of a head's block of queries, zeros of those that are not
    /// seen, and drops some; `totals` gets the sum of each query's, to divide by after the product
    /// with the values: that has fewer columns. `place` is the head and the first query.
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

    /// Divides the first values of each row; a row without a sum is zeros, and stays.
    fn divide_rows(rows: &mut [f32], row_stride: usize, width: usize, totals: &[f32]) {
        for (row, total) in rows.chunks_mut(row_stride).zip(totals) {
            let factor = if *total > 0.0 { 1.0 / total } else { 0.0 };
            for value in &mut row[..width] {
                *value *= factor;
            }
        }
    }
}

/// What the forward pass gave, and the gradient of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outputs<'a> {
    pub(super) context: &'a [f32],
    pub(super) log_sums: &'a [f32],
    pub(super) gradient: &'a [f32],
}

/// Gradients of queries, keys and values.
pub(super) fn backward(inputs: &Inputs<'_>, outputs: &Outputs<'_>, shape: &Shape) -> [Vec<f32>; 3] {
    // A task is a row's head of keys with the queries that share it; its gradients lie together
    // until all are there.
    let (rows, heads) = (inputs.rows, shape.num_key_value_heads);
    let lengths: Vec<[usize; 3]> = (0..rows.keys.num_rows() * heads)
        .map(|task| {
            let keys = rows.keys.row(task / heads).len();
            let queries = rows.queries.row(task / heads).len() * shape.group();
            [queries, keys, keys].map(|tokens| tokens * shape.d_head)
        })
        .collect();
    let [query, key, value] = by_parts(&lengths, |task, parts| {
        let mut parts = parts.map(zeroed);
        let gradients = parts.each_mut().map(|part| &mut **part);
        group_backward(
            inputs,
            outputs,
            gradients,
            (task / heads, task % heads),
            shape,
        );
        parts
    });
    [
        side_by_side(&query, &rows.queries, shape.num_heads, shape.d_head),
        side_by_side(&key, &rows.keys, heads, shape.d_head),
        side_by_side(&value, &rows.keys, heads, shape.d_head),
    ]
}

/// From row by row and head by head, `[tokens of the row, d_head]` each, to
/// `[tokens, num_heads · d_head]`.
pub(super) fn side_by_side(
    parts: &[f32],
    tokens: &PackedTokens,
    num_heads: usize,
    d_head: usize,
) -> Vec<f32> {
    let width = num_heads * d_head;
    let lengths: Vec<[usize; 1]> = (0..tokens.num_rows())
        .map(|row| [tokens.row(row).len() * width])
        .collect();
    let [out] = by_parts(&lengths, |row, [out]| {
        let (out, tokens) = (zeroed(out), tokens.row(row));
        for head in 0..num_heads {
            let start = tokens.start * width + head * tokens.len() * d_head;
            let part = parts[start..].chunks_exact(d_head);
            for (out, part) in out.chunks_exact_mut(width).zip(part) {
                out[head * d_head..(head + 1) * d_head].copy_from_slice(part);
            }
        }
        [out]
    });
    out
}

/// Gradients of the queries of a group of heads, head by head, and of the keys and values that they
/// share; all zeros at first.
fn group_backward(
    inputs: &Inputs<'_>,
    outputs: &Outputs<'_>,
    [d_query, d_key, d_value]: [&mut [f32]; 3],
    (row, shared): (usize, usize),
    shape: &Shape,
) {
    let (d_head, group) = (shape.d_head, shape.group());
    let queries = inputs.rows.queries.row(row);
    let first_key = inputs.rows.keys.row(row).start;
    if queries.is_empty() {
        return;
    }
    let mut scores = Vec::new();
    for block in inputs.rows.blocks(row, BLOCK) {
        let keys = (block.keys.start - first_key) * d_head..(block.keys.end - first_key) * d_head;
        if keys.is_empty() {
            continue;
        }
        let seen = Seen::new(inputs.rows, row, &block);
        let (d_key, d_value) = (&mut d_key[keys.clone()], &mut d_value[keys]);
        scores.resize(2 * block.queries.len() * block.keys.len(), 0.0);
        let start = (block.queries.start - queries.start) * d_head;
        for (head, d_query) in d_query.chunks_exact_mut(queries.len() * d_head).enumerate() {
            let d_query = &mut d_query[start..start + block.queries.len() * d_head];
            let gradients = [d_query, &mut *d_key, &mut *d_value];
            let head = shared * group + head;
            head_backward(
                inputs,
                outputs,
                gradients,
                &block,
                &seen,
                head,
                &mut scores,
                shape,
            );
        }
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the body of two loops, by itself to be read"
)]
fn head_backward(
    inputs: &Inputs<'_>,
    outputs: &Outputs<'_>,
    [d_query, d_key, d_value]: [&mut [f32]; 3],
    block: &Block,
    seen: &Seen,
    head: usize,
    scores: &mut [f32],
    shape: &Shape,
) {
    let (queries, keys, d_head) = (block.queries.len(), block.keys.len(), shape.d_head);
    let (probabilities, gradients) = scores.split_at_mut(queries * keys);
    let query = shape.query(inputs.query, head, &block.queries);
    let gradient = shape.query(outputs.gradient, head, &block.queries);
    let key = shape.key(inputs.key, head, &block.keys);
    let value = shape.key(inputs.value, head, &block.keys);
    let scores = MatrixMut::new(probabilities, queries, keys);
    gemm(scores, Write::Replace, shape.scale, query, key.transposed());
    let kept = MatrixMut::new(gradients, queries, keys);
    gemm(kept, Write::Replace, 1.0, gradient, value.transposed());
    let place = (head, block.queries.start);
    softmax_backward(probabilities, gradients, keys, seen, outputs, *shape, place);
    let probabilities = Matrix::new(probabilities, queries, keys);
    let gradients = Matrix::new(gradients, queries, keys);
    let d_query = MatrixMut::new(d_query, queries, d_head);
    gemm(d_query, Write::Replace, shape.scale, gradients, key);
    let d_key = MatrixMut::new(d_key, keys, d_head);
    gemm(
        d_key,
        Write::Add,
        shape.scale,
        gradients.transposed(),
        query,
    );
    let d_value = MatrixMut::new(d_value, keys, d_head);
    gemm(
        d_value,
        Write::Add,
        1.0,
        probabilities.transposed(),
        gradient,
    );
}

vector_fn! {
    /// Makes of a block of scores the probabilities that acted on the values, and of the gradients of
    /// those the gradients of the scores.
    pub(super) fn softmax_backward(
        scores: &mut [f32],
        gradients: &mut [f32],
        keys: usize,
        seen: &Seen,
        outputs: &Outputs<'_>,
        shape: Shape,
        place: (usize, usize),
    ) {
        let (head, first) = place;
        let rows = scores.chunks_exact_mut(keys).zip(gradients.chunks_exact_mut(keys));
        for (index, (scores, gradients)) in rows.enumerate() {
            let (query, seen) = (first + index, seen.of(index, keys));
            for unseen in [0..seen.start, seen.end..keys] {
                scores[unseen.clone()].fill(0.0);
                gradients[unseen].fill(0.0);
            }
            let start = query * shape.width() + head * shape.d_head;
            let state = start..start + shape.d_head;
            let projection = dot(&outputs.context[state.clone()], &outputs.gradient[state]);
            let log_sum = outputs.log_sums[query * shape.num_heads + head];
            let mask = (shape.dropout, shape.mask_row(query, head), seen.start);
            let values = (&mut scores[seen.clone()], &mut gradients[seen]);
            row_backward(values, log_sum, projection, mask);
        }
    }
}

/// `mask` is the dropout, the number of its row, and the first column.
#[inline(always)]
fn row_backward(
    (scores, gradients): (&mut [f32], &mut [f32]),
    log_sum: f32,
    projection: f32,
    (dropout, mask_row, first): (Dropout, usize, usize),
) {
    let values = scores.iter_mut().zip(gradients);
    if dropout.acts() {
        let mask = dropout.row(mask_row);
        for (column, (score, gradient)) in values.enumerate() {
            let (probability, factor) = (exp(*score - log_sum), mask.factor(first + column));
            *gradient = probability * (*gradient * factor - projection);
            *score = probability * factor;
        }
    } else {
        for (score, gradient) in values {
            let probability = exp(*score - log_sum);
            *gradient = probability * (*gradient - projection);
            *score = probability;
        }
    }
}
