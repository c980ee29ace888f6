use std::fmt;
use std::str::FromStr;

use crate::{DataError, Result};

/// How marked errors become the rating of a segment.
///
/// Outside every mark a text is worth 1, inside one what the rating map gives to its type, else 0.
/// As text ([`FromStr`], [`Display`](fmt::Display)): `any`, `any:N`, `share`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MarkRule {
    /// A segment is worth what the lowest of its marks is, however short that is: a wrong number makes
    /// a wrong sentence. This is how the authors of RAGTruth and `FineGrainedRLHF` judge sentences.
    Any {
        /// Characters of a mark, white space left out, that have to lie in the segment for the mark to
        /// count; a shorter mark has to lie in it whole. 1 or more.
        least: usize,
    },
    /// The mean worth of a segment's characters, white space left out: 1 less the share that is
    /// marked, where marks are worth 0. Tells a long segment with a slip from one that is wrong
    /// throughout, and rates the former near 1.
    Share,
}

impl MarkRule {
    /// What to say about data that was read by this rule.
    pub(super) fn note(self) -> String {
        match self {
            Self::Any { least } => format!(
                "a segment with {least} or more marked characters, or a whole mark, is rated as its lowest mark; \
                 the mark rule `share` rates it by the share that is not marked"
            ),
            Self::Share => {
                "segments are rated by the share of their characters that is not marked; \
                 the mark rule `any` rates one with any mark as that mark"
                    .to_owned()
            }
        }
    }
}

impl Default for MarkRule {
    fn default() -> Self {
        Self::Any { least: 1 }
    }
}

impl fmt::Display for MarkRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any { least: 1 } => formatter.write_str("any"),
            Self::Any { least } => write!(formatter, "any:{least}"),
            Self::Share => formatter.write_str("share"),
        }
    }
}

impl FromStr for MarkRule {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        let rule = match text.split_once(':') {
            None if text == "any" => Some(Self::default()),
            None if text == "share" => Some(Self::Share),
            Some(("any", least)) => least
                .parse()
                .ok()
                .filter(|&least| least > 0)
                .map(|least| Self::Any { least }),
            _ => None,
        };
        rule.ok_or_else(|| DataError::InvalidMarkRule {
            found: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_read_what_they_write() {
        for text in ["any", "any:3", "share"] {
            assert_eq!(text.parse::<MarkRule>().unwrap().to_string(), text);
        }
        for text in ["", "all", "any:0", "any:x", "share:1", "Any"] {
            let message = text.parse::<MarkRule>().unwrap_err().to_string();
            assert!(message.contains("expected any, any:N"), "{message}");
        }
    }
}
