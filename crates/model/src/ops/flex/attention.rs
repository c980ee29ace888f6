//! Multi-head attention within the rows of a batch, which lie one behind the other without padding.
//!
//! Queries, keys and values come as the linear layers leave them, the heads side by side in a
//! token's state, and are read where they lie. Scores exist for a block of queries at a time; the
//! backward pass computes them again from their log-sums, as in Dao et al. (2022),
//! <https://arxiv.org/abs/2205.14135>.

use std::ops::Range;
use std::sync::Arc;

use super::dropout::Dropout;
use super::gemm::{Matrix, MatrixMut, Write, gemm};
use super::math::{dot, exp, exp_and_sum, max, vector_fn};
use super::rows::{by_parts, zeroed};

/// Queries whose scores are in memory at a time.
const BLOCK: usize = 128;

/// Which queries and keys belong together: row by row, each behind the one before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    /// One past the last query of each row.
    queries: Arc<[usize]>,
    /// One past the last key of each row.
    keys: Arc<[usize]>,
}

impl Rows {
    /// # Panics
    /// If the numbers of rows differ, or one ends before it starts.
    pub(crate) fn new(queries: Vec<usize>, keys: Vec<usize>) -> Self {
        assert!(
            queries.len() == keys.len() && queries.is_sorted() && keys.is_sorted(),
            "ends of rows of queries and keys"
        );
        Self {
            queries: queries.into(),
            keys: keys.into(),
        }
    }

    /// Queries and keys of each row.
    fn iter(&self) -> impl Iterator<Item = Row> {
        (0..self.keys.len()).map(|row| Row {
            queries: range(&self.queries, row),
            keys: range(&self.keys, row),
        })
    }
}

fn range(ends: &[usize], row: usize) -> Range<usize> {
    let start = row.checked_sub(1).map_or(0, |before| ends[before]);
    start..ends[row]
}

/// Queries, and the keys they see.
#[derive(Debug, Clone)]
struct Row {
    queries: Range<usize>,
    keys: Range<usize>,
}

impl Row {
    /// A block of queries at a time.
    fn blocks(&self) -> impl Iterator<Item = Self> {
        let end = self.queries.end;
        let starts = self.queries.clone().step_by(BLOCK);
        starts.map(move |start| Self {
            queries: start..(start + BLOCK).min(end),
            keys: self.keys.clone(),
        })
    }
}

/// Sizes and options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) num_heads: usize,
    pub(super) d_head: usize,
    /// Scores are `scale · q · k`.
    pub(super) scale: f32,
    pub(super) dropout: Dropout,
}

impl Shape {
    fn d_model(&self) -> usize {
        self.num_heads * self.d_head
    }

    /// The part of one head in some rows that hold all heads.
    fn head<'a>(&self, rows: &'a [f32], head: usize, range: &Range<usize>) -> Matrix<'a> {
        let start = range.start * self.d_model() + head * self.d_head;
        let values = rows.get(start..).unwrap_or_default();
        Matrix::strided(values, range.len(), self.d_head, self.d_model())
    }

    /// Number of the mask's row of a query.
    fn mask_row(&self, query: usize, head: usize) -> usize {
        query * self.num_heads + head
    }
}

/// Queries, keys and values, all rows of `d_model` values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) query: &'a [f32],
    pub(super) key: &'a [f32],
    pub(super) value: &'a [f32],
    pub(super) rows: &'a Rows,
}

/// The result, `[num_queries, d_model]`, and the logarithm of the sum of each query's exponentials:
/// `[num_queries, num_heads]`.
pub(super) fn forward(inputs: &Inputs<'_>, shape: &Shape) -> [Vec<f32>; 2] {
    let rows: Vec<Row> = inputs.rows.iter().collect();
    let blocks: Vec<Row> = rows.iter().flat_map(Row::blocks).collect();
    let lengths: Vec<[usize; 2]> = blocks
        .iter()
        .map(|block| [shape.d_model(), shape.num_heads].map(|width| block.queries.len() * width))
        .collect();
    by_parts(&lengths, |task, parts| {
        let block = &blocks[task];
        let [out, log_sums] = parts.map(zeroed);
        let mut scores = vec![0.0; block.queries.len() * block.keys.len()];
        for head in 0..shape.num_heads {
            head_forward(inputs, block, head, &mut scores, out, log_sums, shape);
        }
        [out, log_sums]
    })
}

fn head_forward(
    inputs: &Inputs<'_>,
    block: &Row,
    head: usize,
    scores: &mut [f32],
    out: &mut [f32],
    log_sums: &mut [f32],
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
        shape.head(inputs.query, head, &block.queries),
        shape.head(inputs.key, head, &block.keys).transposed(),
    );
    let mut totals = Vec::with_capacity(queries);
    let first = block.queries.start;
    softmax(scores, keys, &mut totals, log_sums, *shape, head, first);
    let out = &mut out[head * shape.d_head..];
    gemm(
        MatrixMut::strided(out, queries, shape.d_head, shape.d_model()),
        Write::Replace,
        1.0,
        Matrix::new(scores, queries, keys),
        shape.head(inputs.value, head, &block.keys),
    );
    divide_rows(out, shape.d_model(), shape.d_head, &totals);
}

