//! Traits of an encoder family.

use burn::tensor::Device;
use serde_json::Value;

use super::{ConfigNote, EncoderSizes, KnownKeys, PublishedConfig, TokenEncoder};
use crate::error::ConfigProblem;
use crate::weights::KeyTable;

/// A token-classification class of Python's transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PythonClass {
    /// Name of the class.
    pub architecture: &'static str,
    /// Name of its linear head.
    pub head: &'static str,
    /// Whether it has ModernBERT's prediction head (matrix, activation, layer norm) before the
    /// linear head.
    pub prediction_head: bool,
}

/// What a layer is made of, for [estimates of memory](crate::RewardModelConfig::memory).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LayerBlocks {
    /// Fused attention and feed-forward blocks.
    Plain,
    /// The same with a gate in the feed-forward block.
    Gated,
    /// The same as plain with relative positions in the scores.
    Disentangled,
    /// Compositions of Burn's operations.
    Composed,
}

/// Configuration of an encoder family. Families are part of this crate; an encoder of another program is a
/// [`NamedEncoder`](super::NamedEncoder).
pub(crate) trait FamilyConfig: Sized {
    /// The family's module.
    type Module: TokenEncoder;

    /// Mapping of published tensor names.
    const KEYS: KeyTable;

    /// The class of Python's transformers that loads an export.
    const PYTHON_CLASS: PythonClass;

    /// What its layers are made of.
    const BLOCKS: LayerBlocks;

    /// Whether its module gives the [states of every layer](TokenEncoder::layer_states). Default: no.
    const HAS_LAYER_STATES: bool = false;

    /// Names that differ in a `config.json`, except sizes: pairs of our name and the file's.
    const PUBLISHED_NAMES: &'static [(&'static str, &'static str)];

    /// The keys of a `config.json` and their treatment. If a key is in several tables, the first applies.
    const CONFIG_KEYS: &'static [&'static [KnownKeys]];

    /// Reports keys that another key of the same file overrides. Default: none.
    fn overridden_keys(_config: &PublishedConfig) -> Vec<ConfigNote> {
        Vec::new()
    }

    /// Whether no token attends to later tokens. Default: false.
    fn is_causal(&self) -> bool {
        false
    }

    /// The inverse of [`from_published`](Self::from_published): the `config.json` keys of this
    /// configuration. Sizes may be omitted.
    fn to_published(&self) -> Value;

    /// Reads a `config.json` in Hugging Face layout. [`check`](Self::check) validates the values
    /// afterwards.
    ///
    /// # Errors
    /// If a size is missing or a setting is not supported.
    fn read_published(config: &PublishedConfig) -> Result<Self, ConfigProblem>;

    /// Reads a `config.json` in Hugging Face layout and validates it.
    ///
    /// # Errors
    /// Those of [`read_published`](Self::read_published) and [`check`](Self::check), with the
    /// file's key names.
    fn from_published(config: &PublishedConfig) -> Result<Self, ConfigProblem> {
        let read = Self::read_published(config)?;
        match read.check() {
            Ok(()) => Ok(read),
            Err(problem) => Err(problem
                .renamed(EncoderSizes::PUBLISHED_NAMES)
                .renamed(Self::PUBLISHED_NAMES)),
        }
    }

    /// Validates the configuration.
    ///
    /// # Errors
    /// The first invalid value.
    fn check(&self) -> Result<(), ConfigProblem>;

    /// The common sizes.
    fn sizes(&self) -> EncoderSizes;

    /// Replaces the dropout probabilities of hidden states and attention.
    fn set_dropout(&mut self, hidden: f64, attention: f64);

    /// Builds the module with random weights.
    fn init(&self, device: &Device) -> Self::Module;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::encoder::{EncoderConfig, Treatment};

    fn problem(family: &str, key: &str, value: Value) -> String {
        let mut keys = json!({
            "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
            "num_key_value_heads": 1, "intermediate_size": 8, "max_position_embeddings": 16,
            "relative_attention": true,
        });
        keys[key] = value;
        let Value::Object(keys) = keys else {
            unreachable!()
        };
        let config = EncoderConfig::from_published(family, &PublishedConfig::new(keys)).unwrap();
        config.unwrap_err().to_string()
    }

    #[test]
    fn a_problem_of_any_family_is_told_in_the_words_of_its_file() {
        for family in EncoderConfig::MODEL_TYPES {
            assert_eq!(
                problem(family, "num_hidden_layers", json!(0)),
                "`num_hidden_layers` is 0, expected a whole number above 0",
                "{family}"
            );
            let reads = |key: &&str| {
                let tables = EncoderConfig::config_keys(family).unwrap();
                let mut lines = tables.iter().copied().flatten();
                lines.any(|line| line.treatment == Treatment::Used && line.names.contains(key))
            };
            let first = |keys: [&'static str; 3]| keys.into_iter().find(reads).unwrap();
            let dropout = first([
                "hidden_dropout_prob",
                "embedding_dropout",
                "attention_dropout",
            ]);
            let epsilon = first(["layer_norm_eps", "norm_eps", "rms_norm_eps"]);
            assert_eq!(
                problem(family, dropout, json!(1.5)),
                format!("`{dropout}` is 1.5, expected a probability in [0, 1)")
            );
            assert_eq!(
                problem(family, epsilon, json!(0.0)),
                format!("`{epsilon}` is 0, expected a number above 0")
            );
        }
    }
}
