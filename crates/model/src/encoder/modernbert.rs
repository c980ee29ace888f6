//! ModernBERT. See Warner et al. (2024), <https://arxiv.org/abs/2412.13663>.

use burn::module::Module;
use burn::nn::{Embedding, LayerNorm};
use burn::tensor::{Bool, Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::checks;
use super::config_keys::Treatment::{Ignored, Only, Reported, Used};
use super::config_keys::{self, ConfigNote, KnownKeys, keys};
use super::gated_feed_forward::GatedFeedForward;
use super::hugging_face::{PublishedConfig, same};
use super::parts::{embedding, norm};
use super::rotary::{Rotary, RotaryScaling};
use super::rotary_attention::{RotaryAttention, RotaryAttentionConfig};
use super::sliding::SlidingLayers;
use super::{EncoderSizes, FamilyConfig, LayerBlocks, PythonClass, TokenEncoder};
use super::{GateActivation, PublishedActivation};
use crate::error::ConfigProblem;
use crate::weights::KeyTable;
use gradus_kernels::{
    self as kernels, Angles, AttentionMask, BlockNorm, PreNorm, Reach, TokenLayout,
};

/// Configuration of a ModernBERT encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModernBertConfig {
    /// Number of token ids.
    pub vocab_size: usize,
    /// Width of a token's state; a multiple of `num_heads`.
    pub d_model: usize,
    /// Number of layers.
    pub num_layers: usize,
    /// Number of attention heads.
    pub num_heads: usize,
    /// Inner width of the feed-forward blocks.
    pub d_feed_forward: usize,
    /// Longest sequence, in tokens.
    pub max_positions: usize,
    /// Sliding-window layers, with a window to both sides; the others attend to all tokens.
    pub sliding: SlidingLayers,
    /// Rotary positions of the full-attention layers.
    pub rotary: Rotary,
    /// Rotary positions of the sliding-window layers.
    pub sliding_rotary: Rotary,
    /// Activation function of the feed-forward blocks.
    pub activation: GateActivation,
    /// Added to the variance in every layer norm.
    pub norm_epsilon: f64,
    /// Whether layer norms have a shift.
    pub norm_bias: bool,
    /// Whether attention has biases.
    pub attention_bias: bool,
    /// Whether the feed-forward blocks have biases.
    pub feed_forward_bias: bool,
    /// Dropout on embeddings and on the output of every block, in `[0, 1)`.
    pub hidden_dropout: f64,
    /// Dropout on attention probabilities, in `[0, 1)`.
    pub attention_dropout: f64,
    /// Standard deviation of random weights.
    pub initializer_range: f64,
}

const LAYER_TYPES: [&str; 2] = ["full_attention", "sliding_attention"];

#[rustfmt::skip] // one line per kind
const OWN_KEYS: &[KnownKeys] = &[
    keys(Used, &["hidden_activation", "norm_eps", "norm_bias", "attention_bias", "mlp_bias",
        "embedding_dropout", "attention_dropout", "local_attention", "sliding_window", "layer_types",
        "global_attn_every_n_layers", "rope_parameters", "global_rope_theta", "local_rope_theta"]),
    keys(Only("`hidden_size` / `num_attention_heads`"), &["head_dim"]),
    keys(Only("`null`"), &["rope_scaling"]),
    keys(Reported("this family is always bidirectional"), &["is_decoder"]),
    keys(Reported("this family has no grouped heads, and other norms"), &["num_key_value_heads", "rms_norm_eps"]),
    keys(Reported("each layer type has its own: `global_rope_theta`, `local_rope_theta`"), &["rope_theta"]),
    keys(Ignored("this family does not use it; published files contain it"), &["layer_norm_eps", "type_vocab_size", "is_decoder"]),
];

impl FamilyConfig for ModernBertConfig {
    type Module = ModernBert;

