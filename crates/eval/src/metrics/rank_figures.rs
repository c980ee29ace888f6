//! The figures of order in a resample, all from one walk through the pairs.

use super::finite;
use super::pair_counts::{choose_two, tau_b};
use super::ranking::Ranking;
use super::seen::{Blocks, Many, Seen};
use crate::ResponsePairs;

/// Pairs in the order of their predictions, prepared for many resamples.
pub(super) struct RankedPairs {
    /// Response and target level of every pair, lowest prediction first.
    pairs: Vec<(u32, u32)>,
    /// The same, response after response.
    by_response: Vec<(u32, u32)>,
    /// Where each run of tied predictions ends in `pairs`.
    ends: Vec<usize>,
    levels: usize,
    /// The first level above the midpoint; `None` without a midpoint.
    positive_from: Option<usize>,
}

/// What depends on nothing but the order of predictions and targets.
#[derive(Default)]
pub(super) struct RankFigures {
    pub(super) spearman: Option<f64>,
    pub(super) kendall_tau_b: Option<f64>,
    pub(super) auroc: Option<f64>,
    pub(super) auprc: Option<f64>,
}

impl RankedPairs {
    /// Sorts `pairs`; `responses` says to which response each belongs.
    pub(super) fn of(pairs: &ResponsePairs, responses: &[u32]) -> Self {
        let targets = Ranking::new(pairs.targets(), responses);
        let levels = targets.levels();
        let predictions = Ranking::new(pairs.predictions(), responses);
        let mut ends = Vec::with_capacity(predictions.num_levels());
        let mut sorted = Vec::with_capacity(levels.len());
        for tied in predictions.ties() {
            let with_level = |&(pair, response): &(u32, u32)| (response, levels[pair as usize]);
            sorted.extend(tied.iter().map(with_level));
            ends.push(sorted.len());
        }
        let positive_from = pairs.midpoint().map(|midpoint| {
            let mut below = pairs.targets().iter().zip(&levels);
            let negative = below.by_ref().filter(|(target, _)| **target <= midpoint);
            negative
                .map(|(_, level)| *level as usize + 1)
                .max()
                .unwrap_or(0)
        });
        Self {
            pairs: sorted,
            by_response: responses.iter().copied().zip(levels).collect(),
            ends,
            levels: targets.num_levels(),
            positive_from,
        }
    }

    /// The figures of a resample in which response `r` counts `counts[r]` times.
    pub(super) fn at(&self, counts: &[u32]) -> RankFigures {
        let mut of_level = vec![0_u64; self.levels];
        for &(response, level) in &self.by_response {
            of_level[level as usize] += u64::from(counts[response as usize]);
        }
        let total: u64 = of_level.iter().sum();
        let is_small = u32::try_from(total).is_ok();
        match self.levels {
            ..=Blocks::<4>::LEVELS if is_small => self.walk::<Blocks<4>>(counts, &of_level),
            ..=Blocks::<8>::LEVELS if is_small => self.walk::<Blocks<8>>(counts, &of_level),
            ..=Blocks::<16>::LEVELS if is_small => self.walk::<Blocks<16>>(counts, &of_level),
            ..=Blocks::<32>::LEVELS if is_small => self.walk::<Blocks<32>>(counts, &of_level),
            _ => self.walk::<Many>(counts, &of_level),
        }
    }

