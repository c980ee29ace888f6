//! The configuration of Llama-like decoders.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::family::Habits;
use crate::encoder::hugging_face::PublishedConfig;
use crate::encoder::rotary::Rotary;
use crate::encoder::sliding::SlidingLayers;
use crate::encoder::{EncoderSizes, checks};
use crate::encoder::{GateActivation, PublishedActivation};
use crate::error::ConfigProblem;

/// Configuration of a Llama-like decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a difference between families"
)]
pub struct DecoderConfig {
    /// Number of token ids.
    pub vocab_size: usize,
    /// Width of a token's state.
    pub d_model: usize,
    /// Number of layers.
    pub num_layers: usize,
    /// Number of query heads.
    pub num_heads: usize,
    /// Number of key and value heads; divides `num_heads`.
    pub num_key_value_heads: usize,
    /// Width of a head, even.
    pub d_head: usize,
    /// Inner width of the feed-forward blocks.
    pub d_feed_forward: usize,
    /// Longest sequence, in tokens.
    pub max_positions: usize,
    /// Whether no token attends to later tokens. Default: true.
    #[serde(default = "causal", skip_serializing_if = "is_causal")]
    pub causal: bool,
    /// Rotary positions.
    pub rotary: Rotary,
    /// Activation function of the feed-forward blocks.
    pub activation: GateActivation,
    /// Added to the mean square in every norm.
    pub norm_epsilon: f64,
    /// Whether queries, keys and values have a bias.
    pub input_bias: bool,
    /// Whether the output of attention has a bias.
    pub output_bias: bool,
    /// Whether the feed-forward blocks have biases.
    pub feed_forward_bias: bool,
    /// Whether every query and key head is normalized.
    pub head_norms: bool,
    /// Sliding-window layers. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sliding: Option<SlidingLayers>,
    /// Dropout on embeddings and on the output of every block, in `[0, 1)`.
    pub hidden_dropout: f64,
    /// Dropout on attention probabilities, in `[0, 1)`.
    pub attention_dropout: f64,
    /// Standard deviation of random weights.
    pub initializer_range: f64,
}

fn causal() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_causal(causal: &bool) -> bool {
    *causal
}

impl DecoderConfig {
    /// Reads the keys common to all families, without sliding windows.
    pub(in crate::encoder) fn from_published(
        config: &PublishedConfig,
        habits: &Habits,
    ) -> Result<Self, ConfigProblem> {
        let d_model = config.size("hidden_size")?;
        let num_heads = config.size("num_attention_heads")?;
        checks::sizes(&[("num_attention_heads", num_heads)])?;
        let d_head = habits.d_head.unwrap_or(d_model / num_heads);
        let shared = habits.num_key_value_heads.unwrap_or(num_heads);
        Ok(Self {
            vocab_size: config.size("vocab_size")?,
            d_model,
            num_layers: config.layers()?,
            num_heads,
            num_key_value_heads: config.nullable_size("num_key_value_heads", shared)?,
            d_head: config.nullable_size("head_dim", d_head)?,
            d_feed_forward: config.size("intermediate_size")?,
            max_positions: config.size("max_position_embeddings")?,
            causal: published_causality(config)?,
            rotary: Rotary::from_published(config, 10_000.0)?,
            activation: GateActivation::from_published(config, "hidden_act", "silu")?,
            norm_epsilon: config.positive_or("rms_norm_eps", 1e-6)?,
            input_bias: habits.input_bias,
            output_bias: habits.output_bias,
            feed_forward_bias: habits.feed_forward_bias,
            head_norms: habits.head_norms,
            sliding: None,
            hidden_dropout: 0.0,
            attention_dropout: config.probability_or("attention_dropout", 0.0)?,
            initializer_range: config.positive_or("initializer_range", 0.02)?,
        })
    }

