//! Every `config.json` key that this program or Python's transformers 5 reads, and how it is treated.
//! A family names its tables in [`FamilyConfig::CONFIG_KEYS`](super::FamilyConfig::CONFIG_KEYS). A test checks that
//! docs/encoders.md has the same tables.

mod shared;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

use super::EncoderConfig;
use super::hugging_face::PublishedConfig;
use crate::error::ConfigProblem;

pub(super) use shared::{BERT, BERT_AND_DEBERTA, BIDIRECTIONAL, COMMON, DECODER, QWEN};

/// A `config.json` key that is ignored although it may change results.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigNote {
    /// The key; a dot precedes a key inside an object.
    pub key: String,
    /// Its value, as JSON.
    pub found: String,
    /// Why it is ignored.
    pub reason: String,
}

impl ConfigNote {
    pub(crate) fn new(key: impl Into<String>, found: &Value, reason: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            found: found.to_string(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for ConfigNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`{}` is {}: {}",
            self.key, self.found, self.reason
        )
    }
}

/// How a key is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Read, and applied.
    Used,
    /// All other values are refused.
    Only(&'static str),
    /// Ignored, and reported unless null or false: the reason.
    Reported(&'static str),
    /// Ignored, because it does not change results: the reason.
    Ignored(&'static str),
}

/// Keys with the same treatment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownKeys {
    /// How they are treated.
    pub(crate) treatment: Treatment,
    /// Their names.
    pub(crate) names: &'static [&'static str],
}

/// One line of a table.
pub(super) const fn keys(treatment: Treatment, names: &'static [&'static str]) -> KnownKeys {
    KnownKeys { treatment, names }
}

/// How a family's key is treated; `None` for an unknown key.
fn treatment(family: &str, key: &str) -> Option<Treatment> {
    let tables = EncoderConfig::config_keys(family)?;
    let mut lines = tables.iter().copied().flatten();
    let line = lines.find(|line| line.names.contains(&key));
    line.map(|line| line.treatment)
}

/// Refuses settings that no family supports.
pub(super) fn refuse_for_all(config: &PublishedConfig) -> Result<(), ConfigProblem> {
    for key in ["quantization_config", "compression_config"] {
        config.nothing(
            key,
            "quantized weights are not supported; save them as floats first",
        )?;
    }
    config.nothing("attention_chunk_size", "chunked attention is not supported")?;
    config.nothing(
        "per_layer_config",
        "layers of different sizes are not supported",
    )?;
    config.nothing(
        "pruned_heads",
        "layers with fewer heads than the others are not supported",
    )?;
    config.nothing(
        "fusion_config",
        "replaced parts of a model are not supported",
    )?;
    let other_file = "weights are read from model.safetensors or its shards only";
    config.nothing("transformers_weights", other_file)?;
    config.only("is_encoder_decoder", false)
}

/// The ignored keys of a file that may change results, sorted by key.
pub(super) fn notes(family: &str, config: &PublishedConfig) -> Vec<ConfigNote> {
    let mut notes = Vec::new();
    for (key, value) in config.entries() {
        let reason = match treatment(family, key) {
            None if !value.is_null() => {
                "no encoder of this family reads this key; if it changes the model, the hidden states \
                 here differ"
            }
            Some(Treatment::Reported(reason))
                if !value.is_null() && *value != Value::Bool(false) =>
            {
                reason
            }
            _ => continue,
        };
        notes.push(ConfigNote::new(key, value, reason));
    }
    notes.extend(EncoderConfig::overridden_keys(family, config));
    notes.sort_by(|one, other| one.key.cmp(&other.key));
    notes
}
