//! Pairs of score and rating with a weight for each response, and the metrics over them.
//! Weights of 1 give the plain values.

use std::cell::OnceCell;
use std::sync::OnceLock;

use super::finite;
use super::moments::PairMoments;
use super::pair_counts::PairCounts;
use super::rank_figures::{RankFigures, RankedPairs};
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
    order: OnceCell<RankFigures>,
}

/// Values that do not depend on the weights.
struct Prepared<'a> {
    pairs: &'a ResponsePairs,
    /// Whether all responses have one weight, as if they were one.
    together: bool,
    moments: Vec<PairMoments>,
    /// See [`PairCounts::right_order`] and [`PairCounts::untied_targets`].
    right_order: OnceLock<Vec<(f64, f64)>>,
    ranked: OnceLock<RankedPairs>,
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
                ranked: OnceLock::new(),
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
                ranked: OnceLock::new(),
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
            order: OnceCell::new(),
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

    fn ranked(&self) -> &RankedPairs {
        self.ranked.get_or_init(|| {
            let mut responses = vec![0; self.pairs.len()];
            if !self.together {
                for (response, range) in (0..).zip(self.pairs.ranges()) {
                    responses[range].fill(response);
                }
            }
            RankedPairs::of(self.pairs, &responses)
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
        self.order().spearman
    }

    pub(super) fn kendall_tau_b(&self) -> Option<f64> {
        self.order().kendall_tau_b
    }

    pub(super) fn auroc(&self) -> Option<f64> {
        self.order().auroc
    }

    pub(super) fn auprc(&self) -> Option<f64> {
        self.order().auprc
    }

    fn order(&self) -> &RankFigures {
        self.order
            .get_or_init(|| self.prepared.ranked().at(self.counts))
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
