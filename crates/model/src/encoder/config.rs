//! Properties of [`EncoderConfig`] common to all families.

use super::config_keys::{self, ConfigNote};
use super::{EncoderConfig, PublishedConfig};
use crate::error::{ModelError, Result};
use crate::pooling::Pooling;

impl EncoderConfig {
    /// Default pooling: the last token for decoders, which alone has seen the whole segment;
    /// otherwise the mean.
    pub fn default_pooling(&self) -> Pooling {
        if self.is_causal() {
            Pooling::Last
        } else {
            Pooling::Mean
        }
    }

    /// The ignored `config.json` keys that may change results.
    pub(crate) fn published_notes(family: &str, config: &PublishedConfig) -> Vec<ConfigNote> {
        config_keys::notes(family, config)
    }

    /// Width of a token's state.
    pub fn d_model(&self) -> usize {
        self.sizes().d_model
    }

    /// Number of token ids; every id must be smaller.
    pub fn vocab_size(&self) -> usize {
        self.sizes().vocab_size
    }

    /// Longest sequence, in tokens.
    pub fn max_positions(&self) -> usize {
        self.sizes().max_positions
    }

    /// Checks once that all sequences fit the encoder, given the maximum length and the greatest
    /// ids of the tokenizer.
    ///
    /// # Errors
    /// [`ModelError::SequenceTooLong`] or [`ModelError::IdOutOfRange`].
    pub fn check_sequence(
        &self,
        seq_length: usize,
        max_token_id: u32,
        max_type_id: u32,
    ) -> Result<()> {
        let sizes = self.sizes();
        if seq_length > sizes.max_positions {
            return Err(ModelError::SequenceTooLong {
                found: seq_length,
                expected: sizes.max_positions,
            });
        }
        for (kind, found, expected) in [
            ("token", max_token_id, Some(sizes.vocab_size)),
            ("type", max_type_id, sizes.num_token_types),
        ] {
            let Some(expected) = expected else {
                continue;
            };
            if found as usize >= expected {
                return Err(ModelError::IdOutOfRange {
                    kind,
                    found,
                    expected,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{BertConfig, PublishedConfig};

    fn config() -> EncoderConfig {
        EncoderConfig::Bert(BertConfig {
            max_positions: 16,
            ..BertConfig::small(100)
        })
    }

    #[test]
    fn a_sequence_as_long_as_the_table_of_positions_fits() {
        config().check_sequence(16, 99, 1).unwrap();
    }

    #[test]
    fn a_longer_sequence_is_refused() {
        let error = config().check_sequence(17, 99, 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sequence of 17 tokens, the encoder has 16 positions"
        );
        assert_eq!(
            error.hint().unwrap(),
            "set the maximum length to 16 or less"
        );
    }

    #[test]
    fn ids_beyond_the_tables_are_refused() {
        let error = config().check_sequence(16, 100, 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "token id 100, the encoder has 100 token embeddings"
        );
        let error = config().check_sequence(16, 0, 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "type id 2, the encoder has 2 type embeddings"
        );
    }

    #[test]
    fn a_configuration_survives_json() {
        let json = serde_json::to_string(&config()).unwrap();
        assert!(
            json.starts_with(r#"{"model_type":"bert","vocab_size":100,"#),
            "{json}"
        );
        assert_eq!(
            serde_json::from_str::<EncoderConfig>(&json).unwrap(),
            config()
        );
    }

    #[test]
    fn ids_of_types_do_not_matter_to_an_encoder_that_does_not_look_at_them() {
        let keys = serde_json::json!({
            "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 8, "max_position_embeddings": 16,
        });
        let serde_json::Value::Object(keys) = keys else {
            unreachable!()
        };
        let config = EncoderConfig::from_published("llama", &PublishedConfig::new(keys));
        let config = config.unwrap().unwrap();
        config.check_sequence(16, 99, 1).unwrap();
        assert_eq!(config.default_pooling(), Pooling::Last);
        assert!(config.check_sequence(16, 100, 0).is_err());
    }

    #[test]
    fn an_unknown_key_of_a_saved_configuration_is_refused() {
        let json = serde_json::to_string(&config())
            .unwrap()
            .replace("num_layers", "num_layer");
        let error = serde_json::from_str::<EncoderConfig>(&json).unwrap_err();
        assert!(error.to_string().contains("num_layer"), "{error}");
    }
}
