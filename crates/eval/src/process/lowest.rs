//! How often the last segment of a response has the lowest score.

use crate::bootstrap::{Bootstrap, Interval};
use crate::metrics::all_finite;
use serde::{Deserialize, Serialize};

/// The share of responses whose lowest score falls on the last segment.
///
/// Far above chance it says that the model judges the outcome rather than each step, which
/// best-of-N hides: with min as aggregation such a model is an outcome model
/// (<https://arxiv.org/abs/2501.07301>).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LowestIsLast {
    /// Responses with at least two scored segments.
    pub responses: usize,
    /// Share of them in which the last score is lower than every other.
    pub share: f64,
    /// The share if the lowest fell on any segment with equal chance: the mean of `1 / segments`.
    pub by_chance: f64,
}

impl LowestIsLast {
    /// Looks at the scores of each response, in the order of its segments. `None` if no
    /// response has two scores, all finite.
    pub fn compute<'a>(responses: impl IntoIterator<Item = &'a [f64]>) -> Option<Self> {
        let (mut count, mut last, mut chance) = (0, 0, 0.0);
        for scores in responses {
            let Some(is_last) = is_last(scores) else {
                continue;
            };
            count += 1;
            last += usize::from(is_last);
            chance += 1.0 / scores.len() as f64;
        }
        (count > 0).then(|| Self {
            responses: count,
            share: last as f64 / count as f64,
            by_chance: chance / count as f64,
        })
    }

    /// The interval of [`share`](Self::share) over the same responses.
    pub fn interval<'a>(
        responses: impl IntoIterator<Item = &'a [f64]>,
        bootstrap: &Bootstrap,
    ) -> Option<Interval> {
        let last: Vec<bool> = responses.into_iter().filter_map(is_last).collect();
        bootstrap.interval(last.len(), |counts| {
            let drawn = last.iter().zip(counts);
            let found: u32 = drawn.map(|(last, count)| u32::from(*last) * count).sum();
            Some(f64::from(found) / last.len() as f64)
        })
    }
}

/// Whether the last score is lower than every other; `None` for fewer than two scores, and where
/// one is not finite.
fn is_last(scores: &[f64]) -> Option<bool> {
    let (last, others) = scores.split_last()?;
    let usable = !others.is_empty() && all_finite(scores);
    usable.then(|| others.iter().all(|score| score > last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_last_score_below_all_others_counts() {
        let responses: [&[f64]; 5] = [
            &[0.5, 0.1],
            &[0.1, 0.5],
            &[0.1, 0.1],
            &[0.9],
            &[0.3, 0.4, 0.2, 0.1],
        ];
        let result = LowestIsLast::compute(responses).unwrap();
        assert_eq!((result.responses, result.share), (4, 0.5));
        assert!((result.by_chance - (3.0 * 0.5 + 0.25) / 4.0).abs() < 1e-12);
        assert_eq!(LowestIsLast::compute([&[0.1][..], &[]]), None);
    }

    #[test]
    fn the_share_has_an_interval_over_the_responses_that_count() {
        let responses = || (0..90).map(|k| [&[0.5, 0.1][..], &[0.1, 0.5], &[0.9]][k % 3]);
        let interval = LowestIsLast::interval(responses(), &Bootstrap::default()).unwrap();
        let found = LowestIsLast::compute(responses());
        assert_eq!(Some(interval.estimate), found.map(|found| found.share));
        // Two standard deviations of a half of 60.
        assert!(
            (interval.high - interval.low - 0.25).abs() < 0.04,
            "{interval:?}"
        );
    }
}
