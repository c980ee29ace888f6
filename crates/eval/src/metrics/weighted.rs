//! Metrics of weighted responses: the one place that computes them. Weights of 1 give the plain values.

use super::finite;
use super::moments::Moments;
use super::pair_counts::PairCounts;
use super::ranking::{Ranking, weight};
use crate::{Metric, ResponsePairs};

/// Metrics prepared for many resamples of the same pairs: sums per response and sorted orders are
/// computed once.
pub struct WeightedMetrics {
    metrics: Vec<Metric>,
    moments: Vec<Moments>,
    ranks: Option<Ranks>,
}

/// What the metrics of order need.
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

impl WeightedMetrics {
    /// Prepares `metrics` over `pairs`, a weight for each response.
    pub fn prepare(pairs: &ResponsePairs, metrics: &[Metric]) -> Self {
        let order = metrics.contains(&Metric::PairwiseAccuracy);
        let ranks = || {
            let mut responses = Vec::with_capacity(pairs.len());
            for (response, range) in (0..).zip(pairs.ranges()) {
                responses.resize(range.end, response);
            }
            Ranks::of(pairs, responses)
        };
        Self {
            metrics: metrics.to_vec(),
            moments: Moments::by_response(pairs, order),
            ranks: metrics
                .iter()
                .any(|&metric| Self::is_of_order(metric))
                .then(ranks),
        }
    }

    /// The metrics over all pairs, in the order of `metrics`, each counting once.
    pub(super) fn of_all(pairs: &ResponsePairs, metrics: &[Metric]) -> Vec<Option<f64>> {
        if pairs.is_empty() {
            return vec![None; metrics.len()];
        }
        // All responses together are one, of weight 1.
        let order = metrics.contains(&Metric::PairwiseAccuracy);
        let ranks = || Ranks::of(pairs, vec![0; pairs.len()]);
        let all = Self {
            metrics: metrics.to_vec(),
            moments: vec![Moments::of_all(pairs, order)],
            ranks: metrics
                .iter()
                .any(|&metric| Self::is_of_order(metric))
                .then(ranks),
        };
        all.at(&[1])
    }

    /// Whether a metric needs sorted values.
    fn is_of_order(metric: Metric) -> bool {
        matches!(
            metric,
            Metric::Spearman | Metric::KendallTauB | Metric::Auroc | Metric::Auprc
        )
    }

    /// The metrics, in the order given to [`prepare`](Self::prepare), of a resample in which
    /// response `r` counts `counts[r]` times; a metric that does not exist in it is `None`.
    pub fn at(&self, counts: &[u32]) -> Vec<Option<f64>> {
        let moments = Moments::resampled(&self.moments, counts);
        let value = |&metric: &Metric| match (metric, &self.ranks) {
            (Metric::Spearman, Some(ranks)) => ranks.spearman(counts),
            (Metric::KendallTauB, Some(ranks)) => ranks.kendall_tau_b(counts),
            (Metric::Auroc, Some(ranks)) => ranks.auroc(counts),
            (Metric::Auprc, Some(ranks)) => ranks.auprc(counts),
            _ => moments.metric(metric),
        };
        self.metrics.iter().map(value).collect()
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
        let metrics = [Metric::Pearson, Metric::Concordance];
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
