//! DeBERTa's configuration.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::DebertaV2;
use super::published::{count, norm_positions, position_terms, refuse_unsupported};
use crate::encoder::config_keys::Treatment::{Only, Used};
use crate::encoder::config_keys::{self, KnownKeys, keys};
use crate::encoder::convolution::Convolution;
use crate::encoder::hugging_face::PublishedConfig;
use crate::encoder::relative::RelativeBuckets;
use crate::encoder::{Activation, PublishedActivation};
use crate::encoder::{EncoderSizes, FamilyConfig, LayerBlocks, PythonClass, checks};
use crate::error::ConfigProblem;
use crate::weights::KeyTable;

/// Configuration of a DeBERTa encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of the published format"
)]
pub struct DebertaV2Config {
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
    /// Number of token type ids; 0 for none.
    pub num_token_types: usize,
    /// Whether absolute position embeddings are added to the token embeddings.
    pub absolute_positions: bool,
    /// Relative positions.
    pub relative: RelativeBuckets,
    /// Whether the embeddings of relative positions are normalized.
    pub norm_positions: bool,
    /// Whether scores have a content-to-position term (`c2p`).
    pub content_to_position: bool,
    /// Whether scores have a position-to-content term (`p2c`).
    pub position_to_content: bool,
    /// Whether positions use the query and key projections of the contents.
    pub shared_projections: bool,
    /// Convolution beside the first layer, in large v2 models. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub convolution: Option<Convolution>,
    /// Activation function of the feed-forward blocks.
    pub activation: Activation,
    /// Added to the variance in every layer norm.
    pub layer_norm_epsilon: f64,
    /// Dropout on embeddings and on the output of every block, in `[0, 1)`.
    pub hidden_dropout: f64,
    /// Dropout on attention probabilities, in `[0, 1)`.
    pub attention_dropout: f64,
    /// Standard deviation of random weights.
    pub initializer_range: f64,
}

#[rustfmt::skip] // one line per kind
const OWN_KEYS: &[KnownKeys] = &[
    keys(Used, &["position_buckets", "max_relative_positions", "norm_rel_ebd", "pos_att_type",
        "share_att_key", "position_biased_input", "conv_kernel_size", "conv_act"]),
    keys(Only("`true`"), &["relative_attention"]),
    keys(Only("`1`"), &["conv_groups"]),
    keys(Only("`hidden_size`"), &["embedding_size"]),
    keys(Only("`hidden_size` / `num_attention_heads`"), &["attention_head_size"]),
];

impl FamilyConfig for DebertaV2Config {
    type Module = DebertaV2;

    #[rustfmt::skip] // one line per tensor
    const KEYS: KeyTable = KeyTable {
        prefix: "deberta.",
        modules: &[
            ("embeddings.word_embeddings", "embeddings.word"),
            ("embeddings.position_embeddings", "embeddings.position"),
            ("embeddings.token_type_embeddings", "embeddings.token_type"),
            ("embeddings.LayerNorm", "embeddings.norm"),
            ("encoder.rel_embeddings", "embeddings.relative"),
            ("encoder.LayerNorm", "embeddings.relative_norm"),
            ("encoder.conv.conv", "convolution.conv"),
            ("encoder.conv.LayerNorm", "convolution.norm"),
            ("encoder.layer.{}.attention.self.query_proj", "layers.{}.attention.query"),
            ("encoder.layer.{}.attention.self.key_proj", "layers.{}.attention.key"),
            ("encoder.layer.{}.attention.self.value_proj", "layers.{}.attention.value"),
            ("encoder.layer.{}.attention.self.pos_key_proj", "layers.{}.attention.position_key"),
            ("encoder.layer.{}.attention.self.pos_query_proj", "layers.{}.attention.position_query"),
            ("encoder.layer.{}.attention.output.dense", "layers.{}.attention.output"),
            ("encoder.layer.{}.attention.output.LayerNorm", "layers.{}.attention_norm"),
            ("encoder.layer.{}.intermediate.dense", "layers.{}.feed_forward.inner"),
            ("encoder.layer.{}.output.dense", "layers.{}.feed_forward.outer"),
            ("encoder.layer.{}.output.LayerNorm", "layers.{}.feed_forward_norm"),
        ],
        split: &[],
        left: &[
            ("pooler.", "pooler of the first token; segments are pooled from all states"),
            ("cls.", "head of the pre-training task"),
            ("lm_predictions.", "head of the pre-training task"),
            ("mask_predictions.", "head of the pre-training task"),
            ("classifier.", "head of another task"),
            ("qa_outputs.", "head of another task"),
            ("embeddings.position_ids", "constant, always 0, 1, 2, .."),
        ],
    };

