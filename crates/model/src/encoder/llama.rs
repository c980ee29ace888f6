//! Llama 2 and 3. See Grattafiori et al. (2024), <https://arxiv.org/abs/2407.21783>.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::decoder::{Decoder, DecoderConfig, Habits, KEYS};
use super::hugging_face::PublishedConfig;
use super::{EncoderSizes, FamilyConfig, PythonClass};
use crate::error::ConfigProblem;
use crate::weights::KeyTable;

/// Sizes and probabilities of a Llama.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LlamaConfig(pub DecoderConfig);

impl FamilyConfig for LlamaConfig {
    type Module = Decoder;

    const KEYS: KeyTable = KEYS;
    const CAUSAL: bool = true;

    const PYTHON_CLASS: PythonClass = PythonClass {
        architecture: "LlamaForTokenClassification",
        head: "score",
        prediction_head: false,
    };

    fn to_published(&self) -> Value {
        self.0.to_published()
    }

    fn from_published(config: &PublishedConfig) -> Result<Self, ConfigProblem> {
        // Parts of matrices computed apart, as only the first Llama was published.
        config.only("pretraining_tp", 1)?;
        config.only("sliding_window", Value::Null)?;
        let flag = |key| config.optional(key, false, "true or false");
        let attention_bias = flag("attention_bias")?;
        let habits = Habits {
            d_head: None,
            num_key_value_heads: None,
            input_bias: attention_bias,
            output_bias: attention_bias,
            feed_forward_bias: flag("mlp_bias")?,
            head_norms: false,
        };
        Ok(Self(
            DecoderConfig::from_published(config, &habits)?.checked()?,
        ))
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