    /// The same; `of_level` is what each level has in the resample.
    fn walk<S: Seen>(&self, counts: &[u32], of_level: &[u64]) -> RankFigures {
        let total: u64 = of_level.iter().sum();
        let positive_from = self.positive_from.unwrap_or(self.levels);
        let positives: u64 = of_level[positive_from..].iter().sum();
        let center = f64::midpoint(1.0, total as f64);
        let offsets = centered_ranks(of_level, center);
        let mut sums = Sums::default();
        let mut seen = S::new(self.levels);
        let mut tied = vec![0_u64; self.levels];
        // From the top, as precision and recall are read off.
        let (mut above, mut found) = (0_u64, 0_u64);
        let mut end = self.pairs.len();
        for start in self.starts() {
            let run = &self.pairs[start..end];
            end = start;
            let (mut weight, mut new, mut products) = (0_u64, 0_u64, 0.0);
            let mut look = |seen: &S, level: usize, count: u64| {
                let (lower, at) = seen.below_and_at(level);
                sums.discordant += count * lower;
                sums.concordant += count * (above - lower - at);
                // Halves, so that sums of them are exact in any order.
                products += count as f64 * offsets[level];
                weight += count;
                new += if level >= positive_from { count } else { 0 };
            };
            if run.len() > self.levels {
                // Of many ties, those of a level are taken together.
                for &(response, level) in run {
                    tied[level as usize] += u64::from(counts[response as usize]);
                }
                for (level, &count) in tied.iter().enumerate() {
                    look(&seen, level, count);
                }
                for (level, count) in tied.iter_mut().enumerate() {
                    seen.add(level, std::mem::take(count));
                }
            } else {
                for &(response, level) in run {
                    look(&seen, level as usize, u64::from(counts[response as usize]));
                }
                for &(response, level) in run {
                    seen.add(level as usize, u64::from(counts[response as usize]));
                }
            }
            if weight == 0 {
                continue;
            }
            let rank = f64::midpoint((total - above - weight + 1) as f64, (total - above) as f64);
            let offset = rank - center;
            sums.xx += weight as f64 * offset * offset;
            sums.xy += offset * products;
            sums.of_positives += new as f64 * rank;
            sums.tied_predictions += choose_two(weight);
            (above, found) = (above + weight, found + new);
            if new > 0 {
                sums.area += new as f64 / positives as f64 * (found as f64 / above as f64);
            }
        }
        sums.yy = (of_level.iter().zip(&offsets))
            .map(|(&weight, offset)| weight as f64 * offset * offset)
            .sum();
        let tied_targets = of_level.iter().map(|&weight| choose_two(weight)).sum();
        self.figures(&sums, total, positives, tied_targets)
    }

    fn figures(&self, sums: &Sums, total: u64, positives: u64, tied_targets: u64) -> RankFigures {
        let negatives = total - positives;
        let is_cut = self.positive_from.is_some() && positives > 0 && negatives > 0;
        let (all, of) = (total as f64, positives as f64);
        let above = sums.of_positives - of * (of + 1.0) / 2.0;
        RankFigures {
            // Ranks of a constant all equal the center exactly.
            spearman: (sums.xx > 0.0 && sums.yy > 0.0)
                .then(|| (sums.xx / all).sqrt() * (sums.yy / all).sqrt())
                .and_then(|scale| finite(sums.xy / all / scale))
                .map(|r| r.clamp(-1.0, 1.0)),
            kendall_tau_b: tau_b(
                [sums.concordant, sums.discordant],
                choose_two(total),
                [sums.tied_predictions, tied_targets],
            ),
            auroc: (is_cut)
                .then(|| above / (of * negatives as f64))
                .and_then(finite),
            auprc: is_cut.then_some(sums.area).and_then(finite),
        }
    }

    /// Where each run of tied predictions starts, the highest first.
    fn starts(&self) -> impl Iterator<Item = usize> {
        let before = self.ends.len().saturating_sub(1);
        let starts = self.ends[..before].iter().rev().copied();
        starts.chain((!self.ends.is_empty()).then_some(0))
    }
}

/// Sums over a resample.
#[derive(Default)]
struct Sums {
    xx: f64,
    yy: f64,
    xy: f64,
    concordant: u64,
    discordant: u64,
    tied_predictions: u64,
    of_positives: f64,
    area: f64,
}