    const PYTHON_CLASS: PythonClass = PythonClass {
        architecture: "DebertaV2ForTokenClassification",
        head: "classifier",
        prediction_head: false,
    };

    const BLOCKS: LayerBlocks = LayerBlocks::Disentangled;

    const CONFIG_KEYS: &'static [&'static [KnownKeys]] = &[
        OWN_KEYS,
        config_keys::BERT_AND_DEBERTA,
        config_keys::BIDIRECTIONAL,
        config_keys::COMMON,
    ];

    const PUBLISHED_NAMES: &'static [(&'static str, &'static str)] = &[
        ("num_buckets", "position_buckets"),
        ("max_distance", "max_relative_positions"),
        ("layer_norm_epsilon", "layer_norm_eps"),
        ("hidden_dropout", "hidden_dropout_prob"),
        ("attention_dropout", "attention_probs_dropout_prob"),
    ];

    fn to_published(&self) -> Value {
        let terms = [
            ("c2p", self.content_to_position),
            ("p2c", self.position_to_content),
        ];
        let terms: Vec<&str> = terms
            .iter()
            .filter(|term| term.1)
            .map(|term| term.0)
            .collect();
        json!({
            "type_vocab_size": self.num_token_types,
            "position_biased_input": self.absolute_positions,
            "relative_attention": true,
            "position_buckets": self.relative.num_buckets.map_or(json!(-1), |count| json!(count)),
            "max_relative_positions": self.relative.max_distance,
            "norm_rel_ebd": if self.norm_positions { "layer_norm" } else { "none" },
            "pos_att_type": terms,
            "share_att_key": self.shared_projections,
            "conv_kernel_size": self.convolution.map_or(0, |convolution| convolution.kernel_size),
            "conv_act": self.convolution.map(Convolution::published_activation),
            "hidden_act": self.activation.published(),
            "layer_norm_eps": self.layer_norm_epsilon,
            "hidden_dropout_prob": self.hidden_dropout,
            "attention_probs_dropout_prob": self.attention_dropout,
            "initializer_range": self.initializer_range,
        })
    }

    fn read_published(config: &PublishedConfig) -> Result<Self, ConfigProblem> {
        let d_model = config.size("hidden_size")?;
        let max_positions = config.size_or("max_position_embeddings", 512)?;
        refuse_unsupported(config, d_model)?;
        let [content_to_position, position_to_content] = position_terms(config)?;
        Ok(Self {
            vocab_size: config.size("vocab_size")?,
            d_model,
            num_layers: config.layers()?,
            num_heads: config.size("num_attention_heads")?,
            d_feed_forward: config.size("intermediate_size")?,
            max_positions,
            num_token_types: config.count_or("type_vocab_size", 0, "a whole number")?,
            absolute_positions: config.flag("position_biased_input", true)?,
            relative: RelativeBuckets {
                num_buckets: count(config, "position_buckets")?,
                max_distance: count(config, "max_relative_positions")?.unwrap_or(max_positions),
            },
            norm_positions: norm_positions(config)?,
            content_to_position,
            position_to_content,
            shared_projections: config.flag("share_att_key", false)?,
            convolution: Convolution::from_published(config)?,
            activation: Activation::from_published(config, "hidden_act", "gelu")?,
            layer_norm_epsilon: config.positive_or("layer_norm_eps", 1e-7)?,
            hidden_dropout: config.probability_or("hidden_dropout_prob", 0.1)?,
            attention_dropout: config.probability_or("attention_probs_dropout_prob", 0.1)?,
            initializer_range: config.positive_or("initializer_range", 0.02)?,
        })
    }

    fn check(&self) -> Result<(), ConfigProblem> {
        self.sizes().check()?;
        checks::multiple(("d_model", self.d_model), ("num_heads", self.num_heads))?;
        checks::dropout(self.hidden_dropout, self.attention_dropout)?;
        checks::positive(&[
            ("layer_norm_epsilon", self.layer_norm_epsilon),
            ("initializer_range", self.initializer_range),
        ])?;
        if let Some(convolution) = self.convolution {
            let odd = !convolution.kernel_size.is_multiple_of(2);
            let expected = "an odd number";
            ConfigProblem::unless(odd, "kernel_size", convolution.kernel_size, expected)?;
            checks::sizes(&[("kernel_size", convolution.kernel_size)])?;
        }
        self.relative.check()
    }

    fn sizes(&self) -> EncoderSizes {
        EncoderSizes {
            vocab_size: self.vocab_size,
            num_token_types: (self.num_token_types > 0).then_some(self.num_token_types),
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

    fn init(&self, device: &Device) -> DebertaV2 {
        DebertaV2::new(self, device)
    }
}
