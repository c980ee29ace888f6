//! Multi-head attention over the real tokens of each row of a batch.
//!
//! Queries, keys and values come as the linear layers leave them, the heads side by side in a
//! token's state, and are read where they lie. Scores exist for a block of queries at a time; the
//! backward pass computes them again from their log-sums, as in Dao et al. (2022),
//! <https://arxiv.org/abs/2205.14135>.

use rayon::prelude::*;

use super::dropout::Dropout;
use super::gemm::{Matrix, MatrixMut, Write, gemm};
use super::math::{dot, exp, exp_and_sum, max, vector_fn};
use super::rows::{by_rows, zeroed};

/// Queries whose scores are in memory at a time.
const BLOCK: usize = 128;

/// Sizes and options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) batch_size: usize,
    pub(super) seq_length: usize,
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

    /// The part of one head in rows that hold all heads.
    fn head<'a>(&self, rows: &'a [f32], head: usize, count: usize) -> Matrix<'a> {
        let values = rows.get(head * self.d_head..).unwrap_or_default();
        Matrix::strided(values, count, self.d_head, self.d_model())
    }

    /// Number of the mask's row of a query.
    fn mask_row(&self, batch: usize, head: usize, query: usize) -> usize {
        (batch * self.num_heads + head) * self.seq_length + query
    }
}

/// Queries, keys and values: each `[batch_size, seq_length, d_model]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) query: &'a [f32],
    pub(super) key: &'a [f32],
    pub(super) value: &'a [f32],
    /// True for padding: `[batch_size, seq_length]`.
    pub(super) padding: &'a [u8],
}

impl Inputs<'_> {
    fn row(&self, batch: usize, shape: &Shape) -> Self {
        let states = batch * shape.seq_length * shape.d_model();
        let states = states..states + shape.seq_length * shape.d_model();
        let tokens = batch * shape.seq_length;
        Self {
            query: &self.query[states.clone()],
            key: &self.key[states.clone()],
            value: &self.value[states],
            padding: &self.padding[tokens..tokens + shape.seq_length],
        }
    }

    /// Tokens up to the last real one.
    fn length(&self) -> usize {
        let last = self.padding.iter().rposition(|padding| *padding == 0);
        last.map_or(0, |last| last + 1)
    }

    /// Padding among the real tokens.
    fn gaps(&self) -> Vec<usize> {
        let real = &self.padding[..self.length()];
        let gaps = real
            .iter()
            .enumerate()
            .filter(|(_, padding)| **padding != 0);
        gaps.map(|(token, _)| token).collect()
    }
}

/// The result, `[batch_size, seq_length, d_model]`, zeros at padding beyond the last token, and
/// the logarithm of the sum of each query's exponentials: `[batch_size, num_heads, seq_length]`.
pub(super) fn forward(inputs: &Inputs<'_>, shape: &Shape) -> (Vec<f32>, Vec<f32>) {
    let (length, width) = (shape.seq_length, shape.d_model());
    let mut out = vec![0.0; inputs.query.len()];
    // `[batch_size, seq_length, num_heads]` while tasks fill it, a block of queries each.
    let mut log_sums = vec![0.0; shape.batch_size * length * shape.num_heads];
    let rows = out
        .par_chunks_mut(length * width)
        .zip(log_sums.par_chunks_mut(length * shape.num_heads));
    rows.enumerate().for_each(|(batch, (out, log_sums))| {
        let row = inputs.row(batch, shape);
        let (real, gaps) = (row.length(), row.gaps());
        out.par_chunks_mut(BLOCK * width)
            .zip(log_sums.par_chunks_mut(BLOCK * shape.num_heads))
            .enumerate()
            .for_each_init(
                || vec![0.0; BLOCK.min(length) * length],
                |scores, (block, (out, log_sums))| {
                    let first = block * BLOCK;
                    let queries = (real.saturating_sub(first)).min(BLOCK);
                    let scores = &mut scores[..queries * real];
                    for head in 0..shape.num_heads {
                        let place = Place { batch, head, first };
                        head_forward(&row, scores, out, log_sums, place, real, &gaps, shape);
                    }
                },
            );
    });
    (out, by_head(&log_sums, shape))
}

/// Where a block of queries lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    batch: usize,
    head: usize,
    first: usize,
}

#[expect(
    clippy::too_many_arguments,
    reason = "a loop's body, by itself to be read"
)]
fn head_forward(
    row: &Inputs<'_>,
    scores: &mut [f32],
    out: &mut [f32],
    log_sums: &mut [f32],
    place: Place,
    real: usize,
    gaps: &[usize],
    shape: &Shape,
) {
    if scores.is_empty() {
        return;
    }
    let (queries, width) = (scores.len() / real, shape.d_model());
    let head = place.head;
    let query = &row.query[place.first * width..];
    gemm(
        MatrixMut::new(scores, queries, real),
        Write::Replace,
        shape.scale,
        shape.head(query, head, queries),
        shape.head(row.key, head, real).transposed(),
    );
    let mut totals = Vec::with_capacity(queries);
    softmax(scores, real, &mut totals, log_sums, gaps, *shape, place);
    let out = &mut out[head * shape.d_head..];
    gemm(
        MatrixMut::strided(out, queries, shape.d_head, width),
        Write::Replace,
        1.0,
        Matrix::new(scores, queries, real),
        shape.head(row.value, head, real),
    );
    divide_rows(out, width, shape.d_head, &totals);
}

