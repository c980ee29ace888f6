//! Ridge regression on the position and length of a segment.

use crate::features::{POSITION_FEATURES, Standardizer};
use crate::{Baseline, BaselineExample, Places, mean_rating, rated_segments};
use gradus_kernels::solve_positive_definite;
use serde::{Deserialize, Serialize};

/// Penalty on the squared weights.
const PENALTY: f64 = 1.0;

/// A linear function of position and length: relative position, index, is first, is last, number
/// of segments, `ln(1 + characters)` and share of the response; or, by [`Places::Text`], the same of the text.
///
/// Features are standardized over the rated training segments; the weights minimize
/// `Σ (rating - mean - w·z)² + 1.0 |w|²`, the intercept is the mean rating and not penalized.
/// A model that ignores the text can reach its figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct PositionLength {
    standardizer: Standardizer,
    weights: Vec<f64>,
    intercept: f64,
    #[serde(skip_serializing_if = "Places::is_listed")]
    places: Places,
}

/// The weights as a file gives them, unchecked.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    places: Places,
    standardizer: Standardizer,
    weights: Vec<f64>,
    intercept: f64,
}

impl TryFrom<Stored> for PositionLength {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored {
            standardizer,
            weights,
            intercept,
            places,
        } = stored;
        standardizer.check(POSITION_FEATURES, &weights, POSITION_FEATURES)?;
        Ok(Self {
            standardizer,
            weights,
            intercept,
            places,
        })
    }
}

impl PositionLength {
    /// Fits the weights on the rated segments of `examples`, in closed form.
    ///
    /// # Errors
    /// [`NothingRated`](crate::NothingRated).
    pub fn fit(examples: &[BaselineExample], places: Places) -> crate::Result<Self> {
        let rated = rated_segments(Baseline::PositionLength, examples)?;
        let features: Vec<_> = examples.iter().map(|one| places.features(one)).collect();
        let rows: Vec<Vec<f64>> = rated
            .iter()
            .map(|r| features[r.example][r.segment].to_vec())
            .collect();
        let standardizer = Standardizer::fit(&rows);
        let rows: Vec<Vec<f64>> = rows.iter().map(|row| standardizer.apply(row)).collect();
        let intercept = mean_rating(&rated);
        let residuals: Vec<f64> = rated.iter().map(|r| r.rating - intercept).collect();
        Ok(Self {
            standardizer,
            weights: ridge(&rows, &residuals, PENALTY),
            intercept,
            places,
        })
    }

    /// One score per segment.
    pub fn predict(&self, example: &BaselineExample) -> Vec<f64> {
        self.places
            .features(example)
            .iter()
            .map(|row| self.intercept + dot(&self.weights, &self.standardizer.apply(row)))
            .collect()
    }

    /// Weights of the standardized features, in the order of the type's documentation.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The mean training rating.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Minimizes `|y - Z w|² + penalty |w|²`, for a positive penalty.
fn ridge(rows: &[Vec<f64>], targets: &[f64], penalty: f64) -> Vec<f64> {
    const N: usize = POSITION_FEATURES;
    let mut gram = vec![0.0; N * N];
    let mut right = vec![0.0; N];
    for (row, target) in rows.iter().zip(targets) {
        for i in 0..N {
            right[i] += row[i] * target;
            for j in 0..N {
                gram[i * N + j] += row[i] * row[j];
            }
        }
    }
    for i in 0..N {
        gram[i * N + i] += penalty;
    }
    solve_positive_definite(gram, right)
        .expect("Z'Z + penalty I is positive definite, as features are finite")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_penalty_shrinks_the_weight_of_a_feature() {
        // One feature with `Σ z² = 3` and `Σ z y = 6`: `w = 6 / (3 + penalty)`.
        let mut row = vec![0.0; POSITION_FEATURES];
        row[2] = 1.0;
        let weights = ridge(&vec![row; 3], &[1.0, 2.0, 3.0], 1.0);
        for (feature, weight) in weights.into_iter().enumerate() {
            let expected = if feature == 2 { 1.5 } else { 0.0 };
            assert!((weight - expected).abs() < 1e-12, "{feature}: {weight}");
        }
    }
}
