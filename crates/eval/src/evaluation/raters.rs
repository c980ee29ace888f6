//! Compares the model's error with the disagreement of raters, for segments with several ratings.

use gradus_data::{RaterAgreement, RaterSums};
use serde::{Deserialize, Serialize};

use super::rater_ceiling::RaterCeiling;
use crate::bootstrap::Bootstrap;

/// Agreement of the raters, and the error of the model on the same segments.
///
/// A rater is held against the mean of the other raters of the same text, and so is the model: with
/// the ratings of all, each left out in turn, so that both stand before the same targets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatersBeside {
    /// The raters among each other, over the texts that are scored and have several.
    pub agreement: RaterAgreement,
    /// Root mean squared distance of the score from the mean of all raters but one, to be read
    /// beside [`RaterAgreement::rmse`].
    pub model_rmse: f64,
    /// The best that any model can reach against these ratings; `None` for one text, or if all ratings are equal.
    #[serde(default)]
    pub ceiling: Option<RaterCeiling>,
}

/// A score, and the ratings that the text has of several raters.
pub(super) struct Rated<'a> {
    pub(super) score: f64,
    pub(super) raters: Option<&'a [f64]>,
}

impl RatersBeside {
    /// `None` if no text has several ratings, or the squares overflow.
    pub(super) fn compute<'a>(rated: impl Iterator<Item = Rated<'a>>) -> Option<Self> {
        let (mut sums, mut squares) = (RaterSums::default(), 0.0);
        for Rated { score, raters } in rated {
            let Some(raters) = raters.filter(|raters| raters.len() > 1) else {
                continue;
            };
            sums.add(raters);
            let (sum, others) = (raters.iter().sum::<f64>(), (raters.len() - 1) as f64);
            let distances = raters.iter().map(|rating| score - (sum - rating) / others);
            squares += distances.map(|distance| distance * distance).sum::<f64>();
        }
        let agreement = sums.agreement()?;
        let model_rmse = (squares / agreement.ratings as f64).sqrt();
        model_rmse.is_finite().then_some(Self {
            agreement,
            model_rmse,
            ceiling: None,
        })
    }

    /// The same with the ceiling over all judged texts; `bootstrap` gives it intervals.
    pub(super) fn with_ceiling<'a>(
        mut self,
        responses: impl Iterator<Item = Vec<&'a [f64]>>,
        bootstrap: Option<&Bootstrap>,
    ) -> Self {
        self.ceiling = RaterCeiling::compute(responses, bootstrap);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_and_raters_stand_before_the_same_targets() {
        let ratings = [[0.0, 0.5], [0.5, 1.0]];
        let rated = |scores: [f64; 2]| {
            let texts = scores.into_iter().zip(&ratings);
            let single = Rated {
                score: 99.0,
                raters: Some(&[0.5]),
            };
            let unknown = Rated {
                score: 99.0,
                raters: None,
            };
            let texts = texts.map(|(score, ratings)| Rated {
                score,
                raters: Some(ratings),
            });
            RatersBeside::compute(texts.chain([single, unknown])).unwrap()
        };
        // The means of both are 0.25 away from either rater.
        let beside = rated([0.25, 0.75]);
        assert!((beside.model_rmse - 0.25).abs() < 1e-15, "{beside:?}");
        assert!((beside.agreement.rmse - 0.5).abs() < 1e-15);
        assert_eq!(beside.agreement.texts, 2);
        // Distances 0, 0.5, 0.5 and 1.
        let off = rated([0.0, 0.0]);
        assert!((off.model_rmse - (1.5_f64 / 4.0).sqrt()).abs() < 1e-15);
        assert_eq!(RatersBeside::compute(std::iter::empty()), None);
    }
}
