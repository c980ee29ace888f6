//! Differences between decoder families.

use burn::tensor::Device;
use serde_json::Value;

use super::{Decoder, DecoderConfig};
use crate::encoder::hugging_face::PublishedConfig;
use crate::encoder::rotary::Rotary;
use crate::encoder::{ConfigNote, EncoderSizes, FamilyConfig, KnownKeys, LayerBlocks, PythonClass};
use crate::error::ConfigProblem;
use crate::weights::KeyTable;

/// A decoder family: a newtype of [`DecoderConfig`], and how to read its files.
pub(in crate::encoder) trait DecoderFamily: Sized {
    /// The class of Python's transformers that loads an export.
    const ARCHITECTURE: &'static str;

    /// The keys of a `config.json` and their treatment. If a key is in several tables, the first applies.
    const CONFIG_KEYS: &'static [&'static [KnownKeys]];

    /// Reads a `config.json` in Hugging Face layout.
    ///
    /// # Errors
    /// If a size is missing or a setting is not supported.
    fn read_published(config: &PublishedConfig) -> Result<DecoderConfig, ConfigProblem>;

    /// Wraps a decoder configuration.
    fn from_decoder(decoder: DecoderConfig) -> Self;

    /// The decoder configuration.
    fn decoder(&self) -> &DecoderConfig;

    /// The decoder configuration, mutable.
    fn decoder_mut(&mut self) -> &mut DecoderConfig;
}

impl<F: DecoderFamily> FamilyConfig for F {
    type Module = Decoder;

    const KEYS: KeyTable = KEYS;

    const PYTHON_CLASS: PythonClass = PythonClass {
        architecture: F::ARCHITECTURE,
        head: "score",
        prediction_head: false,
    };

    const BLOCKS: LayerBlocks = LayerBlocks::Gated;

    const CONFIG_KEYS: &'static [&'static [KnownKeys]] = F::CONFIG_KEYS;

    const PUBLISHED_NAMES: &'static [(&'static str, &'static str)] = &[
        ("d_head", "head_dim"),
        ("norm_epsilon", "rms_norm_eps"),
        ("theta", "rope_theta"),
    ];

    fn overridden_keys(config: &PublishedConfig) -> Vec<ConfigNote> {
        Rotary::notes(config)
    }

    fn is_causal(&self) -> bool {
        self.decoder().causal
    }

    fn to_published(&self) -> Value {
        self.decoder().to_published()
    }

    fn read_published(config: &PublishedConfig) -> Result<Self, ConfigProblem> {
        Ok(F::from_decoder(<F as DecoderFamily>::read_published(
            config,
        )?))
    }

    fn check(&self) -> Result<(), ConfigProblem> {
        self.decoder().check()
    }

    fn sizes(&self) -> EncoderSizes {
        self.decoder().sizes()
    }

    fn set_dropout(&mut self, hidden: f64, attention: f64) {
        let decoder = self.decoder_mut();
        decoder.hidden_dropout = hidden;
        decoder.attention_dropout = attention;
    }

    fn init(&self, device: &Device) -> Decoder {
        Decoder::new(self.decoder(), device)
    }
}

/// Mapping of published tensor names.
#[rustfmt::skip] // one line per tensor
const KEYS: KeyTable = KeyTable {
    prefix: "model.",
    modules: &[
        ("embed_tokens", "embeddings.word"),
        ("layers.{}.input_layernorm", "layers.{}.attention_norm"),
        ("layers.{}.self_attn.q_proj", "layers.{}.attention.query"),
        ("layers.{}.self_attn.k_proj", "layers.{}.attention.key"),
        ("layers.{}.self_attn.v_proj", "layers.{}.attention.value"),
        ("layers.{}.self_attn.o_proj", "layers.{}.attention.output"),
        ("layers.{}.self_attn.q_norm", "layers.{}.attention.query_norm"),
        ("layers.{}.self_attn.k_norm", "layers.{}.attention.key_norm"),
        ("layers.{}.post_attention_layernorm", "layers.{}.feed_forward_norm"),
        ("layers.{}.mlp.gate_proj", "layers.{}.feed_forward.inner"),
        ("layers.{}.mlp.up_proj", "layers.{}.feed_forward.factor"),
        ("layers.{}.mlp.down_proj", "layers.{}.feed_forward.outer"),
        ("norm", "norm"),
    ],
    split: &[],
    left: &[
        ("lm_head.", "head of the pre-training task"),
        ("score.", "head of another task"),
        ("classifier.", "head of another task"),
        ("v_head.", "head of another task"),
        ("layers.{}.self_attn.rotary_emb.inv_freq", "constant, given by the configuration"),
    ],
};

/// Defaults and fixed settings of a decoder family.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a difference between families"
)]
pub(in crate::encoder) struct Habits {
    /// Width of a head; `None` for `d_model / num_heads`.
    pub(in crate::encoder) d_head: Option<usize>,
    /// Number of key and value heads; `None` for as many as query heads.
    pub(in crate::encoder) num_key_value_heads: Option<usize>,
    /// Whether queries, keys and values have a bias.
    pub(in crate::encoder) input_bias: bool,
    /// Whether the output of attention has a bias.
    pub(in crate::encoder) output_bias: bool,
    /// Whether the feed-forward blocks have biases.
    pub(in crate::encoder) feed_forward_bias: bool,
    /// Whether every query and key head is normalized.
    pub(in crate::encoder) head_norms: bool,
}

/// Number of key and value heads in a Qwen file; `None` for `null`, which means as many as query
/// heads.
pub(in crate::encoder) fn shared_heads(
    config: &PublishedConfig,
) -> Result<Option<usize>, ConfigProblem> {
    let key = "num_key_value_heads";
    if config.is_null(key) {
        return Ok(None);
    }
    // The default for a missing key is 32, which no small model has.
    config.size(key).map(Some)
}
