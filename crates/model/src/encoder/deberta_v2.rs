//! DeBERTa v2 and v3. See He et al. (2020, 2021), <https://arxiv.org/abs/2006.03654> and
//! <https://arxiv.org/abs/2111.09543>.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Embedding, LayerNorm};
use burn::tensor::{Bool, Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::checks;
use super::convolution::{Convolution, ConvolutionLayer};
use super::disentangled::{DisentangledAttention, DisentangledConfig, Positions};
use super::feed_forward::{Activation, FeedForward};
use super::hugging_face::PublishedConfig;
use super::parts::{embedding, layer_norm};
use super::relative::RelativeBuckets;
use super::{EncoderSizes, FamilyConfig, FamilyModule, PythonClass};
use crate::error::ConfigProblem;
use crate::ops::{Reach, Sight, add_norm};
use crate::weights::KeyTable;

/// Sizes and probabilities of a DeBERTa encoder.
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
    /// Width inside of the feed-forward blocks.
    pub d_feed_forward: usize,
    /// Longest sequence, in tokens.
    pub max_positions: usize,
    /// Number of token type ids; 0 where types are not looked at.
    pub num_token_types: usize,
    /// Whether embeddings of absolute positions are added to those of the tokens.
    pub absolute_positions: bool,
    /// Relative positions.
    pub relative: RelativeBuckets,
    /// Whether the embeddings of relative positions are normalised.
    pub norm_positions: bool,
    /// Whether a query looks for keys at a position.
    pub content_to_position: bool,
    /// Whether a key is looked for from a position.
    pub position_to_content: bool,
    /// Whether positions go through the query and key matrices of the contents.
    pub shared_projections: bool,
    /// A convolution beside the first layer, in the large models of v2. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub convolution: Option<Convolution>,
    /// Non-linearity of the feed-forward blocks.
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

const POSITION_TERMS: &str = "`c2p` and `p2c`, as a list or joined by `|`";

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
            "vocab_size": self.vocab_size,
            "hidden_size": self.d_model,
            "num_hidden_layers": self.num_layers,
            "num_attention_heads": self.num_heads,
            "intermediate_size": self.d_feed_forward,
            "max_position_embeddings": self.max_positions,
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

    fn from_published(config: &PublishedConfig) -> Result<Self, ConfigProblem> {
        let (size, positive) = (checks::SIZE, checks::POSITIVE);
        let probability = checks::PROBABILITY;
        let flag = |key, default| config.optional(key, default, "true or false");
        let d_model = config.required("hidden_size", size)?;
        let max_positions: usize = config.optional("max_position_embeddings", 512, size)?;
        refuse_unsupported(config, d_model)?;
        let [content_to_position, position_to_content] = position_terms(config)?;
        let parsed = Self {
            vocab_size: config.required("vocab_size", size)?,
            d_model,
            num_layers: config.required("num_hidden_layers", size)?,
            num_heads: config.required("num_attention_heads", size)?,
            d_feed_forward: config.required("intermediate_size", size)?,
            max_positions,
            num_token_types: config.optional("type_vocab_size", 0, "a whole number")?,
            absolute_positions: flag("position_biased_input", true)?,
            relative: RelativeBuckets {
                num_buckets: count(config, "position_buckets")?,
                max_distance: count(config, "max_relative_positions")?.unwrap_or(max_positions),
            },
            norm_positions: norm_positions(config)?,
            content_to_position,
            position_to_content,
            shared_projections: flag("share_att_key", false)?,
            convolution: Convolution::from_published(config)?,
            activation: Activation::from_published(config, "hidden_act", "gelu")?,
            layer_norm_epsilon: config.optional("layer_norm_eps", 1e-7, positive)?,
            hidden_dropout: config.optional("hidden_dropout_prob", 0.1, probability)?,
            attention_dropout: config.optional("attention_probs_dropout_prob", 0.1, probability)?,
            initializer_range: config.optional("initializer_range", 0.02, positive)?,
        };
        parsed
            .check()
            .map_err(|problem| problem.renamed(PUBLISHED_NAMES))?;
        Ok(parsed)
    }

    fn check(&self) -> Result<(), ConfigProblem> {
        checks::sizes(&[
            ("vocab_size", self.vocab_size),
            ("d_model", self.d_model),
            ("num_layers", self.num_layers),
            ("num_heads", self.num_heads),
            ("d_feed_forward", self.d_feed_forward),
            ("max_positions", self.max_positions),
        ])?;
        checks::multiple(("d_model", self.d_model), ("num_heads", self.num_heads))?;
        checks::probabilities(&[
            ("hidden_dropout", self.hidden_dropout),
            ("attention_dropout", self.attention_dropout),
        ])?;
        checks::positive(&[
            ("layer_norm_epsilon", self.layer_norm_epsilon),
            ("initializer_range", self.initializer_range),
        ])?;
        if let Some(convolution) = self.convolution {
            let odd = !convolution.kernel_size.is_multiple_of(2);
            let expected = "an odd number";
            ConfigProblem::unless(odd, "kernel_size", convolution.kernel_size, expected)?;
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
        DebertaV2 {
            embeddings: Embeddings::new(self, device),
            layers: (0..self.num_layers)
                .map(|_| Layer::new(self, device))
                .collect(),
            convolution: self.convolution.map(|convolution| {
                ConvolutionLayer::new(
                    convolution,
                    self.d_model,
                    self.layer_norm_epsilon,
                    self.hidden_dropout,
                    self.initializer_range,
                    device,
                )
            }),
            relative: self.relative,
            max_positions: self.max_positions,
        }
    }
}

/// What this family may ask for and is not computed here.
fn refuse_unsupported(config: &PublishedConfig, d_model: usize) -> Result<(), ConfigProblem> {
    // Without it the family is a BERT, which the library computes and nobody publishes.
    let relative = config.optional("relative_attention", false, "true")?;
    ConfigProblem::unless(relative, "relative_attention", relative, "true")?;
    let embedding_size = config.optional("embedding_size", d_model, checks::SIZE)?;
    let expected = format!("`hidden_size` ({d_model})");
    let same = embedding_size == d_model;
    ConfigProblem::unless(same, "embedding_size", embedding_size, expected)?;
    config.only("attention_head_size", Value::Null)
}

/// Which of the scores `c2p` and `p2c` are asked for.
fn position_terms(config: &PublishedConfig) -> Result<[bool; 2], ConfigProblem> {
    let Some(value) = config.value("pos_att_type") else {
        return Ok([false, false]);
    };
    let refused = || ConfigProblem::new("pos_att_type", value, POSITION_TERMS);
    let names: Vec<&str> = match value {
        Value::String(names) => names.split('|').map(str::trim).collect(),
        Value::Array(names) => names
            .iter()
            .map(|name| name.as_str().unwrap_or(""))
            .collect(),
        _ => return Err(refused()),
    };
    if names.iter().any(|name| !["c2p", "p2c"].contains(name)) {
        return Err(refused());
    }
    Ok(["c2p", "p2c"].map(|term| names.contains(&term)))
}

fn norm_positions(config: &PublishedConfig) -> Result<bool, ConfigProblem> {
    let expected = "\"layer_norm\" or \"none\"";
    let name: String = config.optional("norm_rel_ebd", "none".to_owned(), expected)?;
    match name.to_lowercase().trim() {
        "layer_norm" => Ok(true),
        "none" => Ok(false),
        _ => Err(ConfigProblem::new(
            "norm_rel_ebd",
            format!("{name:?}"),
            expected,
        )),
    }
}

/// A number that -1 stands in for where there is none.
fn count(config: &PublishedConfig, key: &str) -> Result<Option<usize>, ConfigProblem> {
    let number: i64 = config.optional(key, -1, "a whole number, or -1 for none")?;
    Ok(usize::try_from(number).ok().filter(|number| *number > 0))
}

/// Our names of what published configurations call otherwise.
const PUBLISHED_NAMES: &[(&str, &str)] = &[
    ("d_model", "hidden_size"),
    ("num_layers", "num_hidden_layers"),
    ("num_heads", "num_attention_heads"),
    ("d_feed_forward", "intermediate_size"),
    ("max_positions", "max_position_embeddings"),
    ("num_buckets", "position_buckets"),
    ("max_distance", "max_relative_positions"),
    ("layer_norm_epsilon", "layer_norm_eps"),
];

/// A DeBERTa encoder: post-norm layers of disentangled attention.
#[derive(Module, Debug)]
pub struct DebertaV2 {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    convolution: Option<ConvolutionLayer>,
    #[module(skip)]
    relative: RelativeBuckets,
    max_positions: usize,
}

impl FamilyModule for DebertaV2 {
    fn forward(
        &self,
        token_ids: Tensor<2, Int>,
        type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        _read: Option<Tensor<3, Int>>,
    ) -> Tensor<3> {
        let [_, seq_length] = token_ids.dims();
        super::assert_length(seq_length, self.max_positions);
        let rows = self.relative.of_sequence(seq_length, &token_ids.device());
        let positions = Positions {
            table: self.embeddings.relative(rows.start, rows.end),
            rows,
        };
        let reach = Reach {
            causal: false,
            window: None,
        };
        let sight = Sight::new(mask_pad.clone(), reach);
        let embedded = self.embeddings.forward(token_ids, type_ids);
        let (Some(convolution), [first, rest @ ..]) = (&self.convolution, &*self.layers) else {
            let layers = self.layers.iter();
            return layers.fold(embedded, |hidden, layer| {
                layer.forward(hidden, &positions, &sight)
            });
        };
        let attended = first.forward(embedded.clone(), &positions, &sight);
        let hidden = convolution.forward(embedded, attended, mask_pad);
        let layers = rest.iter();
        layers.fold(hidden, |hidden, layer| {
            layer.forward(hidden, &positions, &sight)
        })
    }
}

#[derive(Module, Debug)]
struct Embeddings {
    word: Embedding,
    position: Option<Embedding>,
    token_type: Option<Embedding>,
    norm: LayerNorm,
    /// `2 · span` rows, shared by all layers.
    relative: Embedding,
    relative_norm: Option<LayerNorm>,
    dropout: Dropout,
}

impl Embeddings {
    fn new(config: &DebertaV2Config, device: &Device) -> Self {
        let table = |rows| embedding(rows, config.d_model, config.initializer_range, device);
        let norm = || layer_norm(config.d_model, config.layer_norm_epsilon, device);
        let types = config.num_token_types;
        Self {
            word: table(config.vocab_size),
            position: config
                .absolute_positions
                .then(|| table(config.max_positions)),
            token_type: (types > 0).then(|| table(types)),
            norm: norm(),
            relative: table(2 * config.relative.span()),
            relative_norm: config.norm_positions.then(norm),
            dropout: DropoutConfig::new(config.hidden_dropout).init(),
        }
    }

    fn forward(&self, token_ids: Tensor<2, Int>, type_ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, seq_length] = token_ids.dims();
        let mut embedded = self.word.forward(token_ids);
        if let Some(position) = &self.position {
            let positions = position.weight.val().slice(0..seq_length);
            embedded = embedded + positions.unsqueeze::<3>();
        }
        if let Some(token_type) = &self.token_type {
            embedded = embedded + token_type.forward(type_ids);
        }
        self.dropout.forward(self.norm.forward(embedded))
    }

    /// The relative positions from row `start` to row `end`.
    fn relative(&self, start: usize, end: usize) -> Tensor<2> {
        let rows = self.relative.weight.val().slice(start..end);
        match &self.relative_norm {
            Some(norm) => norm.forward(rows),
            None => rows,
        }
    }
}

