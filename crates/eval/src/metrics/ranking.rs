//! Ranks in a resample, from values that are sorted once.

use super::{order, same};

/// Values in ascending order, with their ties.
pub(super) struct Ranking {
    /// Index of the pair and of its response, in the order of the values.
    sorted: Vec<(u32, u32)>,
    /// Where each run of tied values ends in `sorted`.
    ends: Vec<usize>,
}

impl Ranking {
    /// Sorts `values`; `responses` says to which response each belongs.
    pub(super) fn new(values: &[f64], responses: &[u32]) -> Self {
        let mut by_value: Vec<u32> = (0..).take(values.len()).collect();
        let value = |index: u32| values[index as usize];
        by_value.sort_unstable_by(|&a, &b| order(value(a), value(b)));
        let mut end = 0;
        let ends = by_value
            .chunk_by(|&a, &b| same(value(a), value(b)))
            .map(|tied| {
                end += tied.len();
                end
            })
            .collect();
        let sorted = by_value
            .iter()
            .map(|&index| (index, responses[index as usize]))
            .collect();
        Self { sorted, ends }
    }

    /// Runs of tied values, lowest first, as indices of pair and response.
    pub(super) fn ties(&self) -> impl DoubleEndedIterator<Item = &[(u32, u32)]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        // `ends` is as long as `starts` less its last entry; zipping from the back needs equal
        // lengths.
        let starts: Vec<usize> = starts.take(self.ends.len()).collect();
        starts
            .into_iter()
            .zip(self.ends.iter().copied())
            .map(|(start, end)| &self.sorted[start..end])
    }

    /// Number of different values.
    pub(super) fn num_levels(&self) -> usize {
        self.ends.len()
    }

    /// For every pair, the place of its value among the different values, from 0.
    pub(super) fn levels(&self) -> Vec<u32> {
        let mut levels = vec![0; self.sorted.len()];
        for (level, tied) in (0..).zip(self.ties()) {
            for &(pair, _) in tied {
                levels[pair as usize] = level;
            }
        }
        levels
    }
}

/// How many pairs of the resample are among `tied`.
pub(super) fn weight(tied: &[(u32, u32)], counts: &[u32]) -> u64 {
    tied.iter()
        .map(|&(_, response)| u64::from(counts[response as usize]))
        .sum()
}
