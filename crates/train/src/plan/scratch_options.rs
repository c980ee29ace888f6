//! Settings of an encoder from scratch.

use gradus_parts::OwnPart;
use serde::{Deserialize, Serialize};

use crate::{Result, TrainError};

/// A small encoder from scratch, with a word-level vocabulary of the training texts: the
/// `[scratch]` table of a run configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScratchOptions {
    /// Width of the hidden states, a multiple of `num_heads`. Default 64.
    pub d_model: usize,
    /// Transformer layers. Default 2.
    pub num_layers: usize,
    /// Attention heads. Default 4.
    pub num_heads: usize,
    /// Width of the feed-forward layers. Default 128.
    pub d_ff: usize,
    /// Standard deviation of the initial weights. Above 0, default 0.02.
    pub initializer_range: f64,
    /// Whether keys start equal to queries, so that attention starts as similarity; see
    /// [`BertConfig::keys_start_as_queries`](gradus_model::encoder::BertConfig::keys_start_as_queries).
    /// Default true.
    pub keys_start_as_queries: bool,
    /// Kind of the tokens. Default: words.
    #[serde(skip_serializing_if = "ScratchTokens::is_words")]
    pub tokens: ScratchTokens,
    /// A [`NamedEncoder`](gradus_model::NamedEncoder) of another program, instead of the encoder with the sizes
    /// above. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<OwnPart>,
}

/// The kind of tokens of an encoder from scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ScratchTokens {
    /// The words of the training texts.
    #[default]
    Words,
    /// The UTF-8 bytes of a text.
    Bytes,
}

impl ScratchTokens {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_words(&self) -> bool {
        *self == Self::Words
    }
}

impl ScratchOptions {
    /// Refuses sizes together with an encoder that has its own settings.
    pub(crate) fn check(&self) -> Result<()> {
        let Some(encoder) = &self.encoder else {
            return Ok(());
        };
        let plain = Self {
            encoder: Some(encoder.clone()),
            tokens: self.tokens,
            ..Self::default()
        };
        if *self == plain {
            return Ok(());
        }
        Err(TrainError::Setting {
            name: "scratch",
            found: format!("sizes together with the encoder `{}`", encoder.kind),
            expected: "settings in the table of that encoder",
        })
    }
}

impl Default for ScratchOptions {
    fn default() -> Self {
        Self {
            d_model: 64,
            num_layers: 2,
            num_heads: 4,
            d_ff: 128,
            initializer_range: 0.02,
            keys_start_as_queries: true,
            tokens: ScratchTokens::default(),
            encoder: None,
        }
    }
}
