//! Metrics of a resample from how often each response is in it.

use super::kendall::kendall_tau_b;
use super::ranking::{Ranking, weight};
use super::sums::Sums;
use crate::metrics::finite;
use crate::{Metric, ResponsePairs};

/// Metrics prepared for many resamples of the same pairs: sums per response and sorted orders are
/// computed once.
pub struct WeightedMetrics {
    metrics: Vec<Metric>,
    sums: Vec<Sums>,
    ranks: Option<Ranks>,
}

/// What the metrics of order need.
struct Ranks {
    predictions: Ranking,
    targets: Ranking,
    target_levels: Vec<u32>,
    /// Whether the target of a pair lies above the midpoint; `None` without a midpoint.
    positive: Option<Vec<bool>>,
    /// The response of every pair.
    responses: Vec<u32>,
}

impl WeightedMetrics {
    /// Prepares `metrics` over `pairs`.
    pub fn prepare(pairs: &ResponsePairs, metrics: &[Metric]) -> Self {
        let of_order = |metric: &Metric| {
            matches!(
                metric,
                Metric::Spearman | Metric::KendallTauB | Metric::Auroc | Metric::Auprc
            )
        };
        Self {
            metrics: metrics.to_vec(),
            sums: Sums::by_response(pairs),
            ranks: metrics.iter().any(of_order).then(|| Ranks::of(pairs)),
        }
    }

    /// The metrics, in the order given to [`prepare`](Self::prepare), of a resample in which
    /// response `r` counts `counts[r]` times; a metric that does not exist in it is `None`.
    pub fn at(&self, counts: &[u32]) -> Vec<Option<f64>> {
        let sums = Sums::resampled(&self.sums, counts);
        let value = |&metric: &Metric| match (metric, &self.ranks) {
            (Metric::Spearman, Some(ranks)) => ranks.spearman(counts),
            (Metric::KendallTauB, Some(ranks)) => ranks.kendall_tau_b(counts),
            (Metric::Auroc, Some(ranks)) => ranks.auroc(counts),
            (Metric::Auprc, Some(ranks)) => ranks.auprc(counts),
            _ => sums.metric(metric),
        };
        self.metrics.iter().map(value).collect()
    }
}

impl Ranks {
    fn of(pairs: &ResponsePairs) -> Self {
        let mut responses = Vec::with_capacity(pairs.len());
        for (response, range) in (0..).zip(pairs.ranges()) {
            responses.resize(range.end, response);
        }
        let targets = Ranking::new(pairs.targets(), &responses);
        let positive = |midpoint| pairs.targets().iter().map(|&t| t > midpoint).collect();
        Self {
            predictions: Ranking::new(pairs.predictions(), &responses),
            target_levels: targets.levels(),
            targets,
            positive: pairs.midpoint().map(positive),
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
            finite(xy / xx.sqrt() / yy.sqrt()).map(|r| r.clamp(-1.0, 1.0))
        } else {
            None
        }
    }

    fn kendall_tau_b(&self, counts: &[u32]) -> Option<f64> {
        kendall_tau_b(
            &self.predictions,
            &self.targets,
            &self.target_levels,
            counts,
        )
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
        let mut steps = Vec::new();
        let (mut seen, mut found) = (0, 0);
        for tied in self.predictions.ties().rev() {
            let positives = |&&(pair, _): &&(u32, u32)| positive[pair as usize];
            let new: u64 = tied
                .iter()
                .filter(positives)
                .map(|&(_, response)| u64::from(counts[response as usize]))
                .sum();
            seen += weight(tied, counts);
            found += new;
            if new > 0 {
                steps.push(new as f64 * (found as f64 / seen as f64));
            }
        }
        if found == 0 || found == seen {
            return None;
        }
        finite(steps.iter().sum::<f64>() / found as f64)
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
