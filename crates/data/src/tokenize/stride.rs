//! The step of the windows over long responses, as a setting.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{DataError, Result, TextConfig, TruncationPolicy};

/// How a response that is longer than the model is read: in overlapping windows, or cut at its end.
///
/// As text and in files `auto`, `none`, or a number of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Stride {
    /// In training: [`Stride::default_of`]; in scoring: as the model was trained.
    #[default]
    Auto,
    /// Cut at its end.
    Cut,
    /// In windows that begin at multiples of this many tokens.
    Tokens(NonZeroUsize),
}

impl Stride {
    /// The step of training where none is set, of sequences of at most `max_length` tokens: a quarter of them, so that
    /// every segment of up to half the length fits into a window.
    pub fn default_of(max_length: usize) -> usize {
        (max_length / 4).max(1)
    }

    /// The step of a new model with these settings, by [`Stride::default_of`] where none is set. `None`: responses are cut.
    ///
    /// Without a stride of their own, texts that must not be truncated stay refused. A model that learns from the ratings
    /// of whole responses needs all segments of a response in one sequence: `whole`.
    pub fn of_new(
        self,
        max_length: usize,
        truncation: TruncationPolicy,
        whole: bool,
    ) -> Option<usize> {
        match self {
            Self::Auto if whole || truncation == TruncationPolicy::Error => None,
            Self::Auto => Some(Self::default_of(max_length)),
            other => other.of_trained(None),
        }
    }

    /// The step of scoring with a model that was trained with the step `trained`.
    pub fn of_trained(self, trained: Option<usize>) -> Option<usize> {
        match self {
            Self::Auto => trained,
            Self::Cut => None,
            Self::Tokens(step) => Some(step.get()),
        }
    }

    /// Whether nothing is set, which is not written.
    pub fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// The step that a model was trained with, as a choice.
impl From<&TextConfig> for Stride {
    fn from(config: &TextConfig) -> Self {
        config
            .stride
            .and_then(NonZeroUsize::new)
            .map_or(Self::Cut, Self::Tokens)
    }
}

impl fmt::Display for Stride {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.pad("auto"),
            Self::Cut => formatter.pad("none"),
            Self::Tokens(step) => formatter.pad(&step.to_string()),
        }
    }
}

impl FromStr for Stride {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::Cut),
            _ => text
                .parse()
                .map(Self::Tokens)
                .map_err(|_| DataError::Stride {
                    found: text.to_owned(),
                }),
        }
    }
}

impl Serialize for Stride {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Tokens(step) => step.serialize(serializer),
            word => serializer.collect_str(word),
        }
    }
}

impl<'de> Deserialize<'de> for Stride {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Setting {
            Number(i64),
            Word(String),
        }
        let text = match Setting::deserialize(deserializer)? {
            Setting::Number(number) => number.to_string(),
            Setting::Word(word) => word,
        };
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(step: usize) -> Stride {
        Stride::Tokens(NonZeroUsize::new(step).unwrap())
    }

    #[test]
    fn a_stride_reads_what_it_writes() {
        for (stride, text, json) in [
            (Stride::Auto, "auto", "\"auto\""),
            (Stride::Cut, "none", "\"none\""),
            (tokens(64), "64", "64"),
        ] {
            assert_eq!(stride.to_string(), text);
            assert_eq!(text.parse::<Stride>().unwrap(), stride);
            assert_eq!(serde_json::to_string(&stride).unwrap(), json);
            assert_eq!(serde_json::from_str::<Stride>(json).unwrap(), stride);
        }
        for (text, json) in [("0", "0"), ("-1", "-1"), ("all", "\"all\"")] {
            let expected = format!(
                "stride: found `{text}`, expected a whole number of tokens, 1 or more, `none` or `auto`"
            );
            assert_eq!(text.parse::<Stride>().unwrap_err().to_string(), expected);
            let error = serde_json::from_str::<Stride>(json).unwrap_err();
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn what_is_not_set_depends_on_the_texts_in_training_and_on_training_in_scoring() {
        use TruncationPolicy::{Error, Shorten};

        assert_eq!(Stride::Auto.of_new(256, Shorten, false), Some(64));
        assert_eq!(Stride::Auto.of_new(3, Shorten, false), Some(1));
        assert_eq!(Stride::Auto.of_new(256, Error, false), None);
        assert_eq!(Stride::Auto.of_new(256, Shorten, true), None);
        assert_eq!(Stride::Cut.of_new(256, Shorten, false), None);
        assert_eq!(tokens(9).of_new(256, Error, false), Some(9));
        assert_eq!(Stride::Auto.of_trained(Some(7)), Some(7));
        assert_eq!(Stride::Cut.of_trained(Some(7)), None);
        assert_eq!(tokens(9).of_trained(None), Some(9));
    }
}
