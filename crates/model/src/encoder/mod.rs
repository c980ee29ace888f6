//! Encoders: token ids in, one state per token out.
//!
//! A family of encoders is one file with a configuration ([`FamilyConfig`]), a module
//! ([`FamilyModule`]) and a [`KeyTable`], and one line in the registry below.

mod attention;
mod bert;
mod checks;
mod convolution;
mod deberta_v2;
mod decoder;
mod disentangled;
mod feed_forward;
mod gated_feed_forward;
mod hugging_face;
mod llama;
mod modernbert;
mod parts;
mod post_norm;
mod projection;
mod qwen2;
mod qwen3;
mod relative;
mod roberta;
mod rotary;
mod rotary_attention;
mod sliding;

use burn::module::Module;
use burn::tensor::{Bool, Device, Int, Tensor, assert_shape};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::ops::{AttentionMask, TokenLayout};
pub use attention::Attention;
pub use bert::{Bert, BertConfig};
pub use convolution::{Convolution, ConvolutionActivation};
pub use deberta_v2::{DebertaV2, DebertaV2Config};
pub use decoder::{Decoder, DecoderConfig};
pub use feed_forward::{Activation, FeedForward};
pub use gated_feed_forward::GateActivation;
pub use hugging_face::PublishedConfig;
pub use llama::LlamaConfig;
pub use modernbert::{ModernBert, ModernBertConfig};
pub(crate) use parts::{DrawParameters, linear};
pub use post_norm::{PostNormConfig, PostNormLayer};
pub use qwen2::Qwen2Config;
pub use qwen3::Qwen3Config;
pub use relative::RelativeBuckets;
pub use roberta::{Roberta, RobertaConfig};
pub use rotary::{Rotary, RotaryScaling};
pub use sliding::SlidingLayers;

use crate::error::{ConfigProblem, ModelError, Result};
use crate::pooling::Pooling;
use crate::weights::KeyTable;

/// The sizes of an encoder that the outside has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSizes {
    /// Number of token ids.
    pub vocab_size: usize,
    /// Number of token type ids; `None` for an encoder that does not look at them.
    pub num_token_types: Option<usize>,
    /// Longest sequence, in tokens.
    pub max_positions: usize,
    /// Width of a token's state.
    pub d_model: usize,
    /// Number of layers.
    pub num_layers: usize,
    /// Number of heads that attend.
    pub num_heads: usize,
    /// Width inside of the feed-forward blocks.
    pub d_feed_forward: usize,
}

/// The class of Python's transformers that computes values for every token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PythonClass {
    /// Its name.
    pub architecture: &'static str,
    /// The name of its linear head.
    pub head: &'static str,
    /// Whether it has the prediction head of ModernBERT between the encoder and the linear head:
    /// a matrix, an activation and a layer norm.
    pub prediction_head: bool,
}

/// What the configuration of a family of encoders offers.
pub trait FamilyConfig: Sized {
    /// The module it describes.
    type Module: FamilyModule;

    /// Where the tensors of a published model go.
    const KEYS: KeyTable;

    /// Whether a token sees nothing behind itself.
    const CAUSAL: bool = false;

    /// The class of Python's transformers that an export is loaded with.
    const PYTHON_CLASS: PythonClass;

    /// The keys of a `config.json` that [`from_published`](Self::from_published) reads as this
    /// configuration.
    fn to_published(&self) -> Value;

    /// Reads a `config.json` in Hugging Face layout.
    ///
    /// # Errors
    /// If a size is missing or the model asks for something the family does not support.
    fn from_published(config: &PublishedConfig) -> Result<Self, ConfigProblem>;

    /// Tells whether a module can be built.
    ///
    /// # Errors
    /// The first value that makes it impossible.
    fn check(&self) -> Result<(), ConfigProblem>;

    /// The sizes the outside has to know.
    fn sizes(&self) -> EncoderSizes;

