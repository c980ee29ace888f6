//! Gradients of disentangled attention.

use super::strips::{Strip, take_columns, take_rows};
use super::{Inputs, Pairs, of_length, score};
use crate::flex::attention::{Heads, Outputs, Shape, softmax_backward};
use crate::flex::embedding;
use crate::flex::gemm::{Matrix, MatrixMut, Write, gemm};
use crate::flex::math::add;
use crate::flex::packed::PackedTokens;
use crate::flex::rows::{MANY, by_parts, by_rows, per_task, zeroed};

/// Minimum number of tasks, if rows times heads allow it.
const TASKS: usize = 64;

/// Gradients of queries, keys and values, and of the given tables.
#[derive(Debug)]
pub(in crate::flex) struct Found {
    pub(in crate::flex) states: [Vec<f32>; 3],
    pub(in crate::flex) tables: [Option<Vec<f32>>; 2],
}

pub(in crate::flex) fn backward(
    inputs: &Inputs<'_>,
    outputs: &Outputs<'_>,
    shape: &Shape,
) -> Found {
    // A task is one head of several rows; its table gradients are sums over these rows.
    let (rows, heads) = (inputs.states.rows, shape.num_heads);
    let size = rows.keys.num_rows().div_ceil(TASKS.div_ceil(heads)).max(1);
    let [queries, keys] = [&rows.queries, &rows.keys].map(|tokens| tokens.joined(size));
    let tables = inputs.by_distance(shape.width());
    let [of_keys, of_queries] = tables.each_ref().map(|table| match table {
        Some(_) => inputs.distances.len(),
        None => 0,
    });
    let lengths: Vec<[usize; 5]> = (0..keys.num_rows() * heads)
        .map(|task| {
            let [queries, keys] = [&queries, &keys].map(|tokens| tokens.row(task / heads).len());
            [queries, keys, keys, of_keys, of_queries].map(|rows| rows * shape.d_head)
        })
        .collect();
    let [query, key, value, of_keys, of_queries] = by_parts(&lengths, |task, parts| {
        let mut parts = parts.map(zeroed);
        let mut memory = Memory::default();
        let (group, head) = (task / heads, task % heads);
        let last = ((group + 1) * size).min(rows.keys.num_rows());
        for row in group * size..last {
            let part = |tokens: &PackedTokens, joined: &PackedTokens| {
                let (tokens, first) = (tokens.row(row), joined.row(group).start);
                (tokens.start - first) * shape.d_head..(tokens.end - first) * shape.d_head
            };
            let (query, key) = (part(&rows.queries, &queries), part(&rows.keys, &keys));
            let [d_query, d_key, d_value, d_keys, d_queries] =
                parts.each_mut().map(|part| &mut **part);
            let gradients = HeadGradients {
                query: &mut d_query[query],
                key: &mut d_key[key.clone()],
                value: &mut d_value[key],
                tables: [d_keys, d_queries],
            };
            let pass = Pass {
                inputs,
                tables: &tables,
                outputs,
                head,
                shape,
            };
            pass.row(row, gradients, &mut memory);
        }
        parts
    });
    let table = |parts: &[f32], ids: &[usize], table: Option<&[f32]>| {
        let sum = sum_tables(parts, inputs.distances.len(), shape);
        let rows = table.map_or(0, <[f32]>::len) / shape.width();
        table.map(|_| embedding::backward(&sum, ids, rows, shape.width()))
    };
    let [keys_table, queries_table] = inputs.tables;
    Found {
        states: [
            side_by_side(&query, &queries, heads, shape.d_head),
            side_by_side(&key, &keys, heads, shape.d_head),
            side_by_side(&value, &keys, heads, shape.d_head),
        ],
        tables: [
            table(&of_keys, inputs.distances, keys_table),
            table(&of_queries, &inputs.rising(), queries_table),
        ],
    }
}

