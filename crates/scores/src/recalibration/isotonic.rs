//! Recalibration by isotonic regression.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::NotMonotone;

/// A curve that never falls, by linear interpolation between knots; before the first and after the
/// last knot it is flat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "IsotonicFile")]
pub struct Isotonic {
    scores: Vec<f64>,
    ratings: Vec<f64>,
}

impl Isotonic {
    /// A curve through knots: scores that rise from knot to knot, and ratings that never fall.
    ///
    /// # Errors
    /// If there are no knots, unequally many scores and ratings, a wrong order, or a number that is NaN or
    /// infinite.
    pub fn new(scores: Vec<f64>, ratings: Vec<f64>) -> Result<Self, NotMonotone> {
        let all_finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        if scores.is_empty()
            || scores.len() != ratings.len()
            || !all_finite(&scores)
            || !all_finite(&ratings)
        {
            let (scores, ratings) = (scores.len(), ratings.len());
            return Err(NotMonotone::Knots { scores, ratings });
        }
        if !scores.is_sorted_by(|a, b| a < b) {
            return Err(NotMonotone::ScoreOrder);
        }
        if !ratings.is_sorted() {
            return Err(NotMonotone::RatingOrder);
        }
        Ok(Self { scores, ratings })
    }

    /// Maps a score to a rating.
    pub fn apply(&self, score: f64) -> f64 {
        let above = self.scores.partition_point(|&knot| knot < score);
        let Some(&high) = self.scores.get(above) else {
            return self.ratings[self.ratings.len() - 1];
        };
        if above == 0 || high.partial_cmp(&score).is_some_and(Ordering::is_eq) {
            return self.ratings[above];
        }
        let (low, from, to) = (
            self.scores[above - 1],
            self.ratings[above - 1],
            self.ratings[above],
        );
        let share = (score - low) / (high - low);
        (from + share * (to - from)).clamp(from, to)
    }

    /// Scores of the knots, ascending; at least one.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Ratings of the knots, never falling.
    pub fn ratings(&self) -> &[f64] {
        &self.ratings
    }
}

/// Knots as they are read, before they are checked.
#[derive(Deserialize)]
struct IsotonicFile {
    scores: Vec<f64>,
    ratings: Vec<f64>,
}

impl TryFrom<IsotonicFile> for Isotonic {
    type Error = NotMonotone;

    fn try_from(file: IsotonicFile) -> Result<Self, NotMonotone> {
        Self::new(file.scores, file.ratings)
    }
}
