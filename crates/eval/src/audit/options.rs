//! The options of an audit.

use std::str::FromStr;

use gradus_data::Example;
use serde::{Deserialize, Serialize};

use crate::EvalError;

/// A split with its name.
#[derive(Clone, Debug)]
pub struct AuditSplit<'a> {
    /// Its name in the report.
    pub name: String,
    /// Its examples.
    pub examples: &'a [Example],
}

impl<'a> AuditSplit<'a> {
    /// A split with this name.
    pub fn new(name: impl Into<String>, examples: &'a [Example]) -> Self {
        Self {
            name: name.into(),
            examples,
        }
    }
}

/// Options of an audit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditOptions {
    /// The range of valid ratings. Default: none; the audit then looks for ratings far from all others.
    pub scale: Option<ScaleRange>,
    /// Seed of the folds and of the hashes for near-duplicates. Default 0.
    pub seed: u64,
}

/// The lowest and the highest rating of a scale, both finite, the lowest below the highest. As
/// text: `0:1`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScaleRange {
    low: f64,
    high: f64,
}

impl ScaleRange {
    /// Whether a rating is within the scale.
    pub fn contains(self, rating: f64) -> bool {
        (self.low..=self.high).contains(&rating)
    }
}

impl FromStr for ScaleRange {
    type Err = EvalError;

    fn from_str(text: &str) -> Result<Self, EvalError> {
        let number = |text: &str| {
            text.trim()
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite())
        };
        text.split_once(':')
            .and_then(|(low, high)| Some((number(low)?, number(high)?)))
            .filter(|(low, high)| low < high)
            .map(|(low, high)| Self { low, high })
            .ok_or_else(|| EvalError::ScaleRange {
                found: text.to_owned(),
            })
    }
}

impl TryFrom<String> for ScaleRange {
    type Error = EvalError;

    fn try_from(text: String) -> Result<Self, EvalError> {
        text.parse()
    }
}

impl From<ScaleRange> for String {
    fn from(range: ScaleRange) -> Self {
        range.to_string()
    }
}

impl std::fmt::Display for ScaleRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_reads_what_it_writes_and_refuses_the_rest() {
        let scale: ScaleRange = "-1:0.5".parse().unwrap();
        assert!(scale.contains(-1.0) && scale.contains(0.5) && !scale.contains(0.51));
        assert_eq!(scale.to_string().parse::<ScaleRange>().unwrap(), scale);
        for wrong in ["", "1", "1:0", "0:0", "a:b", "0:inf", "0-1"] {
            let error = wrong.parse::<ScaleRange>().unwrap_err();
            assert!(error.to_string().contains("LOW:HIGH"), "{error}");
        }
    }
}