    /// The keys of a published configuration except the sizes. Keys that a family does not use are
    /// harmless in its file.
    pub(super) fn to_published(&self) -> Value {
        let itself = usize::from(self.causal);
        let window = self.sliding.as_ref();
        let window = window.map(|sliding| sliding.distance + itself);
        let mut keys = json!({
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": self.d_head,
            "rope_parameters": self.rotary.to_published(),
            "hidden_act": self.activation.published(),
            "rms_norm_eps": self.norm_epsilon,
            "attention_bias": self.output_bias,
            "mlp_bias": self.feed_forward_bias,
            "use_sliding_window": window.is_some(),
            "sliding_window": window,
            "layer_types": SlidingLayers::to_published(self.sliding.as_ref(), self.num_layers),
            "attention_dropout": self.attention_dropout,
            "initializer_range": self.initializer_range,
            "tie_word_embeddings": false,
        });
        if !self.causal {
            keys["is_causal"] = false.into();
        }
        keys
    }

    /// Reads the sliding window of the Qwen families.
    pub(in crate::encoder) fn with_published_window(
        self,
        config: &PublishedConfig,
    ) -> Result<Self, ConfigProblem> {
        config.only("use_mrope", false)?;
        let slides = config.flag("use_sliding_window", false)?;
        if !slides || config.is_null("sliding_window") {
            let layers = SlidingLayers::published_layers(config, self.num_layers, |_| false)?;
            let found = format!("`sliding_attention` in {} layers", layers.len());
            let expected = if slides {
                "only `full_attention` where `sliding_window` is null"
            } else {
                "only `full_attention` where `use_sliding_window` is false"
            };
            ConfigProblem::unless(layers.is_empty(), "layer_types", found, expected)?;
            return Ok(self);
        }
        let window = config.size_or("sliding_window", 4096)?;
        // A causal window includes the token itself; a bidirectional one counts the tokens per
        // side.
        let itself = usize::from(self.causal);
        let at_least = format!("a whole number above {itself}");
        ConfigProblem::unless(window > itself, "sliding_window", window, at_least)?;
        let first = config.size_or("max_window_layers", 28)?;
        let layers =
            SlidingLayers::published_layers(config, self.num_layers, |layer| layer >= first)?;
        let sliding = (!layers.is_empty()).then_some(SlidingLayers {
            distance: window - itself,
            layers,
        });
        Ok(Self { sliding, ..self })
    }

    /// Validates the configuration.
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        self.sizes().check()?;
        checks::sizes(&[
            ("num_key_value_heads", self.num_key_value_heads),
            ("d_head", self.d_head),
        ])?;
        checks::multiple(
            ("num_heads", self.num_heads),
            ("num_key_value_heads", self.num_key_value_heads),
        )?;
        let even = self.d_head.is_multiple_of(2);
        ConfigProblem::unless(even, "d_head", self.d_head, "an even number")?;
        checks::dropout(self.hidden_dropout, self.attention_dropout)?;
        checks::positive(&[
            ("norm_epsilon", self.norm_epsilon),
            ("initializer_range", self.initializer_range),
        ])?;
        self.rotary.check()?;
        match &self.sliding {
            Some(sliding) => sliding.check(self.num_layers),
            None => Ok(()),
        }
    }

    /// The common sizes.
    pub(super) fn sizes(&self) -> EncoderSizes {
        EncoderSizes {
            vocab_size: self.vocab_size,
            num_token_types: None,
            max_positions: self.max_positions,
            d_model: self.d_model,
            num_layers: self.num_layers,
            num_heads: self.num_heads,
            d_feed_forward: self.d_feed_forward,
        }
    }
}

/// Whether attention is causal; a decoder's file can turn that off.
fn published_causality(config: &PublishedConfig) -> Result<bool, ConfigProblem> {
    let causal = config.flag("is_causal", true)?;
    let key = "use_bidirectional_attention";
    let both_sides = config.nullable(key, false, "true or false")?;
    // transformers does not read it for these families, so how the model was trained is unknown.
    let expected = "false, or `is_causal` false beside it";
    ConfigProblem::unless(!both_sides || !causal, key, both_sides, expected)?;
    Ok(causal)
}