/// Reorders values from rows and heads, `[tokens of the row, d_head]` each, to
/// `[tokens, num_heads · d_head]`.
fn side_by_side(parts: &[f32], tokens: &PackedTokens, num_heads: usize, d_head: usize) -> Vec<f32> {
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

/// Sums the tasks' table gradients, `[distances, d_head]` each, per head and in order, to
/// `[distances, num_heads · d_head]`.
fn sum_tables(parts: &[f32], distances: usize, shape: &Shape) -> Vec<f32> {
    let d_head = shape.d_head;
    let width = [shape.width()];
    let [out] = by_rows(
        distances,
        per_task(distances, MANY),
        width,
        |rows, [out]| {
            let out = zeroed(out);
            for (task, part) in parts.chunks_exact(distances * d_head).enumerate() {
                let head = task % shape.num_heads;
                let part = part[rows.start * d_head..rows.end * d_head].chunks_exact(d_head);
                for (out, part) in out.chunks_exact_mut(shape.width()).zip(part) {
                    add(&mut out[head * d_head..(head + 1) * d_head], part);
                }
            }
            [out]
        },
    );
    out
}

/// Gradients of one head in one row, `[tokens, d_head]`, and of its tables, `[distances, d_head]`.
/// Query gradients are overwritten, the others accumulated.
struct HeadGradients<'a> {
    query: &'a mut [f32],
    key: &'a mut [f32],
    value: &'a mut [f32],
    tables: [&'a mut [f32]; 2],
}

/// Temporary memory of a task.
#[derive(Default)]
struct Memory {
    scores: Vec<f32>,
    strip: Vec<f32>,
}

/// Backward pass of one head.
#[derive(Clone, Copy)]
struct Pass<'a> {
    inputs: &'a Inputs<'a>,
    /// Table rows by distance.
    tables: &'a [Option<Vec<f32>>; 2],
    outputs: &'a Outputs<'a>,
    head: usize,
    shape: &'a Shape,
}

