//! Which baseline an offset is, and what becomes of it in scoring.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Baseline;

/// The baseline of an [`Offset`](crate::Offset).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum OffsetKind {
    /// [`Baseline::PositionLength`].
    #[serde(rename = "position+length")]
    PositionLength,
    /// [`Baseline::BagOfWords`].
    #[serde(rename = "bag-of-words")]
    BagOfWords,
}

impl OffsetKind {
    /// Every kind, the cheapest first.
    pub const ALL: [Self; 2] = [Self::PositionLength, Self::BagOfWords];

    /// The baseline.
    pub fn baseline(self) -> Baseline {
        match self {
            Self::PositionLength => Baseline::PositionLength,
            Self::BagOfWords => Baseline::BagOfWords,
        }
    }

    /// The kind that adds this baseline; none for the mean, which adds nothing.
    pub(super) fn of(baseline: Baseline) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.baseline() == baseline)
    }
}

impl fmt::Display for OffsetKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::PositionLength => "position+length",
            Self::BagOfWords => "bag-of-words",
        })
    }
}

/// A word that is neither `keep` nor `drop`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("offset: found `{found}`, expected `keep` or `drop`")]
pub struct UnknownOffset {
    found: String,
}

/// What becomes of the offset of a bundle in scoring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OffsetUse {
    /// It is added to the model's scores: they predict ratings best.
    #[default]
    Keep,
    /// It is left out: scores are free of what the baseline knows.
    Drop,
}

impl OffsetUse {
    /// Both, the default first.
    pub const ALL: [Self; 2] = [Self::Keep, Self::Drop];
}

impl fmt::Display for OffsetUse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Keep => "keep",
            Self::Drop => "drop",
        })
    }
}

impl FromStr for OffsetUse {
    type Err = UnknownOffset;

    fn from_str(text: &str) -> Result<Self, UnknownOffset> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|known| known.to_string() == text);
        found.ok_or_else(|| UnknownOffset {
            found: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files_and_of_the_command_line() {
        for kind in OffsetKind::ALL {
            let text = serde_json::to_string(&kind).unwrap();
            assert_eq!(text, format!("\"{kind}\""));
            assert_eq!(serde_json::from_str::<OffsetKind>(&text).unwrap(), kind);
        }
        for one in OffsetUse::ALL {
            assert_eq!(serde_json::to_string(&one).unwrap(), format!("\"{one}\""));
            assert_eq!(one.to_string().parse(), Ok(one));
        }
        let error = "Keep".parse::<OffsetUse>().unwrap_err().to_string();
        assert_eq!(error, "offset: found `Keep`, expected `keep` or `drop`");
    }
}
