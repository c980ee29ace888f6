//! Pairs of score and rating with a weight for each response, and the metrics over them.
//! Weights of 1 give the plain values.

use std::sync::OnceLock;

use super::finite;
use super::moments::PairMoments;
use super::pair_counts::PairCounts;
use super::ranking::{Ranking, weight};
use crate::{Metric, ResponsePairs};

/// Metrics prepared for many resamples of the same pairs: sums per response and sorted orders are
/// computed once, where a metric asks for them.
pub struct WeightedMetrics<'a> {
    metrics: Vec<Metric>,
    prepared: Prepared<'a>,
}

/// Pairs of score and rating in which every response has a weight: how often it was drawn in a
/// resample, or 1.
pub struct WeightedPairs<'a> {
    prepared: &'a Prepared<'a>,
    /// The weight of each response, or of all of them together.
    counts: &'a [u32],
    moments: PairMoments,
}

/// Values that do not depend on the weights.
struct Prepared<'a> {
    pairs: &'a ResponsePairs,
    /// Whether all responses have one weight, as if they were one.
    together: bool,
    moments: Vec<PairMoments>,
    /// See [`PairCounts::right_order`] and [`PairCounts::untied_targets`].
    right_order: OnceLock<Vec<(f64, f64)>>,
    ranks: OnceLock<Ranks>,
}

/// Values for the ranking metrics.
struct Ranks {
    predictions: Ranking,
    targets: Ranking,
    target_levels: Vec<u32>,
    /// Whether the target of a pair lies above the midpoint; `None` without a midpoint.
    positive: Option<Vec<bool>>,
    /// Pairs above the midpoint in every response.
    positives: Vec<u32>,
    /// The response of every pair.
    responses: Vec<u32>,
}

impl<'a> WeightedMetrics<'a> {
    /// Prepares `metrics` over `pairs`, a weight for each response.
    pub fn prepare(pairs: &'a ResponsePairs, metrics: &[Metric]) -> Self {
        Self {
            metrics: metrics.to_vec(),
            prepared: Prepared {
                pairs,
                together: false,
                moments: PairMoments::by_response(pairs),
                right_order: OnceLock::new(),
                ranks: OnceLock::new(),
            },
        }
    }

    /// The metrics over all pairs, in the order of `metrics`, each pair counting once.
    pub(super) fn of_all(pairs: &'a ResponsePairs, metrics: &[Metric]) -> Vec<Option<f64>> {
        if pairs.is_empty() {
            return vec![None; metrics.len()];
        }
        let all = Self {
            metrics: metrics.to_vec(),
            prepared: Prepared {
                pairs,
                together: true,
                moments: vec![PairMoments::of_all(pairs)],
                right_order: OnceLock::new(),
                ranks: OnceLock::new(),
            },
        };
        all.at(&[1])
    }

    /// The metrics, in the order given to [`prepare`](Self::prepare), of a resample in which
    /// response `r` counts `counts[r]` times; a metric that does not exist in it is `None`.
    pub fn at(&self, counts: &[u32]) -> Vec<Option<f64>> {
        let weighted = WeightedPairs {
            prepared: &self.prepared,
            counts,
            moments: PairMoments::resampled(&self.prepared.moments, counts),
        };
        if weighted.moments.is_empty() {
            return vec![None; self.metrics.len()];
        }
        let value = |metric: &Metric| metric.definition().compute(&weighted).and_then(finite);
        self.metrics.iter().map(value).collect()
    }
}

impl Prepared<'_> {
    fn right_order(&self) -> &[(f64, f64)] {
        self.right_order.get_or_init(|| {
            let of_response = |(predictions, targets): (&[f64], &[f64])| {
                PairCounts::count(predictions, targets).map_or((0.0, 0.0), |counts| {
                    (counts.right_order(), counts.untied_targets() as f64)
                })
            };
            let by_response = self.pairs.responses().map(of_response);
            if self.together {
                let add = |sum: (f64, f64), new: (f64, f64)| (sum.0 + new.0, sum.1 + new.1);
                return vec![by_response.fold((0.0, 0.0), add)];
            }
            by_response.collect()
        })
    }

    fn ranks(&self) -> &Ranks {
        self.ranks.get_or_init(|| {
            let mut responses = vec![0; self.pairs.len()];
            if !self.together {
                for (response, range) in (0..).zip(self.pairs.ranges()) {
                    responses[range].fill(response);
                }
            }
            Ranks::of(self.pairs, responses)
        })
    }
}

impl WeightedPairs<'_> {
    /// Score, rating and weight of every pair whose weight is above 0, response after response.
    pub fn weighted(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        self.responses().flat_map(|(scores, ratings, weight)| {
            let pairs = scores.iter().zip(ratings);
            pairs.map(move |(&score, &rating)| (score, rating, weight))
        })
    }

    /// Scores, ratings and weight of every response whose weight is above 0.
    pub fn responses(&self) -> impl Iterator<Item = (&[f64], &[f64], f64)> {
        let responses = self.prepared.pairs.responses().enumerate();
        responses.filter_map(|(response, (scores, ratings))| {
            let count = self.counts[if self.prepared.together { 0 } else { response }];
            (count > 0).then(|| (scores, ratings, f64::from(count)))
        })
    }

    /// The rating that divides negative and positive: above is positive.
    pub fn midpoint(&self) -> Option<f64> {
        self.prepared.pairs.midpoint()
    }

    pub(super) fn moments(&self) -> &PairMoments {
        &self.moments
    }

    pub(super) fn pairwise_accuracy(&self) -> Option<f64> {
        let (mut right, mut untied) = (0.0, 0.0);
        let by_response = self.prepared.right_order().iter().zip(self.counts);
        for (&(right_order, untied_targets), &count) in by_response.filter(|(_, count)| **count > 0)
        {
            right += f64::from(count) * right_order;
            untied += f64::from(count) * untied_targets;
        }
        (untied > 0.0).then(|| right / untied)
    }

    pub(super) fn spearman(&self) -> Option<f64> {
        self.prepared.ranks().spearman(self.counts)
    }

    pub(super) fn kendall_tau_b(&self) -> Option<f64> {
        self.prepared.ranks().kendall_tau_b(self.counts)
    }

    pub(super) fn auroc(&self) -> Option<f64> {
        self.prepared.ranks().auroc(self.counts)
    }

    pub(super) fn auprc(&self) -> Option<f64> {
        self.prepared.ranks().auprc(self.counts)
    }
}