    #[rustfmt::skip] // one line per tensor
    const KEYS: KeyTable = KeyTable {
        prefix: "model.",
        modules: &[
            ("embeddings.tok_embeddings", "embeddings.word"),
            ("embeddings.norm", "embeddings.norm"),
            ("layers.{}.attn_norm", "layers.{}.attention_norm"),
            ("layers.{}.attn.Wo", "layers.{}.attention.output"),
            ("layers.{}.mlp_norm", "layers.{}.feed_forward_norm"),
            ("layers.{}.mlp.Wo", "layers.{}.feed_forward.outer"),
            ("final_norm", "norm"),
        ],
        split: &[
            ("layers.{}.attn.Wqkv", &[
                "layers.{}.attention.query", "layers.{}.attention.key", "layers.{}.attention.value",
            ]),
            ("layers.{}.mlp.Wi", &["layers.{}.feed_forward.inner", "layers.{}.feed_forward.factor"]),
        ],
        left: &[
            ("head.", "head of the pre-training task or of another"),
            ("decoder.", "head of the pre-training task"),
            ("classifier.", "head of another task"),
        ],
    };

    const PYTHON_CLASS: PythonClass = PythonClass {
        architecture: "ModernBertForTokenClassification",
        head: "classifier",
        prediction_head: true,
    };

    const BLOCKS: LayerBlocks = LayerBlocks::Gated;

    const CONFIG_KEYS: &'static [&'static [KnownKeys]] =
        &[OWN_KEYS, config_keys::BIDIRECTIONAL, config_keys::COMMON];

    const PUBLISHED_NAMES: &'static [(&'static str, &'static str)] = &[
        ("sliding.distance", "local_attention"),
        ("norm_epsilon", "norm_eps"),
        ("hidden_dropout", "embedding_dropout"),
    ];

    fn overridden_keys(config: &PublishedConfig) -> Vec<ConfigNote> {
        let mut notes = Vec::new();
        if let (Some(window), Some(whole)) = (
            config.value("sliding_window"),
            config.value("local_attention"),
        ) && window.as_u64() != whole.as_u64().map(|whole| whole / 2)
        {
            let why = format!("`sliding_window` ({window}) takes precedence, as in transformers");
            notes.push(ConfigNote::new("local_attention", whole, why));
        }
        let Ok(Some(parameters)) = config.object("rope_parameters") else {
            return notes;
        };
        for (layer_type, old) in LAYER_TYPES
            .into_iter()
            .zip(["global_rope_theta", "local_rope_theta"])
        {
            let Ok(Some(inner)) = parameters.object(layer_type) else {
                continue;
            };
            let place = format!("rope_parameters.{layer_type}");
            notes.extend(Rotary::object_notes(&place, &inner));
            if let (Some(outside), Some(inside)) = (config.value(old), inner.value("rope_theta"))
                && !same(outside, inside)
            {
                let why =
                    format!("`{place}.rope_theta` ({inside}) takes precedence, as in transformers");
                notes.push(ConfigNote::new(old, outside, why));
            }
        }
        notes
    }

    fn to_published(&self) -> Value {
        json!({
            "local_attention": 2 * self.sliding.distance,
            "layer_types": SlidingLayers::to_published(Some(&self.sliding), self.num_layers),
            "rope_parameters": {
                "full_attention": self.rotary.to_published(),
                "sliding_attention": self.sliding_rotary.to_published(),
            },
            "hidden_activation": self.activation.published(),
            "norm_eps": self.norm_epsilon,
            "norm_bias": self.norm_bias,
            "attention_bias": self.attention_bias,
            "mlp_bias": self.feed_forward_bias,
            "embedding_dropout": self.hidden_dropout,
            "mlp_dropout": self.hidden_dropout,
            "attention_dropout": self.attention_dropout,
            "initializer_range": self.initializer_range,
        })
    }

    fn read_published(config: &PublishedConfig) -> Result<Self, ConfigProblem> {
        config.only("is_causal", false)?;
        let num_layers = config.layers()?;
        let d_model = config.size("hidden_size")?;
        let num_heads = config.size("num_attention_heads")?;
        checks::sizes(&[("num_attention_heads", num_heads)])?;
        let d_head = d_model / num_heads;
        let found = config.nullable_size("head_dim", d_head)?;
        let expected = format!("`hidden_size` / `num_attention_heads` ({d_head})");
        ConfigProblem::unless(found == d_head, "head_dim", found, expected)?;
        let full_every = config.size_or("global_attn_every_n_layers", 3)?;
        checks::sizes(&[("global_attn_every_n_layers", full_every)])?;
        let layers = SlidingLayers::published_layers(config, num_layers, |layer| {
            !layer.is_multiple_of(full_every)
        })?;
        config.only("rope_scaling", Value::Null)?;
        Ok(Self {
            vocab_size: config.size("vocab_size")?,
            d_model,
            num_layers,
            num_heads,
            d_feed_forward: config.size("intermediate_size")?,
            max_positions: config.size_or("max_position_embeddings", 8192)?,
            sliding: SlidingLayers {
                distance: published_distance(config)?,
                layers,
            },
            rotary: rotary(config, "full_attention", "global_rope_theta", 160_000.0)?,
            sliding_rotary: rotary(config, "sliding_attention", "local_rope_theta", 10_000.0)?,
            activation: GateActivation::from_published(config, "hidden_activation", "gelu")?,
            norm_epsilon: config.positive_or("norm_eps", 1e-5)?,
            norm_bias: config.flag("norm_bias", false)?,
            attention_bias: config.flag("attention_bias", false)?,
            feed_forward_bias: config.flag("mlp_bias", false)?,
            hidden_dropout: config.probability_or("embedding_dropout", 0.0)?,
            attention_dropout: config.probability_or("attention_dropout", 0.0)?,
            initializer_range: config.positive_or("initializer_range", 0.02)?,
        })
    }

    fn check(&self) -> Result<(), ConfigProblem> {
        self.sizes().check()?;
        checks::multiple(("d_model", self.d_model), ("num_heads", self.num_heads))?;
        let d_head = self.d_model / self.num_heads;
        let expected = "an even number of features for each head";
        ConfigProblem::unless(d_head.is_multiple_of(2), "d_model", self.d_model, expected)?;
        checks::dropout(self.hidden_dropout, self.attention_dropout)?;
        checks::positive(&[
            ("norm_epsilon", self.norm_epsilon),
            ("initializer_range", self.initializer_range),
        ])?;
        self.rotary.check()?;
        self.sliding_rotary.check()?;
        self.sliding.check(self.num_layers)
    }

    fn sizes(&self) -> EncoderSizes {
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

    fn set_dropout(&mut self, hidden: f64, attention: f64) {
        self.hidden_dropout = hidden;
        self.attention_dropout = attention;
    }

    fn init(&self, device: &Device) -> ModernBert {
        let layers = (0..self.num_layers).map(|number| Layer::new(self, number, device));
        let std = self.initializer_range;
        let norm = || norm(self.d_model, self.norm_epsilon, self.norm_bias, device);
        ModernBert {
            embeddings: Embeddings {
                word: embedding(self.vocab_size, self.d_model, std, device),
                norm: norm(),
                dropout: self.hidden_dropout,
            },
            layers: layers.collect(),
            norm: norm(),
            config: self.clone(),
        }
    }
}

