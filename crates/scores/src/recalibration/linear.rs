//! Recalibration by a straight line.

use serde::{Deserialize, Serialize};

use super::NotMonotone;

/// `rating = intercept + slope * score`, with a slope of at least 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "LinearFile")]
pub struct Linear {
    slope: f64,
    intercept: f64,
}

impl Linear {
    /// A line.
    ///
    /// # Errors
    /// If the slope is negative, or a number is NaN or infinite.
    pub fn new(slope: f64, intercept: f64) -> Result<Self, NotMonotone> {
        if !slope.is_finite() || slope < 0.0 {
            return Err(NotMonotone::Slope(slope));
        }
        if !intercept.is_finite() {
            return Err(NotMonotone::Intercept(intercept));
        }
        Ok(Self { slope, intercept })
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
    type Error = NotMonotone;

    fn try_from(file: LinearFile) -> Result<Self, NotMonotone> {
        Self::new(file.slope, file.intercept)
    }
}
