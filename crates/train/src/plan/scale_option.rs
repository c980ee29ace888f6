//! The setting of rating scales.

use std::fmt;
use std::str::FromStr;

use gradus_data::RatingScale;
use serde::{Deserialize, Serialize};

use crate::{Result, TrainError};

/// The kind of [`RatingScale`] of the aspects; as text `identity`, `standardized`, `minmax:LOW:HIGH`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum ScaleOption {
    /// Targets are the ratings.
    #[default]
    Identity,
    /// Mean 0 and standard deviation 1 over the training split's ratings of the aspect.
    Standardized,
    /// `low` becomes 0 and `high` becomes 1.
    MinMax {
        /// The rating that becomes 0.
        low: f64,
        /// The rating that becomes 1.
        high: f64,
    },
}

impl ScaleOption {
    /// Fits the scale of an aspect to its training ratings.
    ///
    /// # Errors
    /// If constant ratings are to be standardized, or the range is empty.
    pub fn fit(self, ratings: &[f64]) -> Result<RatingScale> {
        Ok(match self {
            Self::Identity => RatingScale::Identity,
            Self::Standardized => RatingScale::fit_standardized(ratings)?,
            Self::MinMax { low, high } => RatingScale::min_max(low, high)?,
        })
    }
}

impl fmt::Display for ScaleOption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => formatter.write_str("identity"),
            Self::Standardized => formatter.write_str("standardized"),
            Self::MinMax { low, high } => write!(formatter, "minmax:{low}:{high}"),
        }
    }
}

impl FromStr for ScaleOption {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let option = match parts.as_slice() {
            ["identity"] => Some(Self::Identity),
            ["standardized"] => Some(Self::Standardized),
            ["minmax", low, high] => match (low.parse(), high.parse()) {
                (Ok(low), Ok(high)) if low < high && f64::is_finite(high - low) => {
                    Some(Self::MinMax { low, high })
                }
                _ => None,
            },
            _ => None,
        };
        option.ok_or_else(|| TrainError::Setting {
            name: "scale",
            found: format!("`{text}`"),
            expected: "`identity`, `standardized` or `minmax:LOW:HIGH` with LOW below HIGH",
        })
    }
}

impl TryFrom<String> for ScaleOption {
    type Error = TrainError;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ScaleOption> for String {
    fn from(option: ScaleOption) -> Self {
        option.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_written_and_read_as_text() {
        for option in [
            ScaleOption::Identity,
            ScaleOption::Standardized,
            ScaleOption::MinMax {
                low: -1.0,
                high: 2.5,
            },
        ] {
            assert_eq!(option.to_string().parse::<ScaleOption>().unwrap(), option);
        }
        for text in [
            "minmax",
            "minmax:1:1",
            "minmax:0:inf",
            "minmax:a:b",
            "log",
            "",
        ] {
            assert!(text.parse::<ScaleOption>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_standardized_scale_is_fitted_to_the_training_ratings() {
        let scale = ScaleOption::Standardized.fit(&[0.0, 1.0]).unwrap();
        assert!((scale.to_target(1.0) - 1.0).abs() < 1e-12);
        assert!(ScaleOption::Standardized.fit(&[0.5, 0.5]).is_err());
    }
}
