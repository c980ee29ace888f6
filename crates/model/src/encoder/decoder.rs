//! What the decoders have in common: pre-norm layers of rotary attention and gated feed-forward.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Embedding, RmsNorm};
use burn::tensor::{Bool, Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::checks;
use super::gated_feed_forward::{GateActivation, GatedFeedForward};
use super::hugging_face::PublishedConfig;
use super::parts::embedding;
use super::projection::rms_norm;
use super::rotary::Rotary;
use super::rotary_attention::{RotaryAttention, RotaryAttentionConfig};
use super::sliding::SlidingLayers;
use super::{EncoderSizes, FamilyModule};
use crate::error::ConfigProblem;
use crate::ops::{self, Angles, AttentionMask, Reach, TokenLayout};
use crate::weights::KeyTable;

/// Sizes and probabilities of a decoder of the Llama kind.
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
    /// Width inside of the feed-forward blocks.
    pub d_feed_forward: usize,
    /// Longest sequence, in tokens.
    pub max_positions: usize,
    /// Rotary positions.
    pub rotary: Rotary,
    /// Non-linearity of the feed-forward blocks.
    pub activation: GateActivation,
    /// Added to the mean square in every norm.
    pub norm_epsilon: f64,
    /// Whether queries, keys and values have a bias.
    pub input_bias: bool,
    /// Whether the output of attention has a bias.
    pub output_bias: bool,
    /// Whether the feed-forward blocks have biases.
    pub feed_forward_bias: bool,
    /// Whether every head of query and key is normalised.
    pub head_norms: bool,
    /// Layers that look through a window. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sliding: Option<SlidingLayers>,
    /// Dropout on embeddings and on the output of every block, in `[0, 1)`.
    pub hidden_dropout: f64,
    /// Dropout on attention probabilities, in `[0, 1)`.
    pub attention_dropout: f64,
    /// Standard deviation of random weights.
    pub initializer_range: f64,
}

/// Where the tensors of published decoders go.
#[rustfmt::skip] // one line per tensor
pub(super) const KEYS: KeyTable = KeyTable {
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

/// What a family does where its configuration is silent, and what it always does.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a difference between families"
)]
pub(super) struct Habits {
    /// Width of a head; `None` for `d_model / num_heads`.
    pub(super) d_head: Option<usize>,
    /// Number of key and value heads; `None` for as many as query heads.
    pub(super) num_key_value_heads: Option<usize>,
    /// Whether queries, keys and values have a bias.
    pub(super) input_bias: bool,
    /// Whether the output of attention has a bias.
    pub(super) output_bias: bool,
    /// Whether the feed-forward blocks have biases.
    pub(super) feed_forward_bias: bool,
    /// Whether every head of query and key is normalised.
    pub(super) head_norms: bool,
}

impl DecoderConfig {
    /// Reads the keys the families have in common; no layer slides.
    pub(super) fn from_published(
        config: &PublishedConfig,
        habits: &Habits,
    ) -> Result<Self, ConfigProblem> {
        let (size, positive) = (checks::SIZE, checks::POSITIVE);
        let d_model: usize = config.required("hidden_size", size)?;
        let num_heads: usize = config.required("num_attention_heads", size)?;
        checks::sizes(&[("num_attention_heads", num_heads)])?;
        let d_head = habits.d_head.unwrap_or(d_model / num_heads);
        let shared = habits.num_key_value_heads.unwrap_or(num_heads);
        Ok(Self {
            vocab_size: config.required("vocab_size", size)?,
            d_model,
            num_layers: config.required("num_hidden_layers", size)?,
            num_heads,
            num_key_value_heads: config.optional("num_key_value_heads", shared, size)?,
            d_head: config.optional("head_dim", d_head, size)?,
            d_feed_forward: config.required("intermediate_size", size)?,
            max_positions: config.required("max_position_embeddings", size)?,
            rotary: Rotary::from_published(config, 10_000.0)?,
            activation: GateActivation::from_published(config, "hidden_act", "silu")?,
            norm_epsilon: config.optional("rms_norm_eps", 1e-6, positive)?,
            input_bias: habits.input_bias,
            output_bias: habits.output_bias,
            feed_forward_bias: habits.feed_forward_bias,
            head_norms: habits.head_norms,
            sliding: None,
            hidden_dropout: 0.0,
            attention_dropout: config.optional("attention_dropout", 0.0, checks::PROBABILITY)?,
            initializer_range: config.optional("initializer_range", 0.02, positive)?,
        })
    }

