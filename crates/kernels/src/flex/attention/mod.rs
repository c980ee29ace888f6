//! Multi-head attention within the rows of a packed batch.
//!
//! Queries, keys and values are read in the layout of the linear layers' outputs, without copies:
//! the heads side by side in a token's state. Scores are computed for a block of queries at a time,
//! only for keys that some query of the block attends to. The backward pass recomputes them from
//! the logarithms of the softmax sums, as in Dao et al. (2022), <https://arxiv.org/abs/2205.14135>.

mod backward;
mod by_heads;
mod forward;
mod kernel;

use std::ops::Range;

use super::dropout::Dropout;
use super::gemm::Matrix;
use super::packed::{Block, Rows};
use super::reduced::Products;
pub(super) use backward::{backward, backward_joined, softmax_backward};
pub(super) use forward::{average, forward, tasks};
pub(super) use kernel::Attended;
pub(crate) use kernel::{FusedAttention, attention};

/// Maximum number of queries whose scores are in memory at a time.
const BLOCK: usize = 128;

/// Sizes and options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) num_heads: usize,
    /// Divides `num_heads`: consecutive query heads share a key and value head.
    pub(super) num_key_value_heads: usize,
    pub(super) d_head: usize,
    /// Scores are `scale · q · k`.
    pub(super) scale: f32,
    pub(super) dropout: Dropout,
    /// How products are computed in training.
    pub(super) products: Products,
}

impl Shape {
    /// Width of a token's queries.
    pub(super) fn width(&self) -> usize {
        self.num_heads * self.d_head
    }

    /// Width of a token's keys, and also of its values.
    pub(super) fn shared_width(&self) -> usize {
        self.num_key_value_heads * self.d_head
    }

    /// Number of query heads that share a key head.
    fn group(&self) -> usize {
        self.num_heads / self.num_key_value_heads
    }

    /// One query head of some tokens.
    pub(super) fn query<'a>(
        &self,
        states: Heads<'a>,
        head: usize,
        tokens: &Range<usize>,
    ) -> Matrix<'a> {
        states.head(head, self.d_head, tokens)
    }

    /// The keys or values of a query head.
    pub(super) fn key<'a>(
        &self,
        states: Heads<'a>,
        head: usize,
        tokens: &Range<usize>,
    ) -> Matrix<'a> {
        states.head(head / self.group(), self.d_head, tokens)
    }

    /// Row of the dropout mask for a query and head.
    pub(super) fn mask_row(&self, query: usize, head: usize) -> usize {
        query * self.num_heads + head
    }
}

/// Heads side by side in a token's state, possibly beside other values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads<'a> {
    values: &'a [f32],
    /// Values from one token to the next.
    stride: usize,
}

impl<'a> Heads<'a> {
    /// Heads at the start of states of `stride` values.
    pub(super) fn new(values: &'a [f32], stride: usize) -> Self {
        Self { values, stride }
    }

    /// The heads whose values begin `first` values later.
    fn from(self, first: usize) -> Self {
        let values = self.values.get(first..).unwrap_or_default();
        Self { values, ..self }
    }

    fn head(self, head: usize, d_head: usize, tokens: &Range<usize>) -> Matrix<'a> {
        let start = tokens.start * self.stride + head * d_head;
        let values = self.values.get(start..).unwrap_or_default();
        Matrix::strided(values, tokens.len(), d_head, self.stride)
    }
}

/// Queries with `num_heads` heads, keys and values with `num_key_value_heads`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) query: Heads<'a>,
    pub(super) key: Heads<'a>,
    pub(super) value: Heads<'a>,
    pub(super) rows: &'a Rows,
}

impl<'a> Inputs<'a> {
    /// Inputs in three tensors.
    pub(super) fn new([query, key, value]: [&'a [f32]; 3], rows: &'a Rows, shape: &Shape) -> Self {
        Self {
            query: Heads::new(query, shape.width()),
            key: Heads::new(key, shape.shared_width()),
            value: Heads::new(value, shape.shared_width()),
            rows,
        }
    }

    /// Inputs side by side in one tensor.
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

/// Which keys of a block each query attends to.
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
    pub(super) fn of(&self, index: usize, keys: usize) -> Range<usize> {
        match self {
            Self::All => 0..keys,
            Self::Some(seen) => seen[index].clone(),
        }
    }
}

/// The output of the forward pass and its gradient, `[num_queries, num_heads · d_head]`, and the
/// logarithms of the softmax sums, `[num_queries, num_heads]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outputs<'a> {
    pub(super) context: &'a [f32],
    pub(super) log_sums: &'a [f32],
    pub(super) gradient: &'a [f32],
}