    /// Replaces the dropout probabilities on hidden states and on attention probabilities.
    fn set_dropout(&mut self, hidden: f64, attention: f64);

    /// Builds the module with random weights.
    fn init(&self, device: &Device) -> Self::Module;
}

/// What the module of a family of encoders offers.
pub trait FamilyModule {
    /// See [`Encoder::forward`]; of the states only those in the spans of `read` have to be
    /// computed, where there is one.
    fn forward(
        &self,
        token_ids: Tensor<2, Int>,
        type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        read: Option<Tensor<3, Int>>,
    ) -> Tensor<3>;
}

macro_rules! encoder_families {
    ($($model_type:literal => $family:ident($config:ty, $module:ty);)+) => {
        /// The configuration of an encoder of any family.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "model_type")]
        #[non_exhaustive]
        pub enum EncoderConfig {
            $(
                #[doc = concat!("`model_type` `", $model_type, "`.")]
                #[serde(rename = $model_type)]
                $family($config),
            )+
        }

        /// An encoder of any family.
        #[derive(Module, Debug)]
        #[non_exhaustive]
        #[expect(
            clippy::large_enum_variant,
            reason = "there is one of it, with megabytes behind each variant"
        )]
        pub enum Encoder {
            $(
                #[doc = concat!("`model_type` `", $model_type, "`.")]
                $family($module),
            )+
        }

        impl EncoderConfig {
            /// The families this version knows, by `model_type`.
            pub const MODEL_TYPES: &'static [&'static str] = &[$($model_type),+];

            /// Reads a `config.json` in Hugging Face layout; `None` for an unknown `model_type`.
            pub(crate) fn from_published(
                model_type: &str,
                config: &PublishedConfig,
            ) -> Option<Result<Self, ConfigProblem>> {
                match model_type {
                    $($model_type => Some(<$config>::from_published(config).map(Self::$family)),)+
                    _ => None,
                }
            }

            /// Its `model_type`.
            pub fn model_type(&self) -> &'static str {
                match self {
                    $(Self::$family(_) => $model_type,)+
                }
            }

            /// Whether a token sees nothing behind itself, as in decoders: a segment's score then
            /// depends on what is before its end only.
            pub fn is_causal(&self) -> bool {
                match self {
                    $(Self::$family(_) => <$config>::CAUSAL,)+
                }
            }

            /// The class of Python's transformers that an export is loaded with.
            pub fn python_class(&self) -> PythonClass {
                match self {
                    $(Self::$family(_) => <$config>::PYTHON_CLASS,)+
                }
            }

            /// The keys of a `config.json` in Hugging Face layout that describe this encoder.
            pub fn to_published(&self) -> Value {
                let mut keys = match self {
                    $(Self::$family(config) => config.to_published(),)+
                };
                keys["model_type"] = self.model_type().into();
                keys
            }

            /// Where the tensors of a published model go.
            pub(crate) fn keys(&self) -> KeyTable {
                match self {
                    $(Self::$family(_) => <$config>::KEYS,)+
                }
            }

            /// Tells whether an encoder can be built.
            ///
            /// # Errors
            /// [`ModelError::Config`] with the first value that makes it impossible.
            pub fn check(&self) -> Result<()> {
                match self {
                    $(Self::$family(config) => Ok(config.check()?),)+
                }
            }

            /// The sizes the outside has to know.
            pub fn sizes(&self) -> EncoderSizes {
                match self {
                    $(Self::$family(config) => config.sizes(),)+
                }
            }

            /// Replaces the dropout probabilities, each in `[0, 1)`: `hidden` acts on
            /// embeddings and on the output of every block, `attention` on attention
            /// probabilities. Dropout acts on an autodiff device only.
            #[must_use]
            pub fn with_dropout(mut self, hidden: f64, attention: f64) -> Self {
                match &mut self {
                    $(Self::$family(config) => config.set_dropout(hidden, attention),)+
                }
                self
            }

            /// Builds an encoder with random weights.
            ///
            /// # Panics
            /// If [`check`](Self::check) fails.
            pub fn init(&self, device: &Device) -> Encoder {
                match self {
                    $(Self::$family(config) => Encoder::$family(config.init(device)),)+
                }
            }
        }

        impl Encoder {
            /// One state per token. The state of a token depends neither on padding nor on the
            /// other rows of the batch.
            ///
            /// # Shapes
            /// - `token_ids`, `type_ids`, `mask_pad` (true for padding): `[batch_size, seq_length]`
            /// - returns: `[batch_size, seq_length, d_model]`; what stands at padding has no meaning
            ///
            /// # Panics
            /// If the shapes differ, or the sequence has more tokens than the encoder has
            /// positions. Ids beyond the vocabulary are not looked at here: see
            /// [`EncoderConfig::check_sequence`].
            pub fn forward(
                &self,
                token_ids: Tensor<2, Int>,
                type_ids: Tensor<2, Int>,
                mask_pad: Tensor<2, Bool>,
            ) -> Tensor<3> {
                self.states(token_ids, type_ids, mask_pad, None)
            }

            /// The states of the tokens in some spans, as [`forward`](Self::forward) gives them.
            /// The others may be left out, where that saves work.
            ///
            /// # Shapes
            /// - `spans`: `[batch_size, num_spans, 2]`, first token and one past the last
            /// - the others: as in [`forward`](Self::forward); what stands at tokens outside of the
            ///   spans has no meaning, and is finite
            ///
            /// # Panics
            /// As [`forward`](Self::forward).
            pub fn forward_within(
                &self,
                token_ids: Tensor<2, Int>,
                type_ids: Tensor<2, Int>,
                mask_pad: Tensor<2, Bool>,
                spans: Tensor<3, Int>,
            ) -> Tensor<3> {
                let [batch_size, _] = token_ids.dims();
                assert_shape!(spans, [batch_size, _, 2]);
                self.states(token_ids, type_ids, mask_pad, Some(spans))
            }

            fn states(
                &self,
                token_ids: Tensor<2, Int>,
                type_ids: Tensor<2, Int>,
                mask_pad: Tensor<2, Bool>,
                read: Option<Tensor<3, Int>>,
            ) -> Tensor<3> {
                let [batch_size, seq_length] = token_ids.dims();
                assert_shape!(type_ids, [batch_size, seq_length]);
                assert_shape!(mask_pad, [batch_size, seq_length]);
                match self {
                    $(Self::$family(module) => {
                        module.forward(token_ids, type_ids, mask_pad, read)
                    })+
                }
            }
        }
    };
}

