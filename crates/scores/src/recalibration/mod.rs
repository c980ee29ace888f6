//! Recalibrations: monotone maps from scores to ratings. `gradus-eval` fits them.

mod isotonic;
mod linear;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use isotonic::Isotonic;
pub use linear::Linear;

/// The kinds of recalibration. Exhaustive: whoever fits them must know each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecalibrationKind {
    /// A straight line: two numbers, for little data.
    Linear,
    /// Any monotone curve: for hundreds of segments and more.
    Isotonic,
}

impl RecalibrationKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Isotonic, Self::Linear];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Isotonic => "isotonic",
        }
    }
}

impl fmt::Display for RecalibrationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that is not the name of a kind of recalibration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown recalibration: found `{found}`, expected one of: {known}")]
#[non_exhaustive]
pub struct UnknownRecalibration {
    /// The text.
    pub found: String,
    /// The names of the kinds, comma-separated.
    pub known: String,
}

impl FromStr for RecalibrationKind {
    type Err = UnknownRecalibration;

    fn from_str(name: &str) -> Result<Self, UnknownRecalibration> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownRecalibration {
                found: name.to_owned(),
                known: Self::ALL.map(Self::name).join(", "),
            })
    }
}

/// Numbers that make no monotone map.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotMonotone {
    /// A line falls, or its slope is not finite.
    #[error("slope must be finite and not negative, but is {0}")]
    Slope(f64),
    /// A line has no finite intercept.
    #[error("intercept must be finite, but is {0}")]
    Intercept(f64),
    /// A curve has no knots, or a knot lacks a finite number.
    #[error(
        "isotonic recalibration: found {scores} scores and {ratings} ratings, \
         expected as many of both, at least one, all finite"
    )]
    Knots {
        /// Scores of the knots.
        scores: usize,
        /// Ratings of the knots.
        ratings: usize,
    },
    /// The scores of a curve do not rise.
    #[error("isotonic recalibration: scores must rise from knot to knot")]
    ScoreOrder,
    /// The ratings of a curve fall.
    #[error("isotonic recalibration: ratings must not fall from knot to knot")]
    RatingOrder,
}

/// A monotone map from scores to ratings. In JSON an object tagged `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Recalibration {
    /// A straight line.
    Linear(Linear),
    /// A curve through knots.
    Isotonic(Isotonic),
}

impl Recalibration {
    /// Which kind it is.
    pub fn kind(&self) -> RecalibrationKind {
        match self {
            Self::Linear(_) => RecalibrationKind::Linear,
            Self::Isotonic(_) => RecalibrationKind::Isotonic,
        }
    }

    /// Whether every score gets the same rating, so that their order is lost.
    pub fn is_constant(&self) -> bool {
        match self {
            Self::Linear(linear) => linear.slope() <= 0.0,
            Self::Isotonic(isotonic) => isotonic.ratings().first() == isotonic.ratings().last(),
        }
    }

    /// Maps a score to a rating. A higher score never gets a lower rating.
    pub fn apply(&self, score: f64) -> f64 {
        match self {
            Self::Linear(linear) => linear.apply(score),
            Self::Isotonic(isotonic) => isotonic.apply(score),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_monotone_is_refused() {
        let falling = r#"{"kind":"isotonic","scores":[0.0,1.0],"ratings":[1.0,0.0]}"#;
        let message = serde_json::from_str::<Recalibration>(falling)
            .unwrap_err()
            .to_string();
        assert!(message.contains("ratings must not fall"), "{message}");
        let negative = r#"{"kind":"linear","slope":-1.0,"intercept":0.0}"#;
        let message = serde_json::from_str::<Recalibration>(negative)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("slope must be finite and not negative"),
            "{message}"
        );
    }
}
