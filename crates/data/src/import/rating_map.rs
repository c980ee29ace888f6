use std::fmt;
use std::str::FromStr;

use crate::{DataError, Result};

/// What a published data set writes for a rating: a number, or a word such as `Major` or `true`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Label {
    Number(f64),
    Word(String),
}

impl From<f64> for Label {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Label {
    fn from(value: bool) -> Self {
        Self::Word(value.to_string())
    }
}

impl From<&str> for Label {
    fn from(text: &str) -> Self {
        finite(text).map_or_else(|| Self::Word(text.to_owned()), Self::Number)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Word(word) => formatter.write_str(word),
        }
    }
}

/// Which rating each published label becomes, in place of the rule of the format.
///
/// As text: `-1=0,0=0.5,1=1` or `Minor=-1,Major=-5`. Numbers match by value (`1` is `1.0`), words
/// letter by letter. White space around labels and ratings is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct RatingMap {
    entries: Vec<(Label, f64)>,
}

impl RatingMap {
    pub(super) fn get(&self, label: &Label) -> Option<f64> {
        let mut entries = self.entries.iter();
        entries
            .find(|(key, _)| key == label)
            .map(|(_, rating)| *rating)
    }
}

impl FromStr for RatingMap {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        let fail = |entry: &str, expected| DataError::InvalidRatingMap {
            entry: entry.to_owned(),
            expected,
        };
        let mut map = Self {
            entries: Vec::new(),
        };
        for entry in text.split(',') {
            let (label, rating) = entry
                .rsplit_once('=')
                .map(|(label, rating)| (label.trim(), rating.trim()))
                .filter(|(label, _)| !label.is_empty())
                .ok_or_else(|| fail(entry, "LABEL=RATING, as in -1=0,0=0.5,1=1"))?;
            let rating = finite(rating).ok_or_else(|| fail(entry, "a finite rating behind `=`"))?;
            let label = Label::from(label);
            if map.get(&label).is_some() {
                return Err(fail(entry, "each label once"));
            }
            map.entries.push((label, rating));
        }
        Ok(map)
    }
}

impl fmt::Display for RatingMap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, (label, rating)) in self.entries.iter().enumerate() {
            let comma = if k == 0 { "" } else { "," };
            write!(formatter, "{comma}{label}={rating}")?;
        }
        Ok(())
    }
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_match_by_value_and_words_by_letter() {
        let map: RatingMap = "-1=0, 0=0.5,1=1,Major = -5".parse().unwrap();
        assert_eq!(map.get(&Label::from("1.0")), Some(1.0));
        assert_eq!(map.get(&Label::from(-1.0)), Some(0.0));
        assert_eq!(map.get(&Label::from("Major")), Some(-5.0));
        assert_eq!(map.get(&Label::from("major")), None);
        assert_eq!(map.get(&Label::from(2.0)), None);
        assert_eq!(map.to_string(), "-1=0,0=0.5,1=1,Major=-5");
    }

    #[test]
    fn a_map_that_says_nothing_or_too_much_is_refused() {
        for text in ["", "1", "=1", "1=", "1=x", "1=inf", "1=0,1.0=1", "1=0,"] {
            let error = text.parse::<RatingMap>().unwrap_err().to_string();
            assert!(error.starts_with("rating map: found `"), "{text}: {error}");
        }
    }
}