vector_fn! {
    /// Makes exponentials of the scores of a head's block of queries, from query `first` on, and drops
    /// some; `totals` gets the sum of each query's, to divide by after the product with the
    /// values: that has fewer columns.
    fn softmax(
        scores: &mut [f32],
        keys: usize,
        totals: &mut Vec<f32>,
        log_sums: &mut [f32],
        shape: Shape,
        head: usize,
        first: usize,
    ) {
        for (index, scores) in scores.chunks_exact_mut(keys).enumerate() {
            let greatest = max(scores);
            let total = exp_and_sum(scores, greatest);
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

    /// Divides the first values of each row.
    fn divide_rows(rows: &mut [f32], row_stride: usize, width: usize, totals: &[f32]) {
        for (row, total) in rows.chunks_mut(row_stride).zip(totals) {
            let factor = 1.0 / total;
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
    // A task is a head of a row; its three gradients lie together until all are there.
    let (heads, rows) = (shape.num_heads, inputs.rows.iter().collect::<Vec<_>>());
    let lengths: Vec<[usize; 3]> = (0..rows.len() * heads)
        .map(|task| {
            let Row { queries, keys } = &rows[task / heads];
            [queries, keys, keys].map(|tokens| tokens.len() * shape.d_head)
        })
        .collect();
    let parts = by_parts(&lengths, |task, parts| {
        let mut parts = parts.map(zeroed);
        let gradients = parts.each_mut().map(|part| &mut **part);
        head_backward(
            inputs,
            outputs,
            gradients,
            &rows[task / heads],
            task % heads,
            shape,
        );
        parts
    });
    let [query, key, value] = parts;
    [
        side_by_side(&query, &inputs.rows.queries, shape),
        side_by_side(&key, &inputs.rows.keys, shape),
        side_by_side(&value, &inputs.rows.keys, shape),
    ]
}

/// From row by row and head by head, `[tokens of the row, d_head]` each, to `[tokens, d_model]`.
fn side_by_side(parts: &[f32], ends: &[usize], shape: &Shape) -> Vec<f32> {
    let width = shape.d_model();
    let lengths: Vec<[usize; 1]> = (0..ends.len())
        .map(|row| [range(ends, row).len() * width])
        .collect();
    let [out] = by_parts(&lengths, |row, [out]| {
        let (out, tokens) = (zeroed(out), range(ends, row));
        for head in 0..shape.num_heads {
            let start = tokens.start * width + head * tokens.len() * shape.d_head;
            let part = parts[start..].chunks_exact(shape.d_head);
            for (out, part) in out.chunks_exact_mut(width).zip(part) {
                out[head * shape.d_head..(head + 1) * shape.d_head].copy_from_slice(part);
            }
        }
        [out]
    });
    out
}

fn head_backward(
    inputs: &Inputs<'_>,
    outputs: &Outputs<'_>,
    [d_query, d_key, d_value]: [&mut [f32]; 3],
    row: &Row,
    head: usize,
    shape: &Shape,
) {
    let (keys, d_head) = (row.keys.len(), shape.d_head);
    if keys == 0 {
        return;
    }
    let key = shape.head(inputs.key, head, &row.keys);
    let value = shape.head(inputs.value, head, &row.keys);
    let mut probabilities = vec![0.0; BLOCK.min(row.queries.len()) * keys];
    let mut gradients = probabilities.clone();
    let mut d_queries = d_query.chunks_mut(BLOCK * d_head);
    // The gradients of keys and values are zeros at first.
    for block in row.blocks() {
        let queries = block.queries.len();
        let probabilities = &mut probabilities[..queries * keys];
        let gradients = &mut gradients[..queries * keys];
        let query = shape.head(inputs.query, head, &block.queries);
        let gradient = shape.head(outputs.gradient, head, &block.queries);
        let scores = MatrixMut::new(probabilities, queries, keys);
        gemm(scores, Write::Replace, shape.scale, query, key.transposed());
        let kept = MatrixMut::new(gradients, queries, keys);
        gemm(kept, Write::Replace, 1.0, gradient, value.transposed());
        let first = block.queries.start;
        softmax_backward(probabilities, gradients, keys, outputs, *shape, head, first);
        let probabilities = Matrix::new(probabilities, queries, keys);
        let gradients = Matrix::new(gradients, queries, keys);
        let d_query = d_queries
            .next()
            .expect("as many blocks as there are queries");
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
}

vector_fn! {
    /// Makes of a block of scores, from query `first` on, the probabilities that acted on the values,
    /// and of the gradients of those the gradients of the scores.
    fn softmax_backward(
        scores: &mut [f32],
        gradients: &mut [f32],
        keys: usize,
        outputs: &Outputs<'_>,
        shape: Shape,
        head: usize,
        first: usize,
    ) {
        let rows = scores.chunks_exact_mut(keys).zip(gradients.chunks_exact_mut(keys));
        for (query, (scores, gradients)) in (first..).zip(rows) {
            let start = query * shape.d_model() + head * shape.d_head;
            let state = start..start + shape.d_head;
            let projection = dot(&outputs.context[state.clone()], &outputs.gradient[state]);
            let log_sum = outputs.log_sums[query * shape.num_heads + head];
            let mask_row = shape.mask_row(query, head);
            row_backward(scores, gradients, log_sum, projection, shape.dropout, mask_row);
        }
    }
}

#[inline(always)]
fn row_backward(
    scores: &mut [f32],
    gradients: &mut [f32],
    log_sum: f32,
    projection: f32,
    dropout: Dropout,
    mask_row: usize,
) {
    let values = scores.iter_mut().zip(gradients);
    if dropout.acts() {
        let mask = dropout.row(mask_row);
        for (column, (score, gradient)) in values.enumerate() {
            let (probability, factor) = (exp(*score - log_sum), mask.factor(column));
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
