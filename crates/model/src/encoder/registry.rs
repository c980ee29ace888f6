//! The supported families: [`EncoderConfig`] and [`Encoder`] dispatch to one of them.

use burn::module::Module;
use burn::tensor::{Bool, Device, GradientCheckpointingStrategy, Int, Tensor, assert_shape};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::config_keys::refuse_for_all;
use super::{
    ConfigNote, EncoderSizes, FamilyConfig, KnownKeys, LayerBlocks, OwnEncoder, OwnEncoderConfig,
    PublishedConfig, PythonClass, TokenEncoder,
};
use crate::error::{ConfigProblem, Result};
use crate::weights::KeyTable;

macro_rules! encoder_families {
    ($($model_type:literal => $family:ident($config:ident, $module:ident);)+) => {
        /// The configuration of an encoder of any family.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(remote = "Self", tag = "model_type")]
        #[non_exhaustive]
        pub enum EncoderConfig {
            $(
                #[doc = concat!("`model_type` `", $model_type, "`.")]
                #[serde(rename = $model_type)]
                $family(super::$config),
            )+
            /// A [`NamedEncoder`](super::NamedEncoder) of another program.
            #[serde(skip)]
            Own(OwnEncoderConfig),
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
                $family(super::$module),
            )+
            /// An encoder of another program.
            Own(OwnEncoder),
        }

        impl EncoderConfig {
            /// The supported families, by `model_type`.
            pub const MODEL_TYPES: &'static [&'static str] = &[$($model_type),+];

            /// Reads a `config.json` in Hugging Face layout; `None` for an unknown `model_type`.
            pub(crate) fn from_published(
                model_type: &str,
                config: &PublishedConfig,
            ) -> Option<Result<Self, ConfigProblem>> {
                match model_type {
                    $($model_type => Some(
                        refuse_for_all(config)
                            .and_then(|()| super::$config::from_published(config))
                            .map(Self::$family)
                    ),)+
                    _ => None,
                }
            }

            /// Its `model_type`; the name of one of another program.
            pub fn model_type(&self) -> &str {
                match self {
                    $(Self::$family(_) => $model_type,)+
                    Self::Own(config) => config.kind(),
                }
            }

            /// Whether no token attends to later tokens, as in decoders: a segment's score then
            /// depends only on text up to its end.
            pub fn is_causal(&self) -> bool {
                match self {
                    $(Self::$family(config) => config.is_causal(),)+
                    Self::Own(config) => config.is_causal(),
                }
            }

            /// The class of Python's transformers that loads an export; a nameless one for an encoder of
            /// another program, which no class loads.
            pub fn python_class(&self) -> PythonClass {
                match self {
                    $(Self::$family(_) => super::$config::PYTHON_CLASS,)+
                    Self::Own(_) => PythonClass {
                        architecture: "",
                        head: "",
                        prediction_head: false,
                    },
                }
            }

            /// What its layers are made of.
            pub(crate) fn blocks(&self) -> LayerBlocks {
                match self {
                    $(Self::$family(_) => super::$config::BLOCKS,)+
                    Self::Own(_) => LayerBlocks::Composed,
                }
            }

            /// Whether its module gives the states of every layer, for a [`ScalarMix`](crate::ScalarMix).
            pub fn has_layer_states(&self) -> bool {
                match self {
                    $(Self::$family(_) => super::$config::HAS_LAYER_STATES,)+
                    Self::Own(_) => false,
                }
            }

            /// The keys of a `config.json` in Hugging Face layout that describe this encoder.
            pub fn to_published(&self) -> Value {
                let own = match self {
                    $(Self::$family(config) => config.to_published(),)+
                    Self::Own(_) => Value::Null,
                };
                let mut keys = self.sizes().to_published();
                for (key, value) in own.as_object().into_iter().flatten() {
                    keys[key] = value.clone();
                }
                keys["model_type"] = self.model_type().into();
                keys
            }

            /// The keys of a `config.json` of a family and their treatment; `None` for an unknown
            /// `model_type`.
            pub(crate) fn config_keys(
                model_type: &str,
            ) -> Option<&'static [&'static [KnownKeys]]> {
                match model_type {
                    $($model_type => Some(super::$config::CONFIG_KEYS),)+
                    _ => None,
                }
            }

            /// Reports keys of a `config.json` that another key of the file overrides.
            pub(crate) fn overridden_keys(
                model_type: &str,
                config: &PublishedConfig,
            ) -> Vec<ConfigNote> {
                match model_type {
                    $($model_type => super::$config::overridden_keys(config),)+
                    _ => Vec::new(),
                }
            }

            /// Mapping of published tensor names.
            pub(crate) fn keys(&self) -> KeyTable {
                match self {
                    $(Self::$family(_) => super::$config::KEYS,)+
                    Self::Own(_) => KeyTable {
                        prefix: "",
                        modules: &[],
                        split: &[],
                        left: &[],
                    },
                }
            }

            /// Validates the configuration.
            ///
            /// # Errors
            /// [`ModelError::Config`](crate::ModelError::Config) with the first invalid value.
            pub fn check(&self) -> Result<()> {
                match self {
                    $(Self::$family(config) => Ok(config.check()?),)+
                    Self::Own(config) => Ok(config.check()?),
                }
            }

            /// The common sizes.
            pub fn sizes(&self) -> EncoderSizes {
                match self {
                    $(Self::$family(config) => config.sizes(),)+
                    Self::Own(config) => config.sizes(),
                }
            }

            /// Replaces the dropout probabilities, each in `[0, 1)`: `hidden` on embeddings and
            /// the output of every block, `attention` on attention probabilities. Dropout is
            /// applied on an autodiff device only.
            #[must_use]
            pub fn with_dropout(mut self, hidden: f64, attention: f64) -> Self {
                match &mut self {
                    $(Self::$family(config) => config.set_dropout(hidden, attention),)+
                    Self::Own(config) => config.set_dropout(hidden, attention),
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
                    Self::Own(config) => config.init(device),
                }
            }
        }

        impl Encoder {
            /// Computes one state per token. A token's state depends neither on padding nor on
            /// the other rows of the batch.
            ///
            /// # Shapes
            /// - `token_ids`, `type_ids`, `mask_pad` (true for padding): `[batch_size, seq_length]`
            /// - returns: `[batch_size, seq_length, d_model]`; states at padding are meaningless
            ///
            /// # Panics
            /// If the shapes differ, or the sequence has more tokens than the encoder has
            /// positions. Ids are not checked against the vocabulary here: see
            /// [`EncoderConfig::check_sequence`].
            pub fn forward(
                &self,
                token_ids: Tensor<2, Int>,
                type_ids: Tensor<2, Int>,
                mask_pad: Tensor<2, Bool>,
            ) -> Tensor<3> {
                self.states(token_ids, type_ids, mask_pad, None)
            }

            /// Computes the states of the tokens in `spans`, as [`forward`](Self::forward) does,
            /// and may skip others.
            ///
            /// # Shapes
            /// - `spans`: `[batch_size, num_spans, 2]`, first token and one past the last
            /// - others: as in [`forward`](Self::forward); states outside the spans are meaningless
            ///   but finite
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

            /// On an autodiff device, the states as they are in inference: without dropout, and without
            /// a graph to send gradients through. `spans` as in
            /// [`forward_within`](Self::forward_within); `None` for all.
            ///
            /// # Shapes
            /// As [`forward_within`](Self::forward_within).
            ///
            /// # Panics
            /// As [`forward`](Self::forward).
            pub fn states_in_inference(
                &self,
                token_ids: Tensor<2, Int>,
                type_ids: Tensor<2, Int>,
                mask_pad: Tensor<2, Bool>,
                spans: Option<Tensor<3, Int>>,
            ) -> Tensor<3> {
                let strategy = token_ids.gradient_checkpointing_strategy();
                let states = self.valid().states(
                    token_ids.without_autodiff(),
                    type_ids.without_autodiff(),
                    mask_pad.without_autodiff(),
                    spans.map(Tensor::without_autodiff),
                );
                with_autodiff(states, strategy)
            }

            /// On an autodiff device, [`layer_states`](Self::layer_states) as they are in inference; see
            /// [`states_in_inference`](Self::states_in_inference).
            ///
            /// # Shapes
            /// As [`layer_states`](Self::layer_states).
            pub fn layer_states_in_inference(
                &self,
                token_ids: Tensor<2, Int>,
                type_ids: Tensor<2, Int>,
                mask_pad: Tensor<2, Bool>,
                spans: Option<Tensor<3, Int>>,
            ) -> Option<Vec<Tensor<3>>> {
                let strategy = token_ids.gradient_checkpointing_strategy();
                let states = self.valid().layer_states(
                    token_ids.without_autodiff(),
                    type_ids.without_autodiff(),
                    mask_pad.without_autodiff(),
                    spans.map(Tensor::without_autodiff),
                )?;
                let with_autodiff = |states| with_autodiff(states, strategy);
                Some(states.into_iter().map(with_autodiff).collect())
            }

            /// The embeddings and the states of every layer, from the lowest; `read` as in
            /// [`forward_within`](Self::forward_within), `None` for all. Nothing for an encoder
            /// [without](EncoderConfig::has_layer_states) them.
            ///
            /// # Shapes
            /// As [`forward_within`](Self::forward_within), for each of the result.
            pub fn layer_states(
                &self,
                token_ids: Tensor<2, Int>,
                type_ids: Tensor<2, Int>,
                mask_pad: Tensor<2, Bool>,
                read: Option<Tensor<3, Int>>,
            ) -> Option<Vec<Tensor<3>>> {
                match self {
                    $(Self::$family(module) => {
                        module.layer_states(token_ids, type_ids, mask_pad, read)
                    })+
                    Self::Own(_) => None,
                }
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
                    Self::Own(encoder) => encoder.forward(token_ids, type_ids, mask_pad, read),
                }
            }
        }
    };
}

families!(encoder_families);

/// States of inference on an autodiff device, with the strategy that all operands of an operation have to share.
fn with_autodiff(states: Tensor<3>, strategy: Option<GradientCheckpointingStrategy>) -> Tensor<3> {
    let states = Tensor::from_inner(states);
    match strategy {
        Some(strategy) => states.with_gradient_checkpointing_strategy(strategy),
        None => states,
    }
}

impl Serialize for EncoderConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Own(config) => config.serialize(serializer),
            known => Self::serialize(known, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for EncoderConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        // Whether an encoder of another program is known is checked with the rest of the configuration.
        let read = if value.get("kind").is_some() {
            OwnEncoderConfig::deserialize(value).map(Self::Own)
        } else {
            Self::deserialize(value)
        };
        read.map_err(D::Error::custom)
    }
}
