//! The part of the encoder that is not learned.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Result, TrainError};

/// The part of the encoder that is not learned. No gradient is computed for it, no dropout acts in
/// it, and its weights stay bit for bit what they were.
///
/// As text: `none`, `embeddings`, `layers:N`, `encoder`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Freeze {
    /// All is learned, the default.
    #[default]
    Nothing,
    /// The embeddings.
    Embeddings,
    /// The embeddings and this many layers above them, at least 1.
    Layers(usize),
    /// The whole encoder: what is learned is the head, and the query of attention pooling.
    Encoder,
}

impl fmt::Display for Freeze {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => formatter.write_str("none"),
            Self::Embeddings => formatter.write_str("embeddings"),
            Self::Layers(count) => write!(formatter, "layers:{count}"),
            Self::Encoder => formatter.write_str("encoder"),
        }
    }
}

impl FromStr for Freeze {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self> {
        let freeze = match text.split_once(':') {
            None if text == "none" => Some(Self::Nothing),
            None if text == "embeddings" => Some(Self::Embeddings),
            None if text == "encoder" => Some(Self::Encoder),
            Some(("layers", count)) => {
                let count = count.parse().ok().filter(|&count: &usize| count > 0);
                count.map(Self::Layers)
            }
            _ => None,
        };
        freeze.ok_or_else(|| TrainError::Setting {
            name: "freeze",
            found: format!("`{text}`"),
            expected: "`none`, `embeddings`, `layers:N` with N above 0, or `encoder`",
        })
    }
}

impl TryFrom<String> for Freeze {
    type Error = TrainError;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Freeze> for String {
    fn from(freeze: Freeze) -> Self {
        freeze.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_and_read_as_text() {
        for text in ["none", "embeddings", "layers:3", "encoder"] {
            assert_eq!(text.parse::<Freeze>().unwrap().to_string(), text);
        }
        for text in ["layers", "layers:0", "layers:x", "head", ""] {
            assert!(text.parse::<Freeze>().is_err(), "{text}");
        }
    }
}
