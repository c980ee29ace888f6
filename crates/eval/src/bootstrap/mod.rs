//! Bootstrap intervals of metrics, from resampled responses.
//!
//! Segments of one response are not independent, so that whole responses are drawn, with
//! replacement, as many as there are (the cluster bootstrap). A statistic is a function of *how
//! often each response was drawn*; [`WeightedMetrics`] computes the metrics of this crate from
//! such counts without building the resample, in time linear in the number of responses for value
//! metrics and of segments for order metrics (Kendall's τ-b takes a logarithm more).
//!
//! Every resample has a random stream of its own, chosen by its number: results are the same with
//! any number of threads.

mod interval;

pub use crate::metrics::WeightedMetrics;
pub use interval::{Interval, IntervalMethod};

use crate::{Metric, ResponsePairs};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How intervals are computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    /// Number of resamples. Default 1000.
    pub resamples: usize,
    /// Share of intervals that hold the truth. Range `(0, 1)`, default 0.95.
    pub confidence: f64,
    /// Seed of the draws. Default 0.
    pub seed: u64,
    /// How an interval is read off the resamples. Default percentile.
    pub method: IntervalMethod,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            resamples: 1000,
            confidence: 0.95,
            seed: 0,
            method: IntervalMethod::Percentile,
        }
    }
}

impl Bootstrap {
    /// The interval of any `statistic` over `clusters` responses.
    ///
    /// `statistic` gets, for each response, how often it counts, and returns `None` where its
    /// value does not exist. Counts of 1 throughout give the estimate.
    ///
    /// `None` for fewer than two responses, where the estimate does not exist, where it does not
    /// exist in half of the resamples or more, where the [`IntervalMethod`] breaks down, and for a
    /// `confidence` outside `(0, 1)`.
    pub fn interval(
        &self,
        clusters: usize,
        statistic: impl Fn(&[u32]) -> Option<f64> + Sync,
    ) -> Option<Interval> {
        self.interval_and_replicates(clusters, statistic)
            .map(|(interval, _)| interval)
    }

    /// The interval of a statistic and the resampled values it was read off, those that exist.
    pub(crate) fn interval_and_replicates(
        &self,
        clusters: usize,
        statistic: impl Fn(&[u32]) -> Option<f64> + Sync,
    ) -> Option<(Interval, Vec<f64>)> {
        let [(interval, replicates)] =
            <[_; 1]>::try_from(self.intervals(clusters, 1, |counts| vec![statistic(counts)]))
                .ok()?;
        Some((interval?, replicates.into_iter().flatten().collect()))
    }

    /// The intervals of `metrics` over `pairs`, from the same resamples; one without an interval is
    /// absent.
    pub fn metrics(&self, pairs: &ResponsePairs, metrics: &[Metric]) -> BTreeMap<Metric, Interval> {
        let [intervals] = self.metrics_of_each([pairs], metrics);
        intervals
    }

    /// The same of several views of as many responses, all from the same resamples.
    fn metrics_of_each<const N: usize>(
        &self,
        pairs: [&ResponsePairs; N],
        metrics: &[Metric],
    ) -> [BTreeMap<Metric, Interval>; N] {
        let responses = pairs.first().map_or(0, |pairs| pairs.num_responses());
        let weighted = pairs.map(|pairs| WeightedMetrics::prepare(pairs, metrics));
        let mut intervals = self.several(responses, N * metrics.len(), |counts| {
            weighted.iter().flat_map(|pairs| pairs.at(counts)).collect()
        });
        pairs.map(|_| {
            let of_metrics = metrics.iter().zip(intervals.by_ref());
            of_metrics
                .filter_map(|(&metric, interval)| Some((metric, interval?)))
                .collect()
        })
    }

    /// [`metrics`](Self::metrics) of segments and of responses as a whole. Where both have as many responses, these are
    /// drawn once, which makes no other intervals.
    #[cfg(any(test, feature = "scorer"))]
    pub(crate) fn metrics_of_both(
        &self,
        pairs: [&ResponsePairs; 2],
        metrics: &[Metric],
    ) -> [BTreeMap<Metric, Interval>; 2] {
        let [segments, responses] = pairs.map(ResponsePairs::num_responses);
        if segments == responses {
            self.metrics_of_each(pairs, metrics)
        } else {
            pairs.map(|pairs| self.metrics(pairs, metrics))
        }
    }

    /// The intervals of `width` statistics from the same resamples, in their order; `statistics`
    /// returns one value for each.
    pub(crate) fn several(
        &self,
        clusters: usize,
        width: usize,
        statistics: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync,
    ) -> std::vec::IntoIter<Option<Interval>> {
        let intervals = self.intervals(clusters, width, statistics).into_iter();
        let intervals: Vec<_> = intervals.map(|(interval, _)| interval).collect();
        intervals.into_iter()
    }