/// Window distance: `sliding_window`, else half of `local_attention`.
fn published_distance(config: &PublishedConfig) -> Result<usize, ConfigProblem> {
    let whole = config.size_or("local_attention", 128)?;
    if whole < 2 && config.value("sliding_window").is_none() {
        let expected = "2 or more, half of which is the distance that tokens see";
        return Err(ConfigProblem::new("local_attention", whole, expected));
    }
    let half = whole / 2;
    config.size_or("sliding_window", half)
}

/// Reads the rotary positions of one layer type, from `rope_parameters` or, in older files, a key
/// of its own.
fn rotary(
    config: &PublishedConfig,
    layer_type: &str,
    old_key: &str,
    theta: f64,
) -> Result<Rotary, ConfigProblem> {
    let theta = config.positive_or(old_key, theta)?;
    let positions = config.size_or("max_position_embeddings", 8192)?;
    let parameters = config.object("rope_parameters")?;
    let inside = |problem: ConfigProblem| problem.inside("rope_parameters");
    for (key, value) in parameters.iter().flat_map(PublishedConfig::entries) {
        let fine = LAYER_TYPES.contains(&key);
        let expected = "`full_attention` and `sliding_attention`, an object each";
        ConfigProblem::unless(fine, key, value, expected).map_err(inside)?;
    }
    let inner = match &parameters {
        Some(parameters) => parameters.object(layer_type).map_err(inside)?,
        None => None,
    };
    match inner {
        None => Ok(Rotary {
            theta,
            scaling: RotaryScaling::None,
        }),
        Some(inner) => Rotary::from_object(&inner, theta, positions, None)
            .map_err(|problem| inside(problem.inside(layer_type))),
    }
}

