//! The setting `stack`.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Whether the end of a training run weighs the model and a trivial baseline together: `auto` or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StackOption {
    /// By aspect, with the likeliest weights after the ratings of the validation split, where a model does not get nearly all
    /// of it; for the loss `mse` only, and never for a model that is trained beside a baseline, or for a decoder, whose score
    /// of a segment knows nothing behind it.
    #[default]
    Auto,
    /// Never: scores are those of the model alone.
    None,
}

/// A text that is no [`StackOption`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found `{found}`, expected `auto` or `none`")]
pub struct UnknownStackOption {
    /// The text.
    pub found: String,
}

impl FromStr for StackOption {
    type Err = UnknownStackOption;

    fn from_str(text: &str) -> Result<Self, UnknownStackOption> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            _ => Err(UnknownStackOption { found: text.into() }),
        }
    }
}
