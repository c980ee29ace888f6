//! Qwen3. See Yang et al. (2025), <https://arxiv.org/abs/2505.09388>.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checks;
use super::decoder::{Decoder, DecoderConfig, Habits, KEYS};
use super::hugging_face::PublishedConfig;
use super::{EncoderSizes, FamilyConfig, PythonClass};
use crate::error::ConfigProblem;
use crate::weights::KeyTable;

/// Sizes and probabilities of a Qwen3: every head of query and key is normalised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Qwen3Config(pub DecoderConfig);

impl FamilyConfig for Qwen3Config {
    type Module = Decoder;

    const KEYS: KeyTable = KEYS;
    const CAUSAL: bool = true;

    const PYTHON_CLASS: PythonClass = PythonClass {
        architecture: "Qwen3ForTokenClassification",
        head: "score",
        prediction_head: false,
    };

    fn to_published(&self) -> Value {
        self.0.to_published()
    }

    fn from_published(config: &PublishedConfig) -> Result<Self, ConfigProblem> {
        let bias = config.optional("attention_bias", false, "true or false")?;
        let habits = Habits {
            d_head: Some(128),
            // A silent configuration means 32, which no small model has.
            num_key_value_heads: Some(config.required("num_key_value_heads", checks::SIZE)?),
            input_bias: bias,
            output_bias: bias,
            feed_forward_bias: false,
            head_norms: true,
        };
        let decoder = DecoderConfig::from_published(config, &habits)?;
        Ok(Self(decoder.with_published_window(config)?.checked()?))
    }

    fn check(&self) -> Result<(), ConfigProblem> {
        self.0.check()
    }

    fn sizes(&self) -> EncoderSizes {
        self.0.sizes()
    }

    fn set_dropout(&mut self, hidden: f64, attention: f64) {
        self.0.hidden_dropout = hidden;
        self.0.attention_dropout = attention;
    }

    fn init(&self, device: &Device) -> Decoder {
        self.0.init(device)
    }
}
