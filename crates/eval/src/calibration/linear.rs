//! Fits a recalibration by a straight line.

use gradus_scores::Linear;

use crate::metrics::{PairMoments, finite, is_constant, mean, usable};

/// Least squares under the condition that the slope is not negative: scores that go against
/// the ratings, or do not vary, get slope 0 and the mean rating. `None` for no pairs, unequal
/// lengths, or a value that is NaN or infinite.
pub(super) fn fit(scores: &[f64], ratings: &[f64]) -> Option<Linear> {
    if !usable(scores, ratings) {
        return None;
    }
    let moments = PairMoments::of(scores, ratings);
    let slope = if is_constant(scores) {
        0.0
    } else {
        finite(moments.covariance() / moments.variance_predictions())?.max(0.0)
    };
    let intercept = finite(mean(ratings) - slope * mean(scores))?;
    Linear::new(slope, intercept).ok()
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // The expected values are exact.
mod tests {
    use super::*;

    #[test]
    fn a_shifted_and_stretched_score_is_put_right() {
        let fitted = fit(&[10.0, 20.0, 40.0], &[0.0, 0.5, 1.5]).unwrap();
        assert!((fitted.apply(30.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn scores_against_the_ratings_get_the_mean() {
        let fitted = fit(&[0.0, 1.0], &[1.0, 0.0]).unwrap();
        assert_eq!((fitted.slope(), fitted.apply(7.0)), (0.0, 0.5));
        let constant = fit(&[0.1, 0.1, 0.1], &[1.0, 0.0, 0.5]).unwrap();
        assert_eq!(constant.apply(0.1), 0.5);
    }
}
