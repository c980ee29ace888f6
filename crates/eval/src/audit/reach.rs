//! Grades the correlation of a shortcut with the rating.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Minimum number of rated segments for a verdict.
pub(super) const FEWEST_SEGMENTS: usize = 30;
/// Minimum number of responses for a verdict.
pub(super) const FEWEST_RESPONSES: usize = 10;
/// Minimum absolute correlation of a shortcut with any effect.
pub(super) const LITTLE: f64 = 0.1;
/// Minimum absolute correlation of a baseline that a model should beat clearly.
pub(super) const MUCH: f64 = 0.3;
/// Minimum absolute correlation of a trap: it explains a quarter of the variance of the ratings without reading.
///
/// Good data sets have shortcuts too: the beginning of an answer is often more relevant than its end. The sets
/// on which this was tried reach 0.30 with one feature and 0.37 with all, while sets with records that end at
/// the first error reach 0.7 and more.
pub(super) const TRAP: f64 = 0.5;

/// How well a shortcut predicts the rating, by its absolute Pearson correlation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The correlation is undefined, or there are fewer than 30 segments or 10 responses.
    Unknown,
    /// Below 0.1.
    Nothing,
    /// 0.1 or more: less than most models reach.
    Little,
    /// 0.3 or more: a baseline that a model should beat clearly, but no mistake in the data.
    Much,
    /// 0.5 or more: a model that sees this gets a high correlation without reading.
    Trap,
}

impl Reach {
    /// The verdict on a correlation over this number of segments and responses.
    pub(super) fn of(pearson: Option<f64>, segments: usize, responses: usize) -> Self {
        let enough = segments >= FEWEST_SEGMENTS && responses >= FEWEST_RESPONSES;
        match pearson.map(f64::abs) {
            Some(size) if enough && size >= TRAP => Self::Trap,
            Some(size) if enough && size >= MUCH => Self::Much,
            Some(size) if enough && size >= LITTLE => Self::Little,
            Some(_) if enough => Self::Nothing,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "cannot be judged",
            Self::Nothing => "does not predict the rating",
            Self::Little => "predicts the rating weakly",
            Self::Much => "predicts the rating: a baseline to beat",
            Self::Trap => "predicts the rating so well that it is a trap",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_does_not_matter_and_small_samples_say_nothing() {
        let reach = |pearson| Reach::of(Some(pearson), 1000, 100);
        assert_eq!(reach(-0.76), Reach::Trap);
        assert_eq!(reach(0.35), Reach::Much);
        assert_eq!(reach(-0.1), Reach::Little);
        assert_eq!(reach(0.05), Reach::Nothing);
        assert_eq!(Reach::of(Some(0.9), 29, 100), Reach::Unknown);
        assert_eq!(Reach::of(Some(0.9), 100, 9), Reach::Unknown);
        assert_eq!(Reach::of(None, 1000, 100), Reach::Unknown);
    }
}