/// A ModernBERT encoder: pre-norm layers of rotary attention, most with a sliding window, and gated
/// feed-forward blocks.
#[derive(Module, Debug)]
pub struct ModernBert {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    norm: LayerNorm,
    #[module(skip)]
    config: ModernBertConfig,
}

#[derive(Module, Debug)]
struct Embeddings {
    word: Embedding,
    norm: LayerNorm,
    #[module(skip)]
    dropout: f64,
}

impl TokenEncoder for ModernBert {
    fn forward(
        &self,
        token_ids: Tensor<2, Int>,
        _type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        read: Option<Tensor<3, Int>>,
    ) -> Tensor<3> {
        let config = &self.config;
        let [_, seq_length] = token_ids.dims();
        checks::assert_length(seq_length, config.max_positions);
        let (device, d_head) = (token_ids.device(), config.d_model / config.num_heads);
        let layout = TokenLayout::new(mask_pad, read);
        let [all, near] = [None, Some(config.sliding.distance)].map(|window| {
            layout.mask(Reach {
                causal: false,
                window,
            })
        });
        let [everywhere, nearby] = [config.rotary, config.sliding_rotary]
            .map(|rotary| rotary.angles(d_head, seq_length, &device));
        let Embeddings {
            word,
            norm,
            dropout,
        } = &self.embeddings;
        let embedded =
            kernels::dropout(*dropout, norm.forward(kernels::embedding(word, token_ids)));
        let mut hidden = layout.pack(embedded);
        for (number, layer) in self.layers.iter().enumerate() {
            let (angles, mask) = if config.sliding.layers.contains(&number) {
                (&nearby, &near)
            } else {
                (&everywhere, &all)
            };
            let last = (number + 1 == self.layers.len()).then_some(&layout);
            hidden = layer.forward(hidden, angles, mask, last);
        }
        layout.unpack(kernels::layer_norm(&self.norm, config.norm_epsilon, hidden))
    }
}

#[derive(Module, Debug)]
struct Layer {
    /// `None` in the first layer, whose input is already normalized.
    attention_norm: Option<LayerNorm>,
    attention: RotaryAttention,
    feed_forward_norm: LayerNorm,
    feed_forward: GatedFeedForward,
    #[module(skip)]
    dropout: f64,
    /// Epsilon of the norms.
    #[module(skip)]
    epsilon: f64,
}

impl Layer {
    fn new(config: &ModernBertConfig, number: usize, device: &Device) -> Self {
        let norm = || {
            norm(
                config.d_model,
                config.norm_epsilon,
                config.norm_bias,
                device,
            )
        };
        let attention = RotaryAttentionConfig {
            d_model: config.d_model,
            num_heads: config.num_heads,
            num_key_value_heads: config.num_heads,
            d_head: config.d_model / config.num_heads,
            input_bias: config.attention_bias,
            output_bias: config.attention_bias,
            head_norm_epsilon: None,
            dropout: config.attention_dropout,
            initializer_range: config.initializer_range,
        };
        Self {
            attention_norm: (number > 0).then(norm),
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
            dropout: config.hidden_dropout,
            epsilon: config.norm_epsilon,
        }
    }

    /// States of all tokens, or in the `last` layer, of the wanted ones.
    fn forward(
        &self,
        hidden: Tensor<3>,
        angles: &Angles,
        mask: &AttentionMask,
        last: Option<&TokenLayout>,
    ) -> Tensor<3> {
        let before = |norm| PreNorm {
            norm,
            dropout: self.dropout,
        };
        let norm = |norm| BlockNorm::Layer(norm, self.epsilon);
        let attention_norm = before(self.attention_norm.as_ref().map(norm));
        let hidden = self
            .attention
            .forward(attention_norm, hidden, angles, mask, last);
        let feed_forward_norm = before(Some(norm(&self.feed_forward_norm)));
        self.feed_forward.forward(feed_forward_norm, hidden)
    }
}