    /// The intervals of `width` statistics from the same resamples, each with its resampled
    /// values; `statistics` returns one value for each.
    fn intervals(
        &self,
        clusters: usize,
        width: usize,
        statistics: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync,
    ) -> Vec<(Option<Interval>, Vec<Option<f64>>)> {
        if clusters < 2 || !(self.confidence > 0.0 && self.confidence < 1.0) {
            return vec![(None, Vec::new()); width];
        }
        let estimates = statistics(&vec![1; clusters]);
        let replicates = self.replicates(clusters, &statistics);
        let jackknife = match self.method {
            IntervalMethod::Percentile => Vec::new(),
            IntervalMethod::Bca => leave_one_out(clusters, &statistics),
        };
        let column = |rows: &[Vec<Option<f64>>], index: usize| -> Vec<Option<f64>> {
            rows.iter().map(|row| row[index]).collect()
        };
        (0..width)
            .map(|index| {
                let replicates = column(&replicates, index);
                let jackknife = column(&jackknife, index);
                let interval = estimates[index].and_then(|estimate| {
                    let confidence = self.confidence;
                    Interval::from_resamples(
                        estimate,
                        &replicates,
                        &jackknife,
                        confidence,
                        self.method,
                    )
                });
                (interval, replicates)
            })
            .collect()
    }

    /// What `statistic` says of every resample of `clusters` responses, in the order of the
    /// resamples. Draws depend on the seed and on the number of responses only.
    pub fn replicates<T: Send>(
        &self,
        clusters: usize,
        statistic: impl Fn(&[u32]) -> T + Sync,
    ) -> Vec<T> {
        (0..self.resamples as u64)
            .into_par_iter()
            .map_init(
                || vec![0; clusters],
                |counts, resample| {
                    draw(self.seed, resample, counts);
                    statistic(counts)
                },
            )
            .collect()
    }
}

/// Draws as many responses as there are, with replacement, and counts them.
fn draw(seed: u64, resample: u64, counts: &mut [u32]) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(resample);
    counts.fill(0);
    for _ in 0..counts.len() {
        counts[random.random_range(0..counts.len())] += 1;
    }
}

/// The statistics without each of the responses in turn.
fn leave_one_out<T: Send>(clusters: usize, statistic: impl Fn(&[u32]) -> T + Sync) -> Vec<T> {
    (0..clusters)
        .into_par_iter()
        .map_init(
            || vec![1; clusters],
            |counts, left_out| {
                counts[left_out] = 0;
                let value = statistic(counts);
                counts[left_out] = 1;
                value
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs() -> ResponsePairs {
        let mut pairs = ResponsePairs::new();
        for index in 0..40 {
            let value = f64::from(index);
            pairs.push_response([(value.sin(), value.cos()), (value, value + value.sin())]);
        }
        pairs.with_midpoint(Some(1.0))
    }

    #[test]
    fn intervals_do_not_depend_on_the_number_of_threads() {
        let bootstrap = Bootstrap {
            resamples: 64,
            seed: 7,
            ..Bootstrap::default()
        };
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| bootstrap.metrics(&pairs(), &Metric::all()))
        };
        assert_eq!(with_threads(1), with_threads(5));
    }

    #[test]
    fn another_seed_gives_other_intervals() {
        let interval = |seed| {
            Bootstrap {
                resamples: 50,
                seed,
                ..Bootstrap::default()
            }
            .metrics(&pairs(), &[Metric::MSE])
        };
        assert_ne!(interval(1), interval(2));
        assert_eq!(interval(1), interval(1));
    }

    #[test]
    fn every_metric_gets_an_interval_around_its_estimate() {
        let intervals = Bootstrap::default().metrics(&pairs(), &Metric::all());
        for metric in Metric::all() {
            let interval = &intervals[&metric];
            let estimate = metric.compute(&pairs()).unwrap();
            assert!((interval.estimate - estimate).abs() < 1e-12, "{metric}");
            assert!(interval.low <= interval.high, "{metric}");
        }
    }

    #[test]
    fn one_response_or_an_absent_estimate_has_no_interval() {
        let bootstrap = Bootstrap {
            resamples: 10,
            ..Bootstrap::default()
        };
        assert_eq!(bootstrap.interval(1, |_| Some(0.5)), None);
        assert_eq!(bootstrap.interval(0, |_| Some(0.5)), None);
        assert_eq!(bootstrap.interval(9, |_| None), None);
        let wrong = Bootstrap {
            confidence: 1.0,
            ..bootstrap
        };
        assert_eq!(wrong.interval(9, |counts| Some(f64::from(counts[0]))), None);
    }

    #[test]
    fn every_resample_is_drawn_anew() {
        let bootstrap = Bootstrap {
            resamples: 30,
            ..Bootstrap::default()
        };
        let drawn: std::collections::BTreeSet<Vec<u32>> = bootstrap
            .replicates(33, <[u32]>::to_vec)
            .into_iter()
            .collect();
        assert_eq!(drawn.len(), 30);
    }

    #[test]
    fn drawing_once_for_two_views_changes_no_interval() {
        let (of_segments, few) = (pairs(), ResponsePairs::ungrouped([(0.5, 1.0), (1.0, 1.5)]));
        let of_responses =
            ResponsePairs::ungrouped((0..40).map(|k| (f64::from(k).sin(), f64::from(k))));
        let bootstrap = Bootstrap {
            resamples: 50,
            ..Bootstrap::default()
        };
        let metrics = Metric::all();
        for other in [&of_responses, &few] {
            let both = [&of_segments, other];
            let alone = both.map(|pairs| bootstrap.metrics(pairs, &metrics));
            assert!(!alone[0].is_empty());
            assert_eq!(bootstrap.metrics_of_both(both, &metrics), alone);
        }
    }

    #[test]
    fn a_resample_draws_as_many_responses_as_there_are() {
        let bootstrap = Bootstrap {
            resamples: 20,
            ..Bootstrap::default()
        };
        let sums = bootstrap.replicates(33, |counts| counts.iter().sum::<u32>());
        assert_eq!(sums, [33; 20]);
    }
}