    /// The keys of a published configuration of the families that share this module. Those that
    /// a family always answers in the same way do no harm in its file.
    pub(super) fn to_published(&self) -> Value {
        let window = self.sliding.as_ref().map(|sliding| sliding.distance + 1);
        json!({
            "vocab_size": self.vocab_size,
            "hidden_size": self.d_model,
            "num_hidden_layers": self.num_layers,
            "num_attention_heads": self.num_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": self.d_head,
            "intermediate_size": self.d_feed_forward,
            "max_position_embeddings": self.max_positions,
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
        })
    }

    /// Reads the window of the Qwen families.
    pub(super) fn with_published_window(
        self,
        config: &PublishedConfig,
    ) -> Result<Self, ConfigProblem> {
        let flag = "true or false";
        if !config.optional("use_sliding_window", false, flag)? {
            let layers = SlidingLayers::published_layers(config, self.num_layers, |_| false)?;
            let found = format!("`sliding_attention` in {} layers", layers.len());
            let expected = "only `full_attention` where `use_sliding_window` is false";
            ConfigProblem::unless(layers.is_empty(), "layer_types", found, expected)?;
            return Ok(self);
        }
        let window: usize = config.optional("sliding_window", 4096, checks::SIZE)?;
        let at_least = "a whole number above 1";
        ConfigProblem::unless(window > 1, "sliding_window", window, at_least)?;
        let first: usize = config.optional("max_window_layers", 28, checks::SIZE)?;
        let layers =
            SlidingLayers::published_layers(config, self.num_layers, |layer| layer >= first)?;
        let sliding = (!layers.is_empty()).then_some(SlidingLayers {
            // The window counts the token itself.
            distance: window - 1,
            layers,
        });
        Ok(Self { sliding, ..self })
    }

    /// The same after [`check`](Self::check), whose problem speaks the words of the file.
    pub(super) fn checked(self) -> Result<Self, ConfigProblem> {
        self.check()
            .map_err(|problem| problem.renamed(PUBLISHED_NAMES))?;
        Ok(self)
    }

