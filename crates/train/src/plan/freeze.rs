//! The frozen part of the encoder.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Result, TrainError};

/// The frozen part of the encoder. It gets no gradients, and its weights stay the same to the bit.
///
/// Dropout is off if the whole encoder is frozen, also during [`freeze_epochs`](super::TrainConfig::freeze_epochs).
/// In frozen embeddings and layers it stays on: the blocks of the encoders in this project draw it on every
/// training device. A Burn `Dropout` module in a frozen part of another program's encoder is off.
///
/// As text: `none`, `embeddings`, `layers:N`, `encoder`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Freeze {
    /// Nothing is frozen. The default.
    #[default]
    Nothing,
    /// The embeddings.
    Embeddings,
    /// The embeddings and this number of layers above them. At least 1.
    Layers(usize),
    /// The whole encoder. Only the head and the query of attention pooling are trained.
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