/// Attention and feed-forward block, each followed by dropout, residual sum and layer norm.
#[derive(Module, Debug)]
struct Layer {
    attention: DisentangledAttention,
    attention_norm: LayerNorm,
    feed_forward: FeedForward,
    feed_forward_norm: LayerNorm,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    epsilon: f64,
}

impl Layer {
    fn new(config: &DebertaV2Config, device: &Device) -> Self {
        let attention = DisentangledConfig {
            d_model: config.d_model,
            num_heads: config.num_heads,
            content_to_position: config.content_to_position,
            position_to_content: config.position_to_content,
            shared_projections: config.shared_projections,
            hidden_dropout: config.hidden_dropout,
            attention_dropout: config.attention_dropout,
            initializer_range: config.initializer_range,
        };
        let norm = || layer_norm(config.d_model, config.layer_norm_epsilon, device);
        Self {
            attention: attention.init(device),
            attention_norm: norm(),
            feed_forward: FeedForward::new(
                config.d_model,
                config.d_feed_forward,
                config.activation,
                config.initializer_range,
                device,
            ),
            feed_forward_norm: norm(),
            dropout: config.hidden_dropout,
            epsilon: config.layer_norm_epsilon,
        }
    }

    fn forward(&self, hidden: Tensor<3>, positions: &Positions, sight: &Sight) -> Tensor<3> {
        let attended = self.attention.forward(hidden.clone(), positions, sight);
        let norm = &self.attention_norm;
        let hidden = add_norm(norm, self.epsilon, self.dropout, attended, hidden);
        let transformed = self.feed_forward.forward(hidden.clone());
        let norm = &self.feed_forward_norm;
        add_norm(norm, self.epsilon, self.dropout, transformed, hidden)
    }
}
