//! Multi-head attention within the rows of a packed batch.
//!
//! Queries, keys and values come as the linear layers leave them, the heads side by side in a
//! token's state, and are read where they lie. Scores exist for a block of queries at a time, and
//! only of the keys that any of them sees; the backward pass computes them again from their
//! log-sums, as in Dao et al. (2022), <https://arxiv.org/abs/2205.14135>.

mod backward;
mod forward;
mod kernel;

use std::ops::Range;

use super::dropout::Dropout;
use super::gemm::Matrix;
use super::packed::{Block, Rows};
pub(super) use backward::{backward, backward_joined, softmax_backward};
pub(super) use forward::{average, forward};
pub(super) use kernel::Attended;
pub(crate) use kernel::{FusedAttention, attention};

/// Queries whose scores are in memory at a time.
const BLOCK: usize = 128;

/// Sizes and options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) num_heads: usize,
    /// Divides `num_heads`: neighboring heads of queries share one of keys and values.
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

    /// Width of a token's keys, and of its values.
    pub(super) fn shared_width(&self) -> usize {
        self.num_key_value_heads * self.d_head
    }

    /// Query heads that share a head of keys.
    fn group(&self) -> usize {
        self.num_heads / self.num_key_value_heads
    }

    /// The part of one head of queries in some tokens.
    pub(super) fn query<'a>(
        &self,
        states: Heads<'a>,
        head: usize,
        tokens: &Range<usize>,
    ) -> Matrix<'a> {
        states.head(head, self.d_head, tokens)
    }

    /// The part in keys or values that a head of queries looks at.
    pub(super) fn key<'a>(
        &self,
        states: Heads<'a>,
        head: usize,
        tokens: &Range<usize>,
    ) -> Matrix<'a> {
        states.head(head / self.group(), self.d_head, tokens)
    }

    /// Number of the mask's row of a query.
    fn mask_row(&self, query: usize, head: usize) -> usize {
        query * self.num_heads + head
    }
}

/// Heads side by side in a token's state, by themselves or beside other things.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads<'a> {
    values: &'a [f32],
    /// From token to token.
    stride: usize,
}

impl<'a> Heads<'a> {
    /// Heads that start with the first value, in states of `stride` values.
    pub(super) fn new(values: &'a [f32], stride: usize) -> Self {
        Self { values, stride }
    }

    fn head(self, head: usize, d_head: usize, tokens: &Range<usize>) -> Matrix<'a> {
        let start = tokens.start * self.stride + head * d_head;
        let values = self.values.get(start..).unwrap_or_default();
        Matrix::strided(values, tokens.len(), d_head, self.stride)
    }
}

/// Queries, `num_heads` of each token, keys and values, `num_key_value_heads`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) query: Heads<'a>,
    pub(super) key: Heads<'a>,
    pub(super) value: Heads<'a>,
    pub(super) rows: &'a Rows,
}

impl<'a> Inputs<'a> {
    /// Of tensors of their own.
    pub(super) fn new([query, key, value]: [&'a [f32]; 3], rows: &'a Rows, shape: &Shape) -> Self {
        Self {
            query: Heads::new(query, shape.width()),
            key: Heads::new(key, shape.shared_width()),
            value: Heads::new(value, shape.shared_width()),
            rows,
        }
    }

    /// Of queries, keys and values side by side in every token's state.
    pub(super) fn joined(states: &'a [f32], rows: &'a Rows, shape: &Shape) -> Self {
        let [first_key, first_value] = [shape.width(), shape.width() + shape.shared_width()];
        let stride = first_value + shape.shared_width();
        let part = |first: usize| Heads::new(states.get(first..).unwrap_or_default(), stride);
        Self {
            query: part(0),
            key: part(first_key),
            value: part(first_value),
            rows,
        }
    }
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

/// What the forward pass gave, and the gradient of it, `[num_queries, num_heads · d_head]`; and the
/// logarithms of the sums, `[num_queries, num_heads]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outputs<'a> {
    pub(super) context: &'a [f32],
    pub(super) log_sums: &'a [f32],
    pub(super) gradient: &'a [f32],
}
