//! Backward pass of attention.

use rayon::prelude::*;

use super::{BLOCK, Heads, Inputs, Outputs, Seen, Shape};
use crate::flex::dropout::Dropout;
use crate::flex::gemm::{Matrix, MatrixMut, Write, gemm, gemm_new};
use crate::flex::math::{dot, exp, vector_fn};
use crate::flex::packed::Block;
use crate::flex::reduced::Factors;
use crate::flex::rows::{Unwritten, by_parts, unwritten, zeroed};

/// Gradients of queries, keys and values, in three tensors.
pub(in crate::flex) fn backward(
    inputs: &Inputs<'_>,
    outputs: &Outputs<'_>,
    shape: &Shape,
) -> [Vec<f32>; 3] {
    let widths = [shape.width(), shape.shared_width(), shape.shared_width()];
    let rows = inputs.rows;
    let lengths: Vec<[usize; 3]> = (0..rows.keys.num_rows())
        .map(|row| {
            let (queries, keys) = (rows.queries.row(row).len(), rows.keys.row(row).len());
            [queries * widths[0], keys * widths[1], keys * widths[2]]
        })
        .collect();
    by_parts(&lengths, |row, parts| {
        let parts = parts.map(zeroed);
        let [query, key, value] = row_gradients(inputs, outputs, row, shape);
        let [d_query, d_key, d_value] = parts;
        lay(d_query, widths[0], 0, &query);
        lay(d_key, widths[1], 0, &key);
        lay(d_value, widths[2], 0, &value);
        [d_query, d_key, d_value]
    })
}

/// Gradients of queries, keys and values, side by side in one tensor.
pub(in crate::flex) fn backward_joined(
    inputs: &Inputs<'_>,
    outputs: &Outputs<'_>,
    shape: &Shape,
) -> Vec<f32> {
    let (width, shared_width) = (shape.width(), shape.shared_width());
    let stride = width + 2 * shared_width;
    let rows = inputs.rows;
    let lengths: Vec<[usize; 1]> = (0..rows.keys.num_rows())
        .map(|row| [rows.keys.row(row).len() * stride])
        .collect();
    let [out] = by_parts(&lengths, |row, [out]| {
        let out = zeroed(out);
        let [query, key, value] = row_gradients(inputs, outputs, row, shape);
        lay(out, stride, 0, &query);
        lay(out, stride, width, &key);
        lay(out, stride, width + shared_width, &value);
        [out]
    });
    out
}

/// Writes parts of the tokens' states, `[tokens, width of the part]` each, side by side into `out`,
/// starting at column `first` of states of `stride` values.
fn lay(out: &mut [f32], stride: usize, first: usize, parts: &[Vec<f32>]) {
    let tokens = out.len() / stride;
    let mut first = first;
    for part in parts.iter().filter(|_| tokens > 0) {
        let width = part.len() / tokens;
        for (out, part) in out.chunks_exact_mut(stride).zip(part.chunks_exact(width)) {
            out[first..first + width].copy_from_slice(part);
        }
        first += width;
    }
}

/// Gradients of a row's queries, keys and values, with one part per key head,
/// `[tokens, heads · d_head]`; for queries, a part has the heads that share the key head.
fn row_gradients(
    inputs: &Inputs<'_>,
    outputs: &Outputs<'_>,
    row: usize,
    shape: &Shape,
) -> [Vec<Vec<f32>>; 3] {
    let parts: Vec<[Vec<f32>; 3]> = (0..shape.num_key_value_heads)
        .into_par_iter()
        .map(|shared| group_backward(inputs, outputs, (row, shared), shape))
        .collect();
    let [mut query, mut key, mut value] = [const { Vec::new() }; 3];
    for [of_query, of_key, of_value] in parts {
        query.push(of_query);
        key.push(of_key);
        value.push(of_value);
    }
    [query, key, value]
}

