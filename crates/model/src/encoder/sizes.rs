//! The sizes of an encoder, common to all families.

use serde_json::{Value, json};

use super::checks;
use crate::error::ConfigProblem;

/// The sizes of an encoder, common to all families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncoderSizes {
    /// Number of token ids.
    pub vocab_size: usize,
    /// Number of token type ids; `None` for an encoder without token types.
    pub num_token_types: Option<usize>,
    /// Longest sequence, in tokens.
    pub max_positions: usize,
    /// Width of a token's state.
    pub d_model: usize,
    /// Number of layers.
    pub num_layers: usize,
    /// Number of attention heads.
    pub num_heads: usize,
    /// Inner width of the feed-forward blocks.
    pub d_feed_forward: usize,
}

impl EncoderSizes {
    /// Their names in a `config.json`, if different: pairs of our name and the file's.
    pub(super) const PUBLISHED_NAMES: &'static [(&'static str, &'static str)] = &[
        ("d_model", "hidden_size"),
        ("num_layers", "num_hidden_layers"),
        ("num_heads", "num_attention_heads"),
        ("d_feed_forward", "intermediate_size"),
        ("max_positions", "max_position_embeddings"),
    ];

    /// Validates the sizes. Families check token types.
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        checks::sizes(&[
            ("vocab_size", self.vocab_size),
            ("d_model", self.d_model),
            ("num_heads", self.num_heads),
            ("d_feed_forward", self.d_feed_forward),
            ("max_positions", self.max_positions),
        ])?;
        checks::layers("num_layers", self.num_layers)?;
        let types = self.num_token_types.unwrap_or(1);
        checks::at_most("num_token_types", types, checks::MAX_SIZE)
    }

    /// The `config.json` keys with the same name in all families.
    pub(super) fn to_published(self) -> Value {
        json!({
            "vocab_size": self.vocab_size,
            "hidden_size": self.d_model,
            "num_hidden_layers": self.num_layers,
            "num_attention_heads": self.num_heads,
            "intermediate_size": self.d_feed_forward,
            "max_position_embeddings": self.max_positions,
        })
    }
}
