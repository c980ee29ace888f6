//! DeBERTa's attention within the rows of a packed batch: scores are sums of a content term and of
//! terms for the relative position.
//!
//! Products with the position tables are computed by distance, for a strip of tokens at a time, and
//! added to the scores of the pairs; everything else is as in [`attention`].

mod backward;
mod kernel;
mod strips;

use super::attention::{self, Heads, Seen, Shape, average};
use super::embedding;
use super::gemm::{Matrix, MatrixMut, Write, gemm};
use super::packed::{Block, Rows};
use super::rows::{by_parts, zeroed};
use backward::backward;
#[cfg(test)]
pub(crate) use kernel::FusedDisentangled;
pub(crate) use kernel::disentangled;
use strips::{Strip, Strips, add_columns, add_rows};

/// Queries whose scores are in memory at a time.
const BLOCK: usize = 128;

/// Contents, and what is made of positions.
#[derive(Debug, Clone, Copy)]
struct Inputs<'a> {
    states: attention::Inputs<'a>,
    /// Position keys and position queries, `[table_rows, num_heads · d_head]`, where their terms
    /// are in the scores.
    tables: [Option<&'a [f32]>; 2],
    /// `[2 · seq_length - 1]`: the row of both tables for the distances from query to key
    /// `seq_length - 1, .., 0, .., 1 - seq_length`.
    distances: &'a [usize],
}

impl Inputs<'_> {
    /// The greatest distance.
    fn greatest(&self) -> usize {
        self.distances.len() / 2
    }

    /// Rows of position keys by falling distance, and those of position queries by rising distance:
    /// along the keys of a query, and along the queries of a key.
    fn by_distance(&self, width: usize) -> [Option<Vec<f32>>; 2] {
        let [keys, queries] = self.tables;
        [
            keys.map(|table| embedding::forward(table, self.distances, width)),
            queries.map(|table| embedding::forward(table, &self.rising(), width)),
        ]
    }

    /// Table rows by rising distance.
    fn rising(&self) -> Vec<usize> {
        self.distances.iter().rev().copied().collect()
    }
}

/// Queries of a row with the keys of it, and where their distances are.
#[derive(Debug)]
struct Pairs {
    block: Block,
    seen: Seen,
    by_query: Strips,
    by_key: Strips,
}

impl Pairs {
    fn of_row(rows: &Rows, row: usize, greatest: usize) -> impl Iterator<Item = Self> {
        rows.blocks(row, BLOCK).map(move |block| {
            let queries = &rows.queries.positions()[block.queries.clone()];
            let keys = &rows.keys.positions()[block.keys.clone()];
            Self {
                seen: Seen::new(rows, row, &block),
                by_query: Strips::new(queries, keys, greatest),
                by_key: Strips::new(keys, queries, greatest),
                block,
            }
        })
    }

    /// Number of pairs.
    fn len(&self) -> usize {
        self.block.queries.len() * self.block.keys.len()
    }

    /// Of queries, as the tensors have them, those of a strip's rows.
    fn query<'a>(
        &self,
        states: Heads<'a>,
        strip: &Strip,
        head: usize,
        shape: &Shape,
    ) -> Matrix<'a> {
        let rows = shape.query(states, head, &self.block.queries);
        rows.rows(strip.rows.start, strip.rows.len())
    }

    /// The same of keys.
    fn key<'a>(&self, states: Heads<'a>, strip: &Strip, head: usize, shape: &Shape) -> Matrix<'a> {
        let rows = shape.key(states, head, &self.block.keys);
        rows.rows(strip.rows.start, strip.rows.len())
    }
}

/// The result, shaped as the queries, and the logarithm of the sum of each query's exponentials:
/// `[num_queries, num_heads]`.
fn forward(inputs: &Inputs<'_>, shape: &Shape) -> [Vec<f32>; 2] {
    let rows = inputs.states.rows;
    let tables = inputs.by_distance(shape.width());
    let tasks: Vec<Pairs> = (0..rows.queries.num_rows())
        .flat_map(|row| Pairs::of_row(rows, row, inputs.greatest()))
        .collect();
    let lengths: Vec<[usize; 2]> = tasks
        .iter()
        .map(|pairs| {
            [shape.width(), shape.num_heads].map(|width| pairs.block.queries.len() * width)
        })
        .collect();
    by_parts(&lengths, |task, parts| {
        let pairs = &tasks[task];
        let [out, log_sums] = parts.map(zeroed);
        let (mut scores, mut strip) = (vec![0.0; pairs.len()], Vec::new());
        if !pairs.block.keys.is_empty() {
            for head in 0..shape.num_heads {
                score(inputs, &tables, pairs, head, &mut scores, &mut strip, shape);
                let results = (&mut *out, &mut *log_sums);
                let Pairs { block, seen, .. } = pairs;
                average(
                    &inputs.states,
                    block,
                    seen,
                    head,
                    &mut scores,
                    results,
                    shape,
                );
            }
        }
        [out, log_sums]
    })
}

/// Scores of a head's pairs, `[queries, keys]`; `tables` are by distance, and `memory` is for a
/// strip.
fn score(
    inputs: &Inputs<'_>,
    tables: &[Option<Vec<f32>>; 2],
    pairs: &Pairs,
    head: usize,
    scores: &mut [f32],
    memory: &mut Vec<f32>,
    shape: &Shape,
) {
    let (queries, keys) = (pairs.block.queries.len(), pairs.block.keys.len());
    let (query, key) = (inputs.states.query, inputs.states.key);
    gemm(
        MatrixMut::new(scores, queries, keys),
        Write::Replace,
        shape.scale,
        shape.query(query, head, &pairs.block.queries),
        shape.key(key, head, &pairs.block.keys).transposed(),
    );
    let [position_keys, position_queries] = tables;
    if let Some(table) = position_keys {
        for strip in &pairs.by_query.strips {
            let rows = pairs.query(query, strip, head, shape);
            let values = by_distance(rows, table, strip, head, memory, shape);
            add_rows(scores, keys, values, strip, &pairs.by_query.runs);
        }
    }
    if let Some(table) = position_queries {
        for strip in &pairs.by_key.strips {
            let rows = pairs.key(key, strip, head, shape);
            let values = by_distance(rows, table, strip, head, memory, shape);
            add_columns(scores, keys, values, strip, &pairs.by_key.runs);
        }
    }
}

/// A strip of scores: its rows against its rows of the table.
fn by_distance<'a>(
    rows: Matrix<'_>,
    table: &[f32],
    strip: &Strip,
    head: usize,
    memory: &'a mut Vec<f32>,
    shape: &Shape,
) -> &'a [f32] {
    let values = of_length(memory, strip.len());
    let table = Heads::new(table, shape.width());
    gemm(
        MatrixMut::new(values, strip.rows.len(), strip.width()),
        Write::Replace,
        shape.scale,
        rows,
        shape.query(table, head, &strip.table).transposed(),
    );
    values
}

/// The first values of a memory that is made long enough.
fn of_length(memory: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if memory.len() < length {
        memory.resize(length, 0.0);
    }
    &mut memory[..length]
}
