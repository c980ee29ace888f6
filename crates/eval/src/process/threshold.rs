//! Chooses the threshold below which a step counts as wrong.

use crate::metrics::order;
use serde::{Deserialize, Serialize};

/// A threshold, and its origin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ThresholdChoice {
    /// The threshold.
    pub threshold: f64,
    /// Name of the split it was chosen on.
    pub split: String,
    /// Its headline figure on that split.
    pub score: f64,
}

impl ThresholdChoice {
    /// Chooses among the `quantiles + 1` quantiles of `scores` the one with the highest `figure`,
    /// of several that are equally good the lowest. A grid of equal steps would miss everything
    /// where scores crowd together at an end.
    ///
    /// `None` without quantiles or scores, or where `figure` exists for no threshold. Scores that
    /// are not finite are passed over.
    pub(super) fn best(
        scores: impl Iterator<Item = f64>,
        split: &str,
        quantiles: usize,
        figure: impl Fn(f64) -> Option<f64>,
    ) -> Option<Self> {
        let mut best: Option<Self> = None;
        for threshold in candidates(scores, quantiles) {
            if let Some(score) = figure(threshold)
                && best.as_ref().is_none_or(|best| score > best.score)
            {
                best = Some(Self {
                    threshold,
                    split: split.to_owned(),
                    score,
                });
            }
        }
        best
    }
}

/// Quantiles of the scores, ascending, each once.
fn candidates(scores: impl Iterator<Item = f64>, quantiles: usize) -> Vec<f64> {
    let mut scores: Vec<f64> = scores.filter(|score| score.is_finite()).collect();
    scores.sort_unstable_by(|a, b| order(*a, *b));
    let Some(last) = scores.len().checked_sub(1).filter(|_| quantiles > 0) else {
        return Vec::new();
    };
    let mut chosen: Vec<f64> = (0..=quantiles)
        .map(|quantile| scores[quantile * last / quantiles])
        .collect();
    chosen.dedup_by(|a, b| order(*a, *b).is_eq());
    chosen
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // The expected values are exact.
mod tests {
    use super::*;

    #[test]
    fn candidates_reach_from_the_lowest_score_to_the_highest() {
        let of = |scores: &[f64], quantiles| candidates(scores.iter().copied(), quantiles);
        assert_eq!(of(&[0.4, 0.1, 0.2, 0.3], 3), [0.1, 0.2, 0.3, 0.4]);
        assert_eq!(of(&[0.4, 0.1, 0.2, 0.3, 0.0], 2), [0.0, 0.2, 0.4]);
        assert_eq!(of(&[0.4, 0.4, f64::NAN], 9), [0.4]);
    }

    #[test]
    fn the_lowest_of_equally_good_quantiles_is_chosen() {
        let scores = || [0.4, 0.1, f64::NAN, 0.2, 0.3].into_iter();
        let choice = ThresholdChoice::best(scores(), "valid", 3, |t| Some(t.min(0.2))).unwrap();
        assert_eq!((choice.threshold, choice.score), (0.2, 0.2));
        assert_eq!(choice.split, "valid");
        assert_eq!(ThresholdChoice::best(scores(), "valid", 3, |_| None), None);
        assert_eq!(ThresholdChoice::best(scores(), "valid", 0, Some), None);
        assert_eq!(
            ThresholdChoice::best([].into_iter(), "valid", 3, Some),
            None
        );
    }
}
