//! Kendall's τ-b of a resample.

use super::ranking::{Ranking, weight};
use crate::metrics::finite;

/// Kendall's τ-b where response `r` counts `counts[r]` times: copies of a pair tie with each other
/// on both sides. Walks through the predictions in order and keeps the targets seen so far in a
/// Fenwick tree, in `O(n log m)` for `m` different targets.
pub(super) fn kendall_tau_b(
    predictions: &Ranking,
    targets: &Ranking,
    target_levels: &[u32],
    counts: &[u32],
) -> Option<f64> {
    let total: u64 = predictions.ties().map(|tied| weight(tied, counts)).sum();
    let pairs = choose_two(total);
    let tied = |ranking: &Ranking| -> u64 {
        ranking
            .ties()
            .map(|tied| choose_two(weight(tied, counts)))
            .sum()
    };
    let untied_predictions = (pairs - tied(predictions)) as f64;
    let untied_targets = (pairs - tied(targets)) as f64;
    if untied_predictions == 0.0 || untied_targets == 0.0 {
        return None;
    }
    let mut seen = Fenwick::new(targets.num_levels());
    let mut difference = 0.0;
    for tied in predictions.ties() {
        let present = tied
            .iter()
            .filter(|&&(_, response)| counts[response as usize] > 0);
        for &(pair, response) in present.clone() {
            let level = target_levels[pair as usize] as usize;
            let concordant = seen.below(level) as f64;
            let discordant = (seen.total - seen.below(level + 1)) as f64;
            difference += f64::from(counts[response as usize]) * (concordant - discordant);
        }
        for &(pair, response) in present {
            seen.add(
                target_levels[pair as usize] as usize,
                u64::from(counts[response as usize]),
            );
        }
    }
    finite(difference / untied_predictions.sqrt() / untied_targets.sqrt())
        .map(|tau| tau.clamp(-1.0, 1.0))
}

fn choose_two(items: u64) -> u64 {
    items * items.saturating_sub(1) / 2
}

/// Counts by level with fast sums over the levels below one (Fenwick 1994).
struct Fenwick {
    sums: Vec<u64>,
    total: u64,
}

impl Fenwick {
    fn new(levels: usize) -> Self {
        Self {
            sums: vec![0; levels + 1],
            total: 0,
        }
    }

    fn add(&mut self, level: usize, count: u64) {
        self.total += count;
        let mut index = level + 1;
        while index < self.sums.len() {
            self.sums[index] += count;
            index += index & index.wrapping_neg();
        }
    }

    /// Sum over the levels from 0 up to, not including, `level`.
    fn below(&self, level: usize) -> u64 {
        let mut sum = 0;
        let mut index = level;
        while index > 0 {
            sum += self.sums[index];
            index &= index - 1;
        }
        sum
    }
}