impl Pass<'_> {
    fn row(self, row: usize, gradients: HeadGradients<'_>, memory: &mut Memory) {
        let (rows, d_head) = (self.inputs.states.rows, self.shape.d_head);
        let (first_query, first_key) = (rows.queries.row(row).start, rows.keys.row(row).start);
        let [d_keys, d_queries] = gradients.tables;
        for pairs in Pairs::of_row(rows, row, self.inputs.greatest()) {
            let block = &pairs.block;
            if block.keys.is_empty() {
                continue;
            }
            let query = (block.queries.start - first_query) * d_head;
            let key =
                (block.keys.start - first_key) * d_head..(block.keys.end - first_key) * d_head;
            let gradients = HeadGradients {
                query: &mut gradients.query[query..query + block.queries.len() * d_head],
                key: &mut gradients.key[key.clone()],
                value: &mut gradients.value[key],
                tables: [&mut *d_keys, &mut *d_queries],
            };
            self.pairs(&pairs, gradients, memory);
        }
    }

    fn pairs(self, pairs: &Pairs, gradients: HeadGradients<'_>, memory: &mut Memory) {
        let Self {
            inputs,
            outputs,
            head,
            shape,
            ..
        } = self;
        let (queries, keys) = (pairs.block.queries.len(), pairs.block.keys.len());
        memory.scores.resize(2 * pairs.len(), 0.0);
        let (scores, kept) = memory.scores.split_at_mut(pairs.len());
        score(
            inputs,
            self.tables,
            pairs,
            head,
            scores,
            &mut memory.strip,
            shape,
        );
        let gradient = Heads::new(outputs.gradient, shape.width());
        let gradient = shape.query(gradient, head, &pairs.block.queries);
        let value = shape.key(inputs.states.value, head, &pairs.block.keys);
        let out = MatrixMut::new(kept, queries, keys);
        gemm(out, Write::Replace, 1.0, gradient, value.transposed());
        let place = (head, pairs.block.queries.start);
        softmax_backward(scores, kept, keys, &pairs.seen, outputs, *shape, place);
        let d_value = MatrixMut::new(gradients.value, keys, shape.d_head);
        let probabilities = Matrix::new(scores, queries, keys).transposed();
        gemm(d_value, Write::Add, 1.0, probabilities, gradient);
        self.contents(pairs, kept, gradients.query, gradients.key);
        let [d_keys, d_queries] = gradients.tables;
        self.position_keys(pairs, kept, [gradients.query, d_keys], &mut memory.strip);
        self.position_queries(pairs, kept, [gradients.key, d_queries], &mut memory.strip);
    }

    /// Gradients of the content term.
    fn contents(self, pairs: &Pairs, gradients: &[f32], d_query: &mut [f32], d_key: &mut [f32]) {
        let (queries, keys) = (pairs.block.queries.len(), pairs.block.keys.len());
        let (shape, states) = (self.shape, self.inputs.states);
        let gradients = Matrix::new(gradients, queries, keys);
        let query = shape.query(states.query, self.head, &pairs.block.queries);
        let key = shape.key(states.key, self.head, &pairs.block.keys);
        let d_query = MatrixMut::new(d_query, queries, shape.d_head);
        gemm(d_query, Write::Replace, shape.scale, gradients, key);
        let d_key = MatrixMut::new(d_key, keys, shape.d_head);
        gemm(
            d_key,
            Write::Add,
            shape.scale,
            gradients.transposed(),
            query,
        );
    }

    fn position_keys(
        self,
        pairs: &Pairs,
        gradients: &[f32],
        [d_query, d_table]: [&mut [f32]; 2],
        memory: &mut Vec<f32>,
    ) {
        let [Some(table), _] = self.tables else {
            return;
        };
        for strip in &pairs.by_query.strips {
            let values = of_length(memory, strip.len());
            take_rows(
                values,
                gradients,
                pairs.block.keys.len(),
                strip,
                &pairs.by_query.runs,
            );
            let rows = pairs.query(self.inputs.states.query, strip, self.head, self.shape);
            self.strip(strip, values, rows, table, [&mut *d_query, &mut *d_table]);
        }
    }

    fn position_queries(
        self,
        pairs: &Pairs,
        gradients: &[f32],
        [d_key, d_table]: [&mut [f32]; 2],
        memory: &mut Vec<f32>,
    ) {
        let [_, Some(table)] = self.tables else {
            return;
        };
        for strip in &pairs.by_key.strips {
            let values = of_length(memory, strip.len());
            take_columns(
                values,
                gradients,
                pairs.block.keys.len(),
                strip,
                &pairs.by_key.runs,
            );
            let rows = pairs.key(self.inputs.states.key, strip, self.head, self.shape);
            self.strip(strip, values, rows, table, [&mut *d_key, &mut *d_table]);
        }
    }

    /// Gradients of a strip's rows and of its part of the table.
    fn strip(
        self,
        strip: &Strip,
        gradients: &[f32],
        rows: Matrix<'_>,
        table: &[f32],
        [d_rows, d_table]: [&mut [f32]; 2],
    ) {
        let (shape, d_head) = (self.shape, self.shape.d_head);
        let gradients = Matrix::new(gradients, strip.rows.len(), strip.width());
        let d_rows = &mut d_rows[strip.rows.start * d_head..strip.rows.end * d_head];
        let d_rows = MatrixMut::new(d_rows, strip.rows.len(), d_head);
        let table = shape.query(Heads::new(table, shape.width()), self.head, &strip.table);
        gemm(d_rows, Write::Add, shape.scale, gradients, table);
        let d_table = &mut d_table[strip.table.start * d_head..strip.table.end * d_head];
        let d_table = MatrixMut::new(d_table, strip.width(), d_head);
        gemm(
            d_table,
            Write::Add,
            shape.scale,
            gradients.transposed(),
            rows,
        );
    }
}
