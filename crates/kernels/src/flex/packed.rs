//! Queries and keys of the rows of a packed batch.

use std::ops::Range;
use std::sync::Arc;

use crate::Reach;

/// Selected tokens of a batch, one row after another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PackedTokens {
    /// One past the last token of each row.
    ends: Arc<[usize]>,
    /// Position of each token in its row, ascending within the row.
    positions: Arc<[usize]>,
}

impl PackedTokens {
    /// The tokens of a batch that `chosen`, `[batch_size, seq_length]`, selects.
    pub(crate) fn new(chosen: &[bool], seq_length: usize) -> Self {
        let (mut ends, mut positions) = (Vec::new(), Vec::new());
        for row in chosen.chunks(seq_length.max(1)) {
            positions.extend((0..row.len()).filter(|&token| row[token]));
            ends.push(positions.len());
        }
        Self {
            ends: ends.into(),
            positions: positions.into(),
        }
    }

    /// Number of rows.
    pub(super) fn num_rows(&self) -> usize {
        self.ends.len()
    }

    /// Indices of a row's tokens.
    pub(super) fn row(&self, row: usize) -> Range<usize> {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[row]
    }

    /// The same tokens, with every `size` rows joined into one.
    pub(super) fn joined(&self, size: usize) -> Self {
        let ends = self.ends.chunks(size).filter_map(|ends| ends.last());
        Self {
            ends: ends.copied().collect(),
            positions: self.positions.clone(),
        }
    }

    /// Position of each token in its row.
    pub(crate) fn positions(&self) -> &Arc<[usize]> {
        &self.positions
    }
}

/// Queries, and the keys they attend to: keys of their row within reach.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows {
    pub(crate) queries: PackedTokens,
    pub(crate) keys: PackedTokens,
    pub(crate) reach: Reach,
}

/// Queries of a row that are computed together, and the keys that any of them attends to.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) queries: Range<usize>,
    pub(super) keys: Range<usize>,
}

impl Rows {
    /// The queries of a row in blocks of about equal size, at most `most`.
    pub(super) fn blocks(&self, row: usize, most: usize) -> impl Iterator<Item = Block> {
        let queries = self.queries.row(row);
        let blocks = queries.len().div_ceil(most).max(1);
        let size = queries.len().div_ceil(blocks).max(1);
        queries.clone().step_by(size).map(move |start| {
            let end = (start + size).min(queries.end);
            let (first, last) = (self.seen(row, start), self.seen(row, end - 1));
            Block {
                queries: start..end,
                // Both ends never decrease from query to query.
                keys: first.start..last.end,
            }
        })
    }

    /// The keys that a query of a row attends to.
    pub(super) fn seen(&self, row: usize, query: usize) -> Range<usize> {
        let keys = self.keys.row(row);
        if self.reach == Reach::default() {
            return keys;
        }
        let position = self.queries.positions[query];
        let places = &self.keys.positions[keys.clone()];
        let Reach { causal, window } = self.reach;
        let first = window.map_or(0, |window| position.saturating_sub(window));
        let last = match (causal, window) {
            (true, _) => position,
            (false, Some(window)) => position.saturating_add(window),
            (false, None) => usize::MAX,
        };
        let start = places.partition_point(|place| *place < first);
        let end = places.partition_point(|place| *place <= last);
        keys.start + start..keys.start + end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_are_counted_row_by_row() {
        let tokens = PackedTokens::new(&[true, false, true, false, false, true], 3);
        assert_eq!((tokens.row(0), tokens.row(1)), (0..2, 2..3));
        assert_eq!(*tokens.positions, [0, 2, 2]);
    }

    #[test]
    fn rows_are_joined_in_groups_with_a_rest() {
        let tokens = PackedTokens::new(&[true, false, true, true, true], 1).joined(2);
        assert_eq!(tokens.num_rows(), 3);
        assert_eq!([0, 1, 2].map(|row| tokens.row(row)), [0..1, 1..3, 3..4]);
    }

    proptest! {
        #[test]
        fn a_query_sees_what_its_reach_says_and_blocks_hold_it(
            chosen in proptest::collection::vec(any::<(bool, bool)>(), 1..60),
            seq_length in 1_usize..20, causal: bool, window in proptest::option::of(0_usize..6),
            size in 1_usize..7,
        ) {
            let (keys, queries): (Vec<_>, Vec<_>) = chosen.into_iter().unzip();
            let tokens = |chosen| PackedTokens::new(chosen, seq_length);
            let rows = Rows {
                queries: tokens(&queries),
                keys: tokens(&keys),
                reach: Reach { causal, window },
            };
            for row in 0..rows.queries.num_rows() {
                let mut queries = rows.queries.row(row);
                for block in rows.blocks(row, size) {
                    for query in block.queries {
                        prop_assert_eq!(Some(query), queries.next());
                        let place = rows.queries.positions[query];
                        let expected: Vec<usize> = rows.keys.row(row).filter(|&key| {
                            let key = rows.keys.positions[key];
                            (!causal || key <= place)
                                && window.is_none_or(|window| key.abs_diff(place) <= window)
                        }).collect();
                        let seen: Vec<usize> = rows.seen(row, query).collect();
                        prop_assert_eq!(&seen, &expected);
                        let inside = |key| block.keys.contains(key);
                        prop_assert!(seen.iter().all(inside));
                    }
                }
                prop_assert_eq!(queries.next(), None);
            }
        }
    }
}
