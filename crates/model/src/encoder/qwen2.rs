//! Qwen2 and Qwen2.5. See Yang et al. (2024), <https://arxiv.org/abs/2412.15115>.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checks;
use super::decoder::{Decoder, DecoderConfig, Habits, KEYS};
use super::hugging_face::PublishedConfig;
use super::{EncoderSizes, FamilyConfig, PythonClass};
use crate::error::ConfigProblem;
use crate::weights::KeyTable;

/// Sizes and probabilities of a Qwen2: queries, keys and values have a bias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Qwen2Config(pub DecoderConfig);

impl FamilyConfig for Qwen2Config {
    type Module = Decoder;

    const KEYS: KeyTable = KEYS;
    const CAUSAL: bool = true;

    const PYTHON_CLASS: PythonClass = PythonClass {
        architecture: "Qwen2ForTokenClassification",
        head: "score",
        prediction_head: false,
    };

    fn to_published(&self) -> Value {
        self.0.to_published()
    }

    fn from_published(config: &PublishedConfig) -> Result<Self, ConfigProblem> {
        let habits = Habits {
            d_head: None,
            // A silent configuration means 32, which no small model has.
            num_key_value_heads: Some(config.required("num_key_value_heads", checks::SIZE)?),
            input_bias: true,
            output_bias: false,
            feed_forward_bias: false,
            head_norms: false,
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