/// Gradients of one key head, its values, and the query heads that share it.
fn group_backward(
    inputs: &Inputs<'_>,
    outputs: &Outputs<'_>,
    (row, shared): (usize, usize),
    shape: &Shape,
) -> [Vec<f32>; 3] {
    let (d_head, group) = (shape.d_head, shape.group());
    let (queries, keys) = (inputs.rows.queries.row(row), inputs.rows.keys.row(row));
    let mut d_query = vec![0.0; queries.len() * group * d_head];
    let [mut d_key, mut d_value] = [(); 2].map(|()| vec![0.0; keys.len() * d_head]);
    let mut memory = Vec::new();
    for block in inputs.rows.blocks(row, BLOCK) {
        if block.keys.is_empty() || block.queries.is_empty() {
            continue;
        }
        let pairs = block.queries.len() * block.keys.len();
        if memory.len() < 2 * pairs {
            memory = unwritten(2 * pairs);
        }
        let (scores, gradients) = memory[..2 * pairs].split_at_mut(pairs);
        let seen = Seen::new(inputs.rows, row, &block);
        let first_query = (block.queries.start - queries.start) * group * d_head;
        let of_keys =
            (block.keys.start - keys.start) * d_head..(block.keys.end - keys.start) * d_head;
        for head in 0..group {
            let pass = Pass {
                inputs,
                outputs,
                block: &block,
                seen: &seen,
                head: shared * group + head,
                shape,
            };
            let d_query = &mut d_query[first_query + head * d_head..];
            let (d_key, d_value) = (&mut d_key[of_keys.clone()], &mut d_value[of_keys.clone()]);
            pass.backward([d_query, d_key, d_value], [&mut *scores, &mut *gradients]);
        }
    }
    [d_query, d_key, d_value]
}

/// Backward pass of one head and block of queries.
struct Pass<'a> {
    inputs: &'a Inputs<'a>,
    outputs: &'a Outputs<'a>,
    block: &'a Block,
    seen: &'a Seen,
    head: usize,
    shape: &'a Shape,
}

impl Pass<'_> {
    /// Overwrites the gradients of the queries, which are beside those of the other heads that
    /// share the keys, and adds to those of keys and values.
    fn backward(
        &self,
        [d_query, d_key, d_value]: [&mut [f32]; 3],
        [scores, gradients]: [&mut Unwritten; 2],
    ) {
        let Self {
            block, head, shape, ..
        } = *self;
        let (queries, keys, d_head) = (block.queries.len(), block.keys.len(), shape.d_head);
        let query = shape.query(self.inputs.query, head, &block.queries);
        let key = shape.key(self.inputs.key, head, &block.keys);
        let value = shape.key(self.inputs.value, head, &block.keys);
        let gradient = Heads::new(self.outputs.gradient, shape.width());
        let gradient = shape.query(gradient, head, &block.queries);
        if shape.products.are_bf16() {
            let factors = [query, gradient, key, value];
            let (factors, [scores, gradients]) =
                Factors::new(factors, shape.scale, [scores, gradients]);
            self.softmax(scores, gradients);
            let found = [scores, gradients].map(|values| Matrix::new(values, queries, keys));
            let stride = shape.group() * d_head;
            return factors.add_gradients(found, [d_query, d_key, d_value], stride);
        }
        let probabilities = gemm_new(scores, shape.scale, query, key.transposed());
        let gradients = gemm_new(gradients, 1.0, gradient, value.transposed());
        self.softmax(probabilities, gradients);
        let probabilities = Matrix::new(probabilities, queries, keys);
        let gradients = Matrix::new(gradients, queries, keys);
        let d_query = MatrixMut::strided(d_query, queries, d_head, shape.group() * d_head);
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

    /// Replaces scores and gradients of the probabilities as [`softmax_backward`] does.
    fn softmax(&self, scores: &mut [f32], gradients: &mut [f32]) {
        let (keys, place) = (self.block.keys.len(), (self.head, self.block.queries.start));
        softmax_backward(
            scores,
            gradients,
            keys,
            self.seen,
            self.outputs,
            *self.shape,
            place,
        );
    }
}

vector_fn! {
    /// Replaces a block of scores by the probabilities after dropout, and the gradients of these by
    /// the gradients of the scores.
    pub(in crate::flex) fn softmax_backward(
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

/// One row of [`Pass::softmax_backward`]; `mask` is the dropout, its row, and the first column.
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
