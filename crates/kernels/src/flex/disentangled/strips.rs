//! Converts scores by distance to scores by pair, and gradients back.
//!
//! The position term of tokens is a product with the rows of a table, one column per distance. It
//! is computed for a strip of a few tokens at a time, with a column for every distance of any pair.
//! The scores of one token are then a slice of its row in the strip; the greater its position, the
//! earlier the slice starts.

use std::ops::Range;

use crate::flex::math::{add, vector_fn};

/// Maximum range of positions in a strip; each row uses only some of the computed columns.
const SPAN: usize = 64;

/// Side of the square tiles in which rows and columns are transposed.
const SIDE: usize = 8;

/// Strips of some tokens (rows) with all others (columns).
#[derive(Debug)]
pub(super) struct Strips {
    pub(super) strips: Vec<Strip>,
    pub(super) runs: Vec<StripRun>,
}

/// Rows with nearby positions.
#[derive(Debug)]
pub(super) struct Strip {
    /// Indices of the rows.
    pub(super) rows: Range<usize>,
    /// Rows of the table; distances increase with the column's position.
    pub(super) table: Range<usize>,
    /// For each row, the strip's column of the first column position.
    starts: Vec<usize>,
}

/// Columns with consecutive positions.
#[derive(Debug, PartialEq)]
pub(super) struct StripRun {
    /// Indices of the columns.
    columns: Range<usize>,
    /// Position of its first column, relative to the first position of all columns.
    offset: usize,
}

impl Strips {
    /// Strips of tokens with ascending positions; `greatest` is the greatest distance in the table.
    pub(super) fn new(rows: &[usize], columns: &[usize], greatest: usize) -> Self {
        let mut strips = Vec::new();
        let (Some(first_column), Some(last_column)) = (columns.first(), columns.last()) else {
            let runs = Vec::new();
            return Self { strips, runs };
        };
        let mut first = 0;
        while first < rows.len() {
            let end = rows[first] + SPAN;
            let count = rows[first..].partition_point(|position| *position < end);
            let positions = &rows[first..first + count];
            let last = positions[count - 1];
            strips.push(Strip {
                rows: first..first + count,
                table: first_column + greatest - last..last_column + greatest + 1 - positions[0],
                starts: positions.iter().map(|position| last - position).collect(),
            });
            first += count;
        }
        Self {
            strips,
            runs: runs(columns),
        }
    }
}

fn runs(positions: &[usize]) -> Vec<StripRun> {
    let mut runs: Vec<StripRun> = Vec::new();
    for (column, position) in positions.iter().enumerate() {
        let offset = position - positions[0];
        match runs.last_mut() {
            Some(run) if offset == run.offset + run.columns.len() => run.columns.end += 1,
            _ => runs.push(StripRun {
                columns: column..column + 1,
                offset,
            }),
        }
    }
    runs
}

impl Strip {
    /// Number of columns.
    pub(super) fn width(&self) -> usize {
        self.table.len()
    }

    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.rows.len() * self.width()
    }

    /// Index of a run's first column in a row, counted from the strip's first row.
    #[inline(always)]
    fn place(&self, row: usize, run: &StripRun) -> usize {
        row * self.width() + self.starts[row] + run.offset
    }
}

vector_fn! {
    /// Adds a strip to the scores of its rows; `scores` has rows of `stride` values.
    pub(super) fn add_rows(
        scores: &mut [f32],
        stride: usize,
        values: &[f32],
        strip: &Strip,
        runs: &[StripRun],
    ) {
        let scores = scores.chunks_exact_mut(stride).skip(strip.rows.start);
        for (row, scores) in scores.take(strip.rows.len()).enumerate() {
            for run in runs {
                let place = strip.place(row, run);
                let to = &mut scores[run.columns.clone()];
                add(to, &values[place..place + run.columns.len()]);
            }
        }
    }

    /// The inverse of [`add_rows`]: a strip of scores, zero elsewhere.
    pub(super) fn take_rows(
        values: &mut [f32],
        scores: &[f32],
        stride: usize,
        strip: &Strip,
        runs: &[StripRun],
    ) {
        values.fill(0.0);
        let scores = scores.chunks_exact(stride).skip(strip.rows.start);
        for (row, scores) in scores.take(strip.rows.len()).enumerate() {
            for run in runs {
                let place = strip.place(row, run);
                let to = &mut values[place..place + run.columns.len()];
                to.copy_from_slice(&scores[run.columns.clone()]);
            }
        }
    }

    /// Adds the transpose of a strip to the scores.
    pub(super) fn add_columns(
        scores: &mut [f32],
        stride: usize,
        values: &[f32],
        strip: &Strip,
        runs: &[StripRun],
    ) {
        each_square(strip, runs, |run, rows, columns| {
            let mut square = [[0.0; SIDE]; SIDE];
            for (line, row) in square.iter_mut().zip(rows.clone()) {
                let place = strip.place(row, run) + columns.start - run.columns.start;
                copy(line, &values[place..place + columns.len()]);
            }
            let first = strip.rows.start + rows.start;
            for (index, column) in columns.enumerate() {
                let start = column * stride + first;
                let scores = &mut scores[start..start + rows.len()];
                // The same loop twice: a known length lets the compiler vectorize it.
                if let Ok(scores) = <&mut [f32; SIDE]>::try_from(&mut *scores) {
                    for (score, line) in scores.iter_mut().zip(&square) {
                        *score += line[index];
                    }
                } else {
                    for (score, line) in scores.iter_mut().zip(&square) {
                        *score += line[index];
                    }
                }
            }
        });
    }

    /// The inverse of [`add_columns`].
    pub(super) fn take_columns(
        values: &mut [f32],
        scores: &[f32],
        stride: usize,
        strip: &Strip,
        runs: &[StripRun],
    ) {
        values.fill(0.0);
        each_square(strip, runs, |run, rows, columns| {
            let mut square = [[0.0; SIDE]; SIDE];
            let first = strip.rows.start + rows.start;
            for (index, column) in columns.clone().enumerate() {
                let start = column * stride + first;
                let mut line = [0.0; SIDE];
                copy(&mut line, &scores[start..start + rows.len()]);
                for (to, score) in square.iter_mut().zip(line) {
                    to[index] = score;
                }
            }
            for (line, row) in square.iter().zip(rows) {
                let place = strip.place(row, run) + columns.start - run.columns.start;
                let values = &mut values[place..place + columns.len()];
                values.copy_from_slice(&line[..columns.len()]);
            }
        });
    }
}

