//! Qwen3. See Yang et al. (2025), <https://arxiv.org/abs/2505.09388>.

use serde::{Deserialize, Serialize};

use super::config_keys::Treatment::Used;
use super::config_keys::{self, KnownKeys, keys};
use super::decoder::{DecoderConfig, DecoderFamily, Habits, shared_heads};
use super::hugging_face::PublishedConfig;
use crate::error::ConfigProblem;

/// Configuration of a Qwen3 decoder: every query and key head is normalized.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Qwen3Config(pub DecoderConfig);

#[rustfmt::skip] // one line per kind
const OWN_KEYS: &[KnownKeys] = &[
    keys(Used, &["attention_bias"]),
];

impl DecoderFamily for Qwen3Config {
    const ARCHITECTURE: &'static str = "Qwen3ForTokenClassification";

    const CONFIG_KEYS: &'static [&'static [KnownKeys]] = &[
        OWN_KEYS,
        config_keys::QWEN,
        config_keys::DECODER,
        config_keys::COMMON,
    ];

    fn read_published(config: &PublishedConfig) -> Result<DecoderConfig, ConfigProblem> {
        let bias = config.flag("attention_bias", false)?;
        let heads = shared_heads(config)?;
        let habits = Habits {
            d_head: Some(128),
            num_key_value_heads: heads,
            input_bias: bias,
            output_bias: bias,
            feed_forward_bias: false,
            head_norms: true,
        };
        DecoderConfig::from_published(config, &habits)?.with_published_window(config)
    }

    fn from_decoder(decoder: DecoderConfig) -> Self {
        Self(decoder)
    }

    fn decoder(&self) -> &DecoderConfig {
        &self.0
    }

    fn decoder_mut(&mut self) -> &mut DecoderConfig {
        &mut self.0
    }
}
