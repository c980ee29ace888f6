//! Whether predictions put things in the order of their targets.

use super::{Moments, average_ranks, finite, order, same, usable};

/// Pearson's correlation. `None` for fewer than two pairs or when either side is constant.
pub fn pearson(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    if !usable(predictions, targets) {
        return None;
    }
    Moments::of(predictions, targets).correlation()
}

/// Spearman's rank correlation, ties at their mean rank. `None` for fewer than two pairs or when
/// either side is constant.
pub fn spearman(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    if !usable(predictions, targets) {
        return None;
    }
    pearson(&average_ranks(predictions), &average_ranks(targets))
}

/// Kendall's τ-b, which takes ties on either side into account, in `O(n log n)` (Knight 1966,
/// <https://doi.org/10.1080/01621459.1966.10480879>). `None` for fewer than two pairs or when
/// either side is constant.
pub fn kendall_tau_b(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    let counts = PairCounts::count(predictions, targets)?;
    let untied_predictions = (counts.pairs - counts.tied_predictions) as f64;
    let untied_targets = (counts.pairs - counts.tied_targets) as f64;
    if untied_predictions == 0.0 || untied_targets == 0.0 {
        return None;
    }
    let difference = counts.concordant() as f64 - counts.discordant as f64;
    finite(difference / untied_predictions.sqrt() / untied_targets.sqrt())
        .map(|tau| tau.clamp(-1.0, 1.0))
}

/// Share of pairs with different targets within one response that the predictions put in the
/// right order; a pair with equal predictions counts half.
///
/// `responses` holds the predictions and targets of one response each; pairs are pooled over
/// responses, so a response with many segments weighs more. Range `[0, 1]`, guessing reaches 0.5.
/// `None` where no response has two segments with different targets, or where the values of one
/// cannot be used.
pub fn pairwise_accuracy<'a>(
    responses: impl IntoIterator<Item = (&'a [f64], &'a [f64])>,
) -> Option<f64> {
    let (mut right, mut pairs) = (0.0, 0.0);
    for (predictions, targets) in responses {
        if predictions.is_empty() && targets.is_empty() {
            continue;
        }
        let counts = PairCounts::count(predictions, targets)?;
        right += counts.right_order();
        pairs += counts.untied_targets() as f64;
    }
    if pairs > 0.0 {
        finite(right / pairs)
    } else {
        None
    }
}

/// How the pairs of `n` items fall: concordant, discordant, or tied on one side or both.
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
        let mut items: Vec<(f64, f64)> = predictions
            .iter()
            .copied()
            .zip(targets.iter().copied())
            .collect();
        items.sort_unstable_by(|a, b| order(a.0, b.0).then_with(|| order(a.1, b.1)));
        let tied_predictions = ties(&items, |a, b| same(a.0, b.0));
        let tied_both = ties(&items, |a, b| same(a.0, b.0) && same(a.1, b.1));
        // Sorted by prediction and then by target, every descent left in the targets is a
        // discordant pair: ties in either are in order already.
        let mut targets: Vec<f64> = items.iter().map(|item| item.1).collect();
        let discordant = sort_counting_inversions(&mut targets);
        Some(Self {
            pairs: choose_two(items.len()),
            tied_predictions,
            tied_targets: ties(&targets, |&a, &b| same(a, b)),
            tied_both,
            discordant,
        })
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
}

fn choose_two(items: usize) -> u64 {
    let items = items as u64;
    items * items.saturating_sub(1) / 2
}

/// Pairs within the runs of neighbors that are `tied`.
fn ties<T>(sorted: &[T], tied: impl FnMut(&T, &T) -> bool) -> u64 {
    sorted.chunk_by(tied).map(|run| choose_two(run.len())).sum()
}

/// Sorts and returns how many pairs stood in descending order: a merge sort from the bottom up.
fn sort_counting_inversions(values: &mut Vec<f64>) -> u64 {
    let length = values.len();
    let mut merged = Vec::with_capacity(length);
    let mut inversions = 0;
    let mut width = 1;
    while width < length {
        merged.clear();
        for block in values.chunks(2 * width) {
            let (left, right) = block.split_at(width.min(block.len()));
            inversions += merge_counting_inversions(left, right, &mut merged);
        }
        std::mem::swap(values, &mut merged);
        width *= 2;
    }
    inversions
}

fn merge_counting_inversions(left: &[f64], right: &[f64], merged: &mut Vec<f64>) -> u64 {
    let (mut l, mut r, mut inversions) = (0, 0, 0);
    while l < left.len() && r < right.len() {
        if order(right[r], left[l]).is_lt() {
            inversions += (left.len() - l) as u64;
            merged.push(right[r]);
            r += 1;
        } else {
            merged.push(left[l]);
            l += 1;
        }
    }
    merged.extend_from_slice(&left[l..]);
    merged.extend_from_slice(&right[r..]);
    inversions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_side_has_no_correlation_whatever_its_mean_rounds_to() {
        for step in 1..40_u32 {
            for count in 2..30_u32 {
                let constant = vec![0.1 * f64::from(step); count as usize];
                let varied: Vec<f64> = (0..count).map(|index| 0.3 * f64::from(index)).collect();
                for metric in [pearson, spearman, kendall_tau_b] {
                    assert_eq!(metric(&constant, &varied), None);
                    assert_eq!(metric(&varied, &constant), None);
                }
                assert_eq!(pearson(&constant, &constant), None);
            }
        }
    }

    #[test]
    fn one_pair_nothing_and_nan_have_no_correlation() {
        for metric in [pearson, spearman, kendall_tau_b] {
            assert_eq!(metric(&[0.3], &[0.4]), None);
            assert_eq!(metric(&[], &[]), None);
            assert_eq!(metric(&[f64::NAN, 1.0, 2.0], &[0.0, 0.5, 1.0]), None);
        }
    }

    #[test]
    fn perfect_order_is_one_and_reversed_order_minus_one() {
        let up = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
        let down: Vec<f64> = up.iter().rev().copied().collect();
        for metric in [pearson, spearman, kendall_tau_b] {
            assert!((metric(&up, &up).unwrap() - 1.0).abs() < 1e-12);
            assert!((metric(&down, &up).unwrap() + 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn pairs_are_compared_within_a_response_only() {
        // Between the responses the order is wrong; within each it is right.
        let first: (&[f64], &[f64]) = (&[0.1, 0.2], &[0.8, 0.9]);
        let second: (&[f64], &[f64]) = (&[0.8, 0.9], &[0.1, 0.2]);
        assert_eq!(pairwise_accuracy([first, second]), Some(1.0));
    }

    #[test]
    fn equal_predictions_count_half_and_equal_targets_not_at_all() {
        let response: (&[f64], &[f64]) = (&[0.5, 0.5, 0.9], &[0.0, 1.0, 1.0]);
        assert_eq!(pairwise_accuracy([response]), Some(0.75));
        assert_eq!(
            pairwise_accuracy([(&[0.1, 0.2][..], &[1.0, 1.0][..])]),
            None
        );
        assert_eq!(pairwise_accuracy([]), None);
    }
}
