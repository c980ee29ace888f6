//! Grades the correlation of a shortcut with the rating.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Fewest rated segments that a verdict rests on.
pub(super) const FEWEST_SEGMENTS: usize = 30;
/// Fewest responses that a verdict rests on.
pub(super) const FEWEST_RESPONSES: usize = 10;
/// Size of a correlation from which on a shortcut says something.
pub(super) const LITTLE: f64 = 0.1;
/// Size from which on it is a floor that a model has to beat clearly.
pub(super) const MUCH: f64 = 0.3;
/// Size from which on it is a trap: a quarter of the variance of the ratings without reading.
///
/// Honest sets have shortcuts too (the opening of an answer is often more relevant than its end):
/// the sets this was tried on reach .30 with one feature and .37 with all of them, while sets whose
/// records end at the first error reach .7 and more.
pub(super) const TRAP: f64 = 0.5;

/// How much a shortcut tells of the rating, by the size of its Pearson correlation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The correlation does not exist, or rests on fewer than 30 segments or 10 responses.
    Unknown,
    /// Below 0.1.
    Nothing,
    /// From 0.1: less than most models reach.
    Little,
    /// From 0.3: a floor that a model has to beat clearly, though no mistake in the data.
    Much,
    /// From 0.5: a model that sees this gets a high correlation without reading.
    Trap,
}

impl Reach {
    /// The verdict on a correlation over so many segments and responses.
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
            Self::Unknown => "cannot be said",
            Self::Nothing => "tells nothing",
            Self::Little => "tells a little",
            Self::Much => "tells much: a floor to beat",
            Self::Trap => "tells so much that it is a trap",
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
