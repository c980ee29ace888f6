//! Wilcoxon's signed-rank test.

use super::TestResult;
use crate::metrics::{average_ranks, finite, usable};
use statrs::distribution::{ContinuousCDF, Normal};

/// Maximum number of pairs for the exact distribution.
const EXACT_PAIRS: usize = 50;
/// Maximum number of pairs for the exact distribution if there are ties or zeros.
const EXACT_TIED_PAIRS: usize = 13;

/// Wilcoxon's signed-rank test, two-sided; the statistic is the smaller of the two rank sums.
///
/// It follows SciPy 1.17's `wilcoxon` with default options. Pairs without a difference are dropped. The
/// distribution is exact for up to 50 pairs without ties and zeros, and for up to 13 pairs with them; otherwise
/// the normal approximation is used, with a variance corrected for ties and without continuity correction.
/// `None` if no pair differs (SciPy returns NaN or 1).
pub fn wilcoxon_signed_rank(a: &[f64], b: &[f64]) -> Option<TestResult> {
    if !usable(a, b) {
        return None;
    }
    let differences: Vec<f64> = a
        .iter()
        .zip(b)
        .map(|(a, b)| a - b)
        .filter(|&difference| difference != 0.0)
        .collect();
    if differences.is_empty() {
        return None;
    }
    let ranks = average_ranks(&differences.iter().map(|d| d.abs()).collect::<Vec<_>>());
    let positive: f64 = ranks
        .iter()
        .zip(&differences)
        .filter(|(_, d)| **d > 0.0)
        .map(|(rank, _)| rank)
        .sum();
    let count = differences.len() as f64;
    let total = count * (count + 1.0) / 2.0;
    let tie_sizes = tie_sizes(&ranks);
    let plain = tie_sizes.iter().all(|&size| size < 2.0) && differences.len() == a.len();
    let exact_up_to = if plain { EXACT_PAIRS } else { EXACT_TIED_PAIRS };
    let smaller = positive.min(total - positive);
    let p = if a.len() <= exact_up_to {
        exact_p(&ranks, smaller)
    } else {
        normal_p(positive, count, &tie_sizes)
    };
    Some(TestResult {
        statistic: smaller,
        p: finite(p)?.clamp(0.0, 1.0),
    })
}

/// Sizes of the groups of equal ranks.
fn tie_sizes(ranks: &[f64]) -> Vec<f64> {
    let mut sorted = ranks.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
        .chunk_by(|a, b| a.total_cmp(b).is_eq())
        .map(|tied| tied.len() as f64)
        .collect()
}

/// Twice the probability of a rank sum of at most `smaller` if all signs are random. Ranks are multiples of a half,
/// so doubled ranks are counted.
fn exact_p(ranks: &[f64], smaller: f64) -> f64 {
    let ranks: Vec<usize> = ranks.iter().map(|&rank| doubled(rank)).collect();
    let mut chances = vec![0.0; ranks.iter().sum::<usize>() + 1];
    chances[0] = 1.0;
    let mut reach = 0;
    for rank in ranks {
        reach += rank;
        for sum in (0..=reach).rev() {
            let with = if sum >= rank {
                chances[sum - rank]
            } else {
                0.0
            };
            chances[sum] = 0.5 * (chances[sum] + with);
        }
    }
    2.0 * chances[..=doubled(smaller)].iter().sum::<f64>()
}

/// Twice a rank or a sum of ranks: an integer, at least 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole and positive"
)]
fn doubled(rank: f64) -> usize {
    (2.0 * rank) as usize
}

fn normal_p(positive: f64, count: f64, tie_sizes: &[f64]) -> f64 {
    let expected = count * (count + 1.0) / 4.0;
    let ties: f64 = tie_sizes.iter().map(|size| size.powi(3) - size).sum();
    let variance = (count * (count + 1.0) * (2.0 * count + 1.0) - ties / 2.0) / 24.0;
    let z = (positive - expected) / variance.sqrt();
    2.0 * Normal::standard().sf(z.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_pairs_on_one_side_have_a_chance_of_one_in_four() {
        let result = wilcoxon_signed_rank(&[1.0, 2.0, 3.0], &[0.5, 1.0, 1.5]).unwrap();
        assert_eq!((result.statistic, result.p), (0.0, 0.25));
    }

    #[test]
    fn no_difference_has_no_test() {
        assert_eq!(wilcoxon_signed_rank(&[1.0, 2.0], &[1.0, 2.0]), None);
        assert_eq!(wilcoxon_signed_rank(&[], &[]), None);
    }
}
