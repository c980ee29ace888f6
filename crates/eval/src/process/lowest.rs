//! How often the lowest segment is the last one.

use crate::metrics::all_finite;
use serde::{Deserialize, Serialize};

/// The share of responses whose lowest score falls on the last segment.
///
/// Far above chance it says that the model judges the outcome rather than each step, which
/// best-of-N hides: with min as aggregation such a model is an outcome model
/// (<https://arxiv.org/abs/2501.07301>).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LowestIsLast {
    /// Responses with at least two scored segments.
    pub responses: usize,
    /// Share of them in which the last score is lower than every other.
    pub share: f64,
    /// The share if the lowest fell on any segment with equal chance: the mean of `1 / segments`.
    pub by_chance: f64,
}

impl LowestIsLast {
    /// Looks at the scores of each response, in the order of its segments. `None` where no
    /// response has two scores, all finite.
    pub fn compute<'a>(responses: impl IntoIterator<Item = &'a [f64]>) -> Option<Self> {
        let (mut count, mut last, mut chance) = (0, 0, 0.0);
        for scores in responses {
            let Some((final_score, others)) = scores.split_last() else {
                continue;
            };
            if others.is_empty() || !all_finite(scores) {
                continue;
            }
            count += 1;
            last += usize::from(others.iter().all(|score| score > final_score));
            chance += 1.0 / scores.len() as f64;
        }
        (count > 0).then(|| Self {
            responses: count,
            share: last as f64 / count as f64,
            by_chance: chance / count as f64,
        })
    }
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
}
