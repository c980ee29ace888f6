//! Recalibration by a straight line.

use crate::metrics::{Moments, finite, is_constant, mean, usable};
use serde::{Deserialize, Serialize};

/// `rating = intercept + slope * score`, with a slope of at least 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "LinearFile")]
pub struct Linear {
    slope: f64,
    intercept: f64,
}

impl Linear {
    /// Least squares under the condition that the slope is not negative: scores that go against
    /// the ratings, or do not vary, get slope 0 and the mean rating. `None` for no pairs, unequal
    /// lengths, or a value that is NaN or infinite.
    pub fn fit(scores: &[f64], ratings: &[f64]) -> Option<Self> {
        if !usable(scores, ratings) {
            return None;
        }
        let moments = Moments::of(scores, ratings);
        let slope = if is_constant(scores) {
            0.0
        } else {
            finite(moments.covariance() / moments.variance_predictions())?.max(0.0)
        };
        let intercept = finite(mean(ratings) - slope * mean(scores))?;
        Some(Self { slope, intercept })
    }

    /// Maps a score to a rating.
    pub fn apply(&self, score: f64) -> f64 {
        self.intercept + self.slope * score
    }

    /// Rating units per score unit, at least 0.
    pub fn slope(&self) -> f64 {
        self.slope
    }

    /// The rating at score 0.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }
}

/// A line as it is read, before it is checked.
#[derive(Deserialize)]
struct LinearFile {
    slope: f64,
    intercept: f64,
}

impl TryFrom<LinearFile> for Linear {
    type Error = String;

    fn try_from(file: LinearFile) -> Result<Self, String> {
        let LinearFile { slope, intercept } = file;
        if !slope.is_finite() || slope < 0.0 {
            return Err(format!(
                "slope must be finite and not negative, but is {slope}"
            ));
        }
        if !intercept.is_finite() {
            return Err(format!("intercept must be finite, but is {intercept}"));
        }
        Ok(Self { slope, intercept })
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // The expected values are exact.
mod tests {
    use super::*;

    #[test]
    fn a_shifted_and_stretched_score_is_put_right() {
        let fitted = Linear::fit(&[10.0, 20.0, 40.0], &[0.0, 0.5, 1.5]).unwrap();
        assert!((fitted.apply(30.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn scores_against_the_ratings_get_the_mean() {
        let fitted = Linear::fit(&[0.0, 1.0], &[1.0, 0.0]).unwrap();
        assert_eq!((fitted.slope(), fitted.apply(7.0)), (0.0, 0.5));
        let constant = Linear::fit(&[0.1, 0.1, 0.1], &[1.0, 0.0, 0.5]).unwrap();
        assert_eq!(constant.apply(0.1), 0.5);
    }
}
