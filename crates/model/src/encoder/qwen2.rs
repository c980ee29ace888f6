//! Qwen2 and Qwen2.5. See Yang et al. (2024), <https://arxiv.org/abs/2412.15115>.

use serde::{Deserialize, Serialize};

use super::config_keys::{self, KnownKeys};
use super::decoder::{DecoderConfig, DecoderFamily, Habits, shared_heads};
use super::hugging_face::PublishedConfig;
use crate::error::ConfigProblem;

/// Configuration of a Qwen2 decoder: queries, keys and values have a bias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Qwen2Config(pub DecoderConfig);

impl DecoderFamily for Qwen2Config {
    const ARCHITECTURE: &'static str = "Qwen2ForTokenClassification";

    const CONFIG_KEYS: &'static [&'static [KnownKeys]] =
        &[config_keys::QWEN, config_keys::DECODER, config_keys::COMMON];

    fn read_published(config: &PublishedConfig) -> Result<DecoderConfig, ConfigProblem> {
        let heads = shared_heads(config)?;
        let habits = Habits {
            d_head: None,
            num_key_value_heads: heads,
            input_bias: true,
            output_bias: false,
            feed_forward_bias: false,
            head_norms: false,
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