    /// Tells whether a module can be built.
    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        checks::sizes(&[
            ("vocab_size", self.vocab_size),
            ("d_model", self.d_model),
            ("num_layers", self.num_layers),
            ("num_heads", self.num_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("d_head", self.d_head),
            ("d_feed_forward", self.d_feed_forward),
            ("max_positions", self.max_positions),
        ])?;
        checks::multiple(
            ("num_heads", self.num_heads),
            ("num_key_value_heads", self.num_key_value_heads),
        )?;
        let even = self.d_head.is_multiple_of(2);
        ConfigProblem::unless(even, "d_head", self.d_head, "an even number")?;
        checks::probabilities(&[
            ("hidden_dropout", self.hidden_dropout),
            ("attention_dropout", self.attention_dropout),
        ])?;
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

    /// The sizes the outside has to know.
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

    /// Builds the module with random weights.
    pub(super) fn init(&self, device: &Device) -> Decoder {
        let table = embedding(
            self.vocab_size,
            self.d_model,
            self.initializer_range,
            device,
        );
        Decoder {
            embeddings: TokenEmbeddings { word: table },
            layers: (0..self.num_layers)
                .map(|_| DecoderLayer::new(self, device))
                .collect(),
            norm: rms_norm(self.d_model, self.norm_epsilon, device),
            dropout: DropoutConfig::new(self.hidden_dropout).init(),
            rotary: self.rotary,
            d_head: self.d_head,
            max_positions: self.max_positions,
            sliding: self.sliding.clone(),
        }
    }
}

/// Our names of what published configurations call otherwise.
const PUBLISHED_NAMES: &[(&str, &str)] = &[
    ("d_model", "hidden_size"),
    ("num_layers", "num_hidden_layers"),
    ("num_heads", "num_attention_heads"),
    ("d_head", "head_dim"),
    ("d_feed_forward", "intermediate_size"),
    ("max_positions", "max_position_embeddings"),
    ("norm_epsilon", "rms_norm_eps"),
    ("theta", "rope_theta"),
];

/// A decoder without its language model head. A token sees itself and what is before it.
#[derive(Module, Debug)]
pub struct Decoder {
    embeddings: TokenEmbeddings,
    layers: Vec<DecoderLayer>,
    norm: RmsNorm,
    dropout: Dropout,
    #[module(skip)]
    rotary: Rotary,
    d_head: usize,
    max_positions: usize,
    #[module(skip)]
    sliding: Option<SlidingLayers>,
}

#[derive(Module, Debug)]
struct TokenEmbeddings {
    word: Embedding,
}

impl FamilyModule for Decoder {
    fn forward(
        &self,
        token_ids: Tensor<2, Int>,
        _type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        read: Option<Tensor<3, Int>>,
    ) -> Tensor<3> {
        let [_, seq_length] = token_ids.dims();
        super::assert_length(seq_length, self.max_positions);
        let angles = self
            .rotary
            .angles(self.d_head, seq_length, &token_ids.device());
        let layout = TokenLayout::new(mask_pad, read);
        let mask = |window| {
            layout.mask(Reach {
                causal: true,
                window,
            })
        };
        let all = mask(None);
        let sliding = self.sliding.as_ref();
        let near = sliding.map(|sliding| mask(Some(sliding.distance)));
        let near = near.as_ref().unwrap_or(&all);
        let slides = |layer| sliding.is_some_and(|sliding| sliding.layers.contains(&layer));
        let embedded = self.embeddings.word.forward(token_ids);
        let mut hidden = layout.pack(self.dropout.forward(embedded));
        for (number, layer) in self.layers.iter().enumerate() {
            let mask = if slides(number) { near } else { &all };
            let last = (number + 1 == self.layers.len()).then_some(&layout);
            hidden = layer.forward(hidden, &angles, mask, last);
        }
        layout.unpack(ops::rms_norm(&self.norm, hidden))
    }
}

/// Norm, then attention or feed-forward block, then the residual sum.
#[derive(Module, Debug)]
struct DecoderLayer {
    attention_norm: RmsNorm,
    attention: RotaryAttention,
    feed_forward_norm: RmsNorm,
    feed_forward: GatedFeedForward,
    dropout: Dropout,
}

impl DecoderLayer {
    fn new(config: &DecoderConfig, device: &Device) -> Self {
        let norm = || rms_norm(config.d_model, config.norm_epsilon, device);
        let attention = RotaryAttentionConfig {
            d_model: config.d_model,
            num_heads: config.num_heads,
            num_key_value_heads: config.num_key_value_heads,
            d_head: config.d_head,
            input_bias: config.input_bias,
            output_bias: config.output_bias,
            head_norm_epsilon: config.head_norms.then_some(config.norm_epsilon),
            dropout: config.attention_dropout,
            initializer_range: config.initializer_range,
        };
        Self {
            attention_norm: norm(),
            attention: attention.init(device),
            feed_forward_norm: norm(),
            feed_forward: GatedFeedForward::new(
                config.d_model,
                config.d_feed_forward,
                config.activation,
                config.feed_forward_bias,
                config.initializer_range,
                device,
            ),
            dropout: DropoutConfig::new(config.hidden_dropout).init(),
        }
    }

    /// States of all tokens, or where it is the `last` layer of a layout, of the wanted ones.
    fn forward(
        &self,
        hidden: Tensor<3>,
        angles: &Angles,
        mask: &AttentionMask,
        last: Option<&TokenLayout>,
    ) -> Tensor<3> {
        let normed = ops::rms_norm(&self.attention_norm, hidden.clone());
        let (queries, hidden, mask) = TokenLayout::queries(last, &normed, hidden, mask);
        let attended = self.attention.forward(queries, normed, angles, &mask);
        let hidden = hidden + self.dropout.forward(attended);
        let normed = ops::rms_norm(&self.feed_forward_norm, hidden.clone());
        hidden + self.dropout.forward(self.feed_forward.forward(normed))
    }
}