/// The average rank of every level less `center`.
fn centered_ranks(of_level: &[u64], center: f64) -> Vec<f64> {
    let mut before = 0;
    let rank = |&weight: &u64| {
        let rank = f64::midpoint((before + 1) as f64, (before + weight) as f64);
        before += weight;
        rank - center
    };
    of_level.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::{PairCounts, average_ranks, pearson};

    /// The share of pairs of a positive and a negative in the right order, ties counting half.
    fn auroc(scores: &[f64], positive: &[bool]) -> Option<f64> {
        let (mut right, mut all) = (0.0, 0.0);
        for (a, _) in scores
            .iter()
            .zip(positive)
            .filter(|(_, positive)| **positive)
        {
            for (b, _) in scores
                .iter()
                .zip(positive)
                .filter(|(_, positive)| !**positive)
            {
                right += if a > b {
                    1.0
                } else if a < b {
                    0.0
                } else {
                    0.5
                };
                all += 1.0;
            }
        }
        (all > 0.0).then(|| right / all)
    }

    /// Precision at every cut of the scores, weighed by the positives it adds.
    fn auprc(scores: &[f64], positive: &[bool]) -> Option<f64> {
        let positives = positive.iter().filter(|positive| **positive).count();
        if positives == 0 || positives == positive.len() {
            return None;
        }
        let mut cuts = scores.to_vec();
        cuts.sort_by(|a, b| b.total_cmp(a));
        cuts.dedup();
        let (mut area, mut before) = (0.0, 0);
        for cut in cuts {
            let is_in = |(score, _): &(&f64, &bool)| **score >= cut;
            let seen = scores.iter().zip(positive).filter(is_in).count();
            let found = scores.iter().zip(positive).filter(is_in);
            let found = found.filter(|(_, positive)| **positive).count();
            area += (found - before) as f64 / positives as f64 * found as f64 / seen as f64;
            before = found;
        }
        Some(area)
    }

    fn close(found: Option<f64>, expected: Option<f64>) -> bool {
        match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
            (found, expected) => found == expected,
        }
    }

    proptest! {
        #[test]
        fn figures_of_a_resample_are_those_of_its_pairs_written_out(
            responses in prop::collection::vec(
                (0..4_u32, prop::collection::vec((0..9_u8, 0..100_u8), 1..5)), 1..12,
            ),
            is_coarse in any::<bool>(),
        ) {
            let target = |target: u8| f64::from(if is_coarse { target % 4 } else { target });
            let mut pairs = ResponsePairs::new();
            let (mut of_pair, mut counts) = (Vec::new(), Vec::new());
            let (mut scores, mut targets) = (Vec::new(), Vec::new());
            for (index, (count, of_response)) in (0..).zip(&responses) {
                let of_response: Vec<(f64, f64)> =
                    of_response.iter().map(|&(s, t)| (f64::from(s) / 4.0, target(t))).collect();
                for _ in 0..*count {
                    scores.extend(of_response.iter().map(|pair| pair.0));
                    targets.extend(of_response.iter().map(|pair| pair.1));
                }
                counts.push(*count);
                of_pair.extend(of_response.iter().map(|_| index));
                pairs.push_response(of_response);
            }
            let pairs = pairs.with_midpoint(Some(1.5));
            let found = RankedPairs::of(&pairs, &of_pair).at(&counts);
            let kendall = PairCounts::count(&scores, &targets).and_then(|counts| counts.tau_b());
            prop_assert_eq!(found.kendall_tau_b, kendall);
            let spearman = pearson(&average_ranks(&scores), &average_ranks(&targets));
            prop_assert!(close(found.spearman, spearman), "{:?} {:?}", found.spearman, spearman);
            let positive: Vec<bool> = targets.iter().map(|&target| target > 1.5).collect();
            prop_assert!(close(found.auroc, auroc(&scores, &positive)));
            prop_assert!(close(found.auprc, auprc(&scores, &positive)));
        }
    }
}