/// Copies a line of a tile, as one vector if it is complete.
#[inline(always)]
fn copy(line: &mut [f32; SIDE], values: &[f32]) {
    match <&[f32; SIDE]>::try_from(values) {
        Ok(values) => *line = *values,
        Err(_) => line[..values.len()].copy_from_slice(values),
    }
}

/// Visits all rows, counted from the strip's first, with the columns of each run, one tile at a
/// time.
#[inline(always)]
fn each_square(
    strip: &Strip,
    runs: &[StripRun],
    mut visit: impl FnMut(&StripRun, Range<usize>, Range<usize>),
) {
    let count = strip.rows.len();
    for run in runs {
        for column in run.columns.clone().step_by(SIDE) {
            let columns = column..(column + SIDE).min(run.columns.end);
            for row in (0..count).step_by(SIDE) {
                visit(run, row..(row + SIDE).min(count), columns.clone());
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "values are copied")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A table row's number stands for the product with it.
    fn values(strip: &Strip) -> Vec<f32> {
        let table = strip.table.clone().map(|row| row as f32);
        table.collect::<Vec<_>>().repeat(strip.rows.len())
    }

    #[test]
    fn tokens_whose_positions_follow_each_other_are_one_run() {
        let found = runs(&[2, 3, 4, 7, 9, 10]);
        let lengths = found.into_iter().map(|run| (run.columns, run.offset));
        assert_eq!(
            lengths.collect::<Vec<_>>(),
            [(0..3, 0), (3..4, 5), (4..6, 7)]
        );
    }

    proptest! {
        #[test]
        fn every_pair_gets_what_belongs_to_its_distance_and_gives_it_back(
            chosen in proptest::collection::vec(any::<(bool, bool)>(), 1..200),
        ) {
            let of = |take: fn(&(bool, bool)) -> bool| -> Vec<usize> {
                (0..chosen.len()).filter(|&place| take(&chosen[place])).collect()
            };
            let (rows, columns) = (of(|pair| pair.0), of(|pair| pair.1));
            prop_assume!(!rows.is_empty() && !columns.is_empty());
            let greatest = chosen.len() - 1;
            let strips = Strips::new(&rows, &columns, greatest);
            let mut pairs = vec![0.0; rows.len() * columns.len()];
            let mut turned = pairs.clone();
            for strip in &strips.strips {
                let values = values(strip);
                add_rows(&mut pairs, columns.len(), &values, strip, &strips.runs);
                add_columns(&mut turned, rows.len(), &values, strip, &strips.runs);
            }
            for (i, row) in rows.iter().enumerate() {
                for (j, column) in columns.iter().enumerate() {
                    let expected = (greatest + column - row) as f32;
                    prop_assert_eq!(pairs[i * columns.len() + j], expected);
                    prop_assert_eq!(turned[j * rows.len() + i], expected);
                }
            }
            for strip in &strips.strips {
                let mut back = vec![9.0; strip.len()];
                take_rows(&mut back, &pairs, columns.len(), strip, &strips.runs);
                let mut expected = vec![0.0; strip.len()];
                for row in 0..strip.rows.len() {
                    for column in &columns {
                        let place = strip.starts[row] + column - columns[0];
                        let table = strip.table.start + place;
                        expected[row * strip.width() + place] = table as f32;
                    }
                }
                prop_assert_eq!(&back, &expected);
                back.fill(9.0);
                take_columns(&mut back, &turned, rows.len(), strip, &strips.runs);
                prop_assert_eq!(&back, &expected);
            }
        }
    }
}
