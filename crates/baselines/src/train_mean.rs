//! The baseline that predicts the mean training rating for every segment.

use crate::Result;
use crate::{Baseline, BaselineExample, mean_rating, rated_segments};
use serde::{Deserialize, Serialize};

/// Predicts the mean training rating everywhere. It has no correlation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainMean {
    mean: f64,
}

impl TrainMean {
    /// Takes the mean over the rated segments of `examples`.
    ///
    /// # Errors
    /// [`NothingRated`](crate::NothingRated).
    pub fn fit(examples: &[BaselineExample]) -> Result<Self> {
        let rated = rated_segments(Baseline::TrainMean, examples)?;
        Ok(Self {
            mean: mean_rating(&rated),
        })
    }

    /// The mean training rating.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// One score per segment.
    pub fn predict(&self, example: &BaselineExample) -> Vec<f64> {
        vec![self.mean; example.segments.len()]
    }
}