impl Ranks {
    fn of(pairs: &ResponsePairs, responses: Vec<u32>) -> Self {
        let targets = Ranking::new(pairs.targets(), &responses);
        let midpoint = pairs.midpoint();
        let of = |midpoint| pairs.targets().iter().map(|&t| t > midpoint).collect();
        let positive: Option<Vec<bool>> = midpoint.map(of);
        let mut positives = vec![0; responses.last().map_or(0, |&last| last as usize + 1)];
        for (&positive, &response) in positive.iter().flatten().zip(&responses) {
            positives[response as usize] += u32::from(positive);
        }
        Self {
            predictions: Ranking::new(pairs.predictions(), &responses),
            target_levels: targets.levels(),
            targets,
            positive,
            positives,
            responses,
        }
    }

    /// Index and count of the pairs that are in the resample.
    fn present<'a>(&'a self, counts: &'a [u32]) -> impl Iterator<Item = (usize, f64)> + 'a {
        self.responses
            .iter()
            .map(|&response| counts[response as usize])
            .enumerate()
            .filter(|&(_, count)| count > 0)
            .map(|(pair, count)| (pair, f64::from(count)))
    }

    fn spearman(&self, counts: &[u32]) -> Option<f64> {
        let (x, y) = (self.predictions.ranks(counts), self.targets.ranks(counts));
        let total: f64 = self.present(counts).map(|(_, count)| count).sum();
        let center = f64::midpoint(1.0, total);
        let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
        for (pair, count) in self.present(counts) {
            let (dx, dy) = (x[pair] - center, y[pair] - center);
            xx += count * dx * dx;
            yy += count * dy * dy;
            xy += count * dx * dy;
        }
        // Ranks of a constant all equal the center exactly.
        if xx > 0.0 && yy > 0.0 {
            let scale = (xx / total).sqrt() * (yy / total).sqrt();
            finite(xy / total / scale).map(|r| r.clamp(-1.0, 1.0))
        } else {
            None
        }
    }

    fn kendall_tau_b(&self, counts: &[u32]) -> Option<f64> {
        PairCounts::weighted(
            &self.predictions,
            &self.targets,
            &self.target_levels,
            counts,
        )
        .tau_b()
    }

    fn auroc(&self, counts: &[u32]) -> Option<f64> {
        let positive = self.positive.as_ref()?;
        let ranks = self.predictions.ranks(counts);
        let (mut total, mut positives, mut of_positives) = (0.0, 0.0, 0.0);
        for (pair, count) in self.present(counts) {
            total += count;
            if positive[pair] {
                positives += count;
                of_positives += count * ranks[pair];
            }
        }
        let negatives = total - positives;
        if positives == 0.0 || negatives == 0.0 {
            return None;
        }
        let above = of_positives - positives * (positives + 1.0) / 2.0;
        finite(above / (positives * negatives))
    }

    fn auprc(&self, counts: &[u32]) -> Option<f64> {
        let positive = self.positive.as_ref()?;
        let counted = self.positives.iter().zip(counts);
        let positives: f64 = counted
            .map(|(&positives, &count)| f64::from(positives) * f64::from(count))
            .sum();
        let (mut seen, mut found, mut area) = (0, 0, 0.0);
        for tied in self.predictions.ties().rev() {
            let new: u64 = tied
                .iter()
                .filter(|&&(pair, _)| positive[pair as usize])
                .map(|&(_, response)| u64::from(counts[response as usize]))
                .sum();
            seen += weight(tied, counts);
            found += new;
            if new > 0 {
                area += new as f64 / positives * (found as f64 / seen as f64);
            }
        }
        if found == 0 || found == seen {
            return None;
        }
        finite(area)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resample_of_equal_values_has_no_correlation_whatever_they_round_to() {
        let metrics = [Metric::PEARSON, Metric::CONCORDANCE];
        for step in 1..40_u32 {
            let value = 0.1 * f64::from(step);
            for constant_predictions in [true, false] {
                let pair = |varied: f64| {
                    if constant_predictions {
                        (value, varied)
                    } else {
                        (varied, value)
                    }
                };
                let mut pairs = ResponsePairs::new();
                pairs.push_response([(0.123, -0.77), (4.56, 0.99)]);
                pairs.push_response([0.2, 0.5, 0.9, 0.7, 0.1].map(pair));
                let weighted = WeightedMetrics::prepare(&pairs, &metrics);
                assert_eq!(weighted.at(&[0, step]), [None; 2], "{value}");
                assert!(
                    weighted.at(&[1, step]).iter().all(Option::is_some),
                    "{value}"
                );
            }
        }
    }
}
