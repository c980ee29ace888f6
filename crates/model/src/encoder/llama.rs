//! Llama 2 and 3. See Grattafiori et al. (2024), <https://arxiv.org/abs/2407.21783>.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config_keys::Treatment::{Only, Used};
use super::config_keys::{self, KnownKeys, keys};
use super::decoder::{DecoderConfig, DecoderFamily, Habits};
use super::hugging_face::PublishedConfig;
use super::sliding::SlidingLayers;
use crate::error::ConfigProblem;

/// Configuration of a Llama decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LlamaConfig(pub DecoderConfig);

#[rustfmt::skip] // one line per kind
const OWN_KEYS: &[KnownKeys] = &[
    keys(Used, &["attention_bias"]),
    keys(Used, &["mlp_bias"]),
    keys(Only("`1`"), &["pretraining_tp"]),
    keys(Only("`null`"), &["sliding_window"]),
    keys(Only("`full_attention` in every layer"), &["layer_types"]),
];

impl DecoderFamily for LlamaConfig {
    const ARCHITECTURE: &'static str = "LlamaForTokenClassification";

    const CONFIG_KEYS: &'static [&'static [KnownKeys]] =
        &[OWN_KEYS, config_keys::DECODER, config_keys::COMMON];

    fn read_published(config: &PublishedConfig) -> Result<DecoderConfig, ConfigProblem> {
        // Matrices split for pre-training, published only for the first Llama.
        config.only("pretraining_tp", 1)?;
        config.only("sliding_window", Value::Null)?;
        SlidingLayers::refuse(config)?;
        let attention_bias = config.flag("attention_bias", false)?;
        let habits = Habits {
            d_head: None,
            num_key_value_heads: None,
            input_bias: attention_bias,
            output_bias: attention_bias,
            feed_forward_bias: config.flag("mlp_bias", false)?,
            head_norms: false,
        };
        DecoderConfig::from_published(config, &habits)
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
