//! Concordant, discordant and tied pairs, for Kendall's τ-b and pairwise accuracy.

use super::ranking::{Ranking, weight};
use super::seen::Fenwick;
use super::{finite, usable};

/// How many pairs of `n` items are concordant, discordant, or tied on one side or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairCounts {
    /// All pairs, `n (n - 1) / 2`.
    pub pairs: u64,
    /// Pairs with equal predictions (whatever their targets).
    pub tied_predictions: u64,
    /// Pairs with equal targets (whatever their predictions).
    pub tied_targets: u64,
    /// Pairs with equal predictions and equal targets.
    pub tied_both: u64,
    /// Pairs that predictions and targets put in opposite order.
    pub discordant: u64,
}

impl PairCounts {
    /// Counts the pairs in `O(n log n)`. `None` for no items, unequal lengths, or a value that is
    /// NaN or infinite.
    pub fn count(predictions: &[f64], targets: &[f64]) -> Option<Self> {
        if !usable(predictions, targets) {
            return None;
        }
        let one_response = vec![0; predictions.len()];
        let targets = Ranking::new(targets, &one_response);
        let predictions = Ranking::new(predictions, &one_response);
        Some(Self::weighted(
            &predictions,
            &targets,
            &targets.levels(),
            &[1],
        ))
    }

    /// The pairs where response `r` counts `counts[r]` times: copies of an item tie with each other
    /// on both sides. Walks through the predictions in order and keeps the targets seen so far in a
    /// Fenwick tree, in `O(n log m)` for `m` different targets.
    pub(super) fn weighted(
        predictions: &Ranking,
        targets: &Ranking,
        target_levels: &[u32],
        counts: &[u32],
    ) -> Self {
        let total: u64 = predictions.ties().map(|tied| weight(tied, counts)).sum();
        let pairs = choose_two(total);
        let tied = |ranking: &Ranking| -> u64 {
            ranking
                .ties()
                .map(|tied| choose_two(weight(tied, counts)))
                .sum()
        };
        let (tied_predictions, tied_targets) = (tied(predictions), tied(targets));
        let mut seen = Fenwick::new(targets.num_levels());
        let (mut concordant, mut discordant) = (0, 0);
        for tied in predictions.ties() {
            let present = tied
                .iter()
                .map(|&(pair, response)| (pair, u64::from(counts[response as usize])))
                .filter(|&(_, count)| count > 0);
            for (pair, count) in present.clone() {
                let level = target_levels[pair as usize] as usize;
                concordant += count * seen.below(level);
                discordant += count * (seen.total - seen.below(level + 1));
            }
            for (pair, count) in present {
                seen.add(target_levels[pair as usize] as usize, count);
            }
        }
        Self {
            pairs,
            tied_predictions,
            tied_targets,
            tied_both: concordant + discordant + tied_predictions + tied_targets - pairs,
            discordant,
        }
    }

    /// Pairs that predictions and targets put in the same order.
    pub fn concordant(&self) -> u64 {
        self.pairs + self.tied_both - self.tied_predictions - self.tied_targets - self.discordant
    }

    /// Pairs whose targets differ.
    pub fn untied_targets(&self) -> u64 {
        self.pairs - self.tied_targets
    }

    /// Pairs with different targets in the right order, equal predictions counting half.
    pub fn right_order(&self) -> f64 {
        self.concordant() as f64 + 0.5 * (self.tied_predictions - self.tied_both) as f64
    }

    /// Kendall's τ-b. `None` if either side is constant.
    pub(super) fn tau_b(&self) -> Option<f64> {
        tau_b(
            [self.concordant(), self.discordant],
            self.pairs,
            [self.tied_predictions, self.tied_targets],
        )
    }
}

/// Kendall's τ-b from concordant and discordant pairs, all pairs, and those with tied predictions and tied targets.
/// `None` if either side is constant.
pub(super) fn tau_b(
    [concordant, discordant]: [u64; 2],
    pairs: u64,
    [tied_predictions, tied_targets]: [u64; 2],
) -> Option<f64> {
    let untied_predictions = (pairs - tied_predictions) as f64;
    let untied_targets = (pairs - tied_targets) as f64;
    if untied_predictions == 0.0 || untied_targets == 0.0 {
        return None;
    }
    let difference = concordant as f64 - discordant as f64;
    finite(difference / untied_predictions.sqrt() / untied_targets.sqrt())
        .map(|tau| tau.clamp(-1.0, 1.0))
}

pub(super) fn choose_two(items: u64) -> u64 {
    items * items.saturating_sub(1) / 2
}