vector_fn! {
    /// Makes exponentials of the scores of a head's block of queries, and drops some; `totals` gets
    /// the sum of each query's, to divide by after the product with the values: that has fewer
    /// columns.
    fn softmax(
        scores: &mut [f32],
        real: usize,
        totals: &mut Vec<f32>,
        log_sums: &mut [f32],
        gaps: &[usize],
        shape: Shape,
        place: Place,
    ) {
        for (index, scores) in scores.chunks_exact_mut(real).enumerate() {
            for gap in gaps {
                scores[*gap] = f32::NEG_INFINITY;
            }
            let greatest = max(scores);
            let total = exp_and_sum(scores, greatest);
            totals.push(total);
            log_sums[index * shape.num_heads + place.head] = greatest + total.ln();
            if shape.dropout.acts() {
                let row = shape.mask_row(place.batch, place.head, place.first + index);
                let mask = shape.dropout.row(row);
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

/// `[batch_size, seq_length, num_heads]` to `[batch_size, num_heads, seq_length]`.
fn by_head(log_sums: &[f32], shape: &Shape) -> Vec<f32> {
    let (length, heads) = (shape.seq_length, shape.num_heads);
    let mut out = vec![0.0; log_sums.len()];
    let rows = out.chunks_exact_mut(length * heads);
    for (out, log_sums) in rows.zip(log_sums.chunks_exact(length * heads)) {
        for (index, value) in log_sums.iter().enumerate() {
            out[index % heads * length + index / heads] = *value;
        }
    }
    out
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
    let (length, heads, d_head) = (shape.seq_length, shape.num_heads, shape.d_head);
    // A task is a head of a row; its three gradients lie together until all are there.
    let part = length * d_head;
    let tasks = shape.batch_size * heads;
    let [parts] = by_rows(tasks, 1, [3 * part], |task, [parts]| {
        let index = task.start;
        let (batch, head) = (index / heads, index % heads);
        let row = inputs.row(batch, shape);
        let states = batch * length * shape.d_model();
        let states = states..states + length * shape.d_model();
        let outputs = Outputs {
            context: &outputs.context[states.clone()],
            log_sums: &outputs.log_sums[index * length..(index + 1) * length],
            gradient: &outputs.gradient[states],
        };
        let parts = zeroed(parts);
        head_backward(&row, &outputs, parts, (batch, head), shape);
        [parts]
    });
    [0, 1, 2].map(|which| {
        let [out] = by_rows(
            shape.batch_size,
            1,
            [length * shape.d_model()],
            |batch, [out]| {
                let out = zeroed(out);
                for head in 0..heads {
                    let start = ((batch.start * heads + head) * 3 + which) * part;
                    let part = parts[start..start + part].chunks_exact(d_head);
                    for (out, part) in out.chunks_exact_mut(shape.d_model()).zip(part) {
                        out[head * d_head..(head + 1) * d_head].copy_from_slice(part);
                    }
                }
                [out]
            },
        );
        out
    })
}

fn head_backward(
    row: &Inputs<'_>,
    outputs: &Outputs<'_>,
    parts: &mut [f32],
    (batch, head): (usize, usize),
    shape: &Shape,
) {
    let (real, gaps, d_head) = (row.length(), row.gaps(), shape.d_head);
    let width = shape.d_model();
    let (d_query, rest) = parts.split_at_mut(shape.seq_length * d_head);
    let (d_key, d_value) = rest.split_at_mut(shape.seq_length * d_head);
    let key = shape.head(row.key, head, real);
    let value = shape.head(row.value, head, real);
    let mut probabilities = vec![0.0; BLOCK.min(real) * real];
    let mut gradients = probabilities.clone();
    for first in (0..real).step_by(BLOCK) {
        let queries = (real - first).min(BLOCK);
        let write = if first == 0 {
            Write::Replace
        } else {
            Write::Add
        };
        let probabilities = &mut probabilities[..queries * real];
        let gradients = &mut gradients[..queries * real];
        let query = shape.head(&row.query[first * width..], head, queries);
        let gradient = shape.head(&outputs.gradient[first * width..], head, queries);
        let scores = MatrixMut::new(probabilities, queries, real);
        gemm(scores, Write::Replace, shape.scale, query, key.transposed());
        let kept = MatrixMut::new(gradients, queries, real);
        gemm(kept, Write::Replace, 1.0, gradient, value.transposed());
        let place = Place { batch, head, first };
        softmax_backward(
            probabilities,
            gradients,
            real,
            outputs,
            &gaps,
            *shape,
            place,
        );
        let probabilities = Matrix::new(probabilities, queries, real);
        let gradients = Matrix::new(gradients, queries, real);
        let d_query = MatrixMut::new(&mut d_query[first * d_head..], queries, d_head);
        gemm(d_query, Write::Replace, shape.scale, gradients, key);
        let d_key = MatrixMut::new(d_key, real, d_head);
        gemm(d_key, write, shape.scale, gradients.transposed(), query);
        let d_value = MatrixMut::new(d_value, real, d_head);
        gemm(d_value, write, 1.0, probabilities.transposed(), gradient);
    }
}

vector_fn! {
    /// Makes of a block of scores the probabilities that acted on the values, and of the gradients
    /// of those the gradients of the scores.
    fn softmax_backward(
        scores: &mut [f32],
        gradients: &mut [f32],
        real: usize,
        outputs: &Outputs<'_>,
        gaps: &[usize],
        shape: Shape,
        place: Place,
    ) {
        let rows = scores.chunks_exact_mut(real).zip(gradients.chunks_exact_mut(real));
        for (query, (scores, gradients)) in (place.first..).zip(rows) {
            for gap in gaps {
                scores[*gap] = f32::NEG_INFINITY;
            }
            let start = query * shape.d_model() + place.head * shape.d_head;
            let state = start..start + shape.d_head;
            let projection = dot(&outputs.context[state.clone()], &outputs.gradient[state]);
            let log_sum = outputs.log_sums[query];
            let mask_row = shape.mask_row(place.batch, place.head, query);
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