encoder_families! {
    "bert" => Bert(BertConfig, Bert);
    "roberta" => Roberta(RobertaConfig, Roberta);
    "xlm-roberta" => XlmRoberta(RobertaConfig, Roberta);
    "deberta-v2" => DebertaV2(DebertaV2Config, DebertaV2);
    "modernbert" => ModernBert(ModernBertConfig, ModernBert);
    "qwen2" => Qwen2(Qwen2Config, Decoder);
    "qwen3" => Qwen3(Qwen3Config, Decoder);
    "llama" => Llama(LlamaConfig, Decoder);
}

/// Panics with the words that [`EncoderConfig::check_sequence`] has as an error.
fn assert_length(seq_length: usize, max_positions: usize) {
    assert!(
        seq_length <= max_positions,
        "sequence of {seq_length} tokens, the encoder has {max_positions} positions"
    );
}

impl EncoderConfig {
    /// The pooling that fits where nothing else is asked for: the last token of a decoder, which
    /// alone has seen the whole segment, and the mean of what sees both sides.
    pub fn default_pooling(&self) -> Pooling {
        if self.is_causal() {
            Pooling::Last
        } else {
            Pooling::Mean
        }
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

    /// Tells whether sequences fit the encoder. Checked once, where text and model meet: with
    /// the maximum length, and the greatest ids the tokenizer can give.
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
        let Value::Object(keys) = keys else {
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
