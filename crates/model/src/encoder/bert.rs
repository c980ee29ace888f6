//! BERT. See Devlin et al. (2018), <https://arxiv.org/abs/1810.04805>.

use burn::module::Module;
use burn::nn::{Embedding, LayerNorm};
use burn::tensor::{Bool, Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::checks;
use super::config_keys::{self, KnownKeys};
use super::hugging_face::PublishedConfig;
use super::parts::{embedding, layer_norm};
use super::post_norm::{PostNormConfig, PostNormLayer};
use super::{Activation, PublishedActivation};
use super::{EncoderSizes, FamilyConfig, LayerBlocks, PythonClass, TokenEncoder};
use crate::error::ConfigProblem;
use crate::weights::KeyTable;
use gradus_kernels::{self as kernels, TokenLayout};

/// Configuration of a BERT encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BertConfig {
    /// Number of token ids.
    pub vocab_size: usize,
    /// Width of a token's state; a multiple of `num_heads`.
    pub d_model: usize,
    /// Number of attention blocks.
    pub num_layers: usize,
    /// Number of attention heads.
    pub num_heads: usize,
    /// Inner width of the feed-forward blocks.
    pub d_feed_forward: usize,
    /// Longest sequence, in tokens.
    pub max_positions: usize,
    /// Number of token type ids: prompt 0, response 1.
    pub num_token_types: usize,
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
    /// Whether random key weights start as a copy of the query weights. Each token then initially
    /// attends to similar tokens, from which a small model learns to compare a response with its
    /// prompt within hundreds of steps instead of thousands.
    #[serde(default)]
    pub keys_start_as_queries: bool,
}

impl BertConfig {
    /// An encoder with the proportions of the published models: feed-forward width `4 · d_model`,
    /// 512 positions, two token types, GELU, dropout 0.1, weights from `N(0, 0.02²)`.
    pub fn new(vocab_size: usize, d_model: usize, num_layers: usize, num_heads: usize) -> Self {
        Self {
            vocab_size,
            d_model,
            num_layers,
            num_heads,
            d_feed_forward: 4 * d_model,
            max_positions: 512,
            num_token_types: 2,
            activation: Activation::Gelu,
            layer_norm_epsilon: 1e-12,
            hidden_dropout: 0.1,
            attention_dropout: 0.1,
            initializer_range: 0.02,
            keys_start_as_queries: false,
        }
    }

    /// An encoder that trains from scratch in a minute on a CPU: two layers of width 128 with
    /// four heads.
    pub fn small(vocab_size: usize) -> Self {
        Self::new(vocab_size, 128, 2, 4)
    }
}

impl FamilyConfig for BertConfig {
    type Module = Bert;

    #[rustfmt::skip] // one line per tensor
    const KEYS: KeyTable = KeyTable {
        prefix: "bert.",
        modules: &[
            ("embeddings.word_embeddings", "embeddings.word"),
            ("embeddings.position_embeddings", "embeddings.position"),
            ("embeddings.token_type_embeddings", "embeddings.token_type"),
            ("embeddings.LayerNorm", "embeddings.norm"),
            ("encoder.layer.{}.attention.self.query", "layers.{}.attention.query"),
            ("encoder.layer.{}.attention.self.key", "layers.{}.attention.key"),
            ("encoder.layer.{}.attention.self.value", "layers.{}.attention.value"),
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
            ("classifier.", "head of another task"),
            ("qa_outputs.", "head of another task"),
            ("embeddings.position_ids", "constant, always 0, 1, 2, .."),
            ("embeddings.token_type_ids", "constant, always 0"),
        ],
    };

    const PYTHON_CLASS: PythonClass = PythonClass {
        architecture: "BertForTokenClassification",
        head: "classifier",
        prediction_head: false,
    };

    const BLOCKS: LayerBlocks = LayerBlocks::Plain;

    const HAS_LAYER_STATES: bool = true;

    const CONFIG_KEYS: &'static [&'static [KnownKeys]] = &[
        config_keys::BERT,
        config_keys::BERT_AND_DEBERTA,
        config_keys::BIDIRECTIONAL,
        config_keys::COMMON,
    ];

    const PUBLISHED_NAMES: &'static [(&'static str, &'static str)] = &[
        ("num_token_types", "type_vocab_size"),
        ("hidden_dropout", "hidden_dropout_prob"),
        ("attention_dropout", "attention_probs_dropout_prob"),
        ("layer_norm_epsilon", "layer_norm_eps"),
    ];

    fn to_published(&self) -> Value {
        json!({
            "type_vocab_size": self.num_token_types,
            "hidden_act": self.activation.published(),
            "layer_norm_eps": self.layer_norm_epsilon,
            "hidden_dropout_prob": self.hidden_dropout,
            "attention_probs_dropout_prob": self.attention_dropout,
            "initializer_range": self.initializer_range,
        })
    }

    fn read_published(config: &PublishedConfig) -> Result<Self, ConfigProblem> {
        refuse_unsupported(config)?;
        Ok(Self {
            vocab_size: config.size("vocab_size")?,
            d_model: config.size("hidden_size")?,
            num_layers: config.layers()?,
            num_heads: config.size("num_attention_heads")?,
            d_feed_forward: config.size("intermediate_size")?,
            max_positions: config.size_or("max_position_embeddings", 512)?,
            num_token_types: config.size_or("type_vocab_size", 2)?,
            activation: Activation::from_published(config, "hidden_act", "gelu")?,
            layer_norm_epsilon: config.positive_or("layer_norm_eps", 1e-12)?,
            hidden_dropout: config.probability_or("hidden_dropout_prob", 0.1)?,
            attention_dropout: config.probability_or("attention_probs_dropout_prob", 0.1)?,
            initializer_range: config.positive_or("initializer_range", 0.02)?,
            keys_start_as_queries: false,
        })
    }

    fn check(&self) -> Result<(), ConfigProblem> {
        self.sizes().check()?;
        checks::sizes(&[("num_token_types", self.num_token_types)])?;
        checks::multiple(("d_model", self.d_model), ("num_heads", self.num_heads))?;
        checks::dropout(self.hidden_dropout, self.attention_dropout)?;
        checks::positive(&[
            ("layer_norm_epsilon", self.layer_norm_epsilon),
            ("initializer_range", self.initializer_range),
        ])
    }

    fn sizes(&self) -> EncoderSizes {
        EncoderSizes {
            vocab_size: self.vocab_size,
            num_token_types: Some(self.num_token_types),
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

    fn init(&self, device: &Device) -> Bert {
        let layer = PostNormConfig {
            d_model: self.d_model,
            num_heads: self.num_heads,
            d_feed_forward: self.d_feed_forward,
            activation: self.activation,
            layer_norm_epsilon: self.layer_norm_epsilon,
            hidden_dropout: self.hidden_dropout,
            attention_dropout: self.attention_dropout,
            initializer_range: self.initializer_range,
            keys_start_as_queries: self.keys_start_as_queries,
        };
        let layers = (0..self.num_layers).map(|_| layer.init(device));
        Bert {
            embeddings: Embeddings::new(self, device),
            layers: layers.collect(),
        }
    }
}

/// Refuses unsupported settings of BERT and RoBERTa.
pub(super) fn refuse_unsupported(config: &PublishedConfig) -> Result<(), ConfigProblem> {
    config.only("position_embedding_type", "absolute")?;
    config.only("is_causal", false)?;
    config.only("is_decoder", false)?;
    config.only("add_cross_attention", false)
}

/// A BERT encoder without pooler: embeddings and a stack of post-norm attention blocks.
#[derive(Module, Debug)]
pub struct Bert {
    embeddings: Embeddings,
    layers: Vec<PostNormLayer>,
}

impl TokenEncoder for Bert {
    fn forward(
        &self,
        token_ids: Tensor<2, Int>,
        type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        read: Option<Tensor<3, Int>>,
    ) -> Tensor<3> {
        let embedded = self.embeddings.forward(token_ids, type_ids);
        PostNormLayer::stack(&self.layers, embedded, &TokenLayout::new(mask_pad, read))
    }

    fn layer_states(
        &self,
        token_ids: Tensor<2, Int>,
        type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        read: Option<Tensor<3, Int>>,
    ) -> Option<Vec<Tensor<3>>> {
        let embedded = self.embeddings.forward(token_ids, type_ids);
        let layout = TokenLayout::new(mask_pad, read);
        Some(PostNormLayer::stack_all(&self.layers, embedded, &layout))
    }
}

#[derive(Module, Debug)]
struct Embeddings {
    word: Embedding,
    position: Embedding,
    token_type: Embedding,
    norm: LayerNorm,
    #[module(skip)]
    dropout: f64,
}

impl Embeddings {
    fn new(config: &BertConfig, device: &Device) -> Self {
        let table = |rows| embedding(rows, config.d_model, config.initializer_range, device);
        Self {
            word: table(config.vocab_size),
            position: table(config.max_positions),
            token_type: table(config.num_token_types),
            norm: layer_norm(config.d_model, config.layer_norm_epsilon, device),
            dropout: config.hidden_dropout,
        }
    }

    fn forward(&self, token_ids: Tensor<2, Int>, type_ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, seq_length] = token_ids.dims();
        let [max_positions, _] = self.position.weight.dims();
        checks::assert_length(seq_length, max_positions);
        // Positions are 0, 1, 2, ..: the first rows of the table need no lookup.
        let positions = self
            .position
            .weight
            .val()
            .slice(0..seq_length)
            .unsqueeze::<3>();
        let types = kernels::embedding(&self.token_type, type_ids);
        let embedded = kernels::embedding(&self.word, token_ids) + types + positions;
        kernels::dropout(self.dropout, self.norm.forward(embedded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::FeedForward;
    use gradus_kernels::AddNorm;

    fn published(change: impl FnOnce(&mut Value)) -> Result<BertConfig, ConfigProblem> {
        let mut config = json!({
            "vocab_size": 50, "hidden_size": 12, "num_hidden_layers": 2,
            "num_attention_heads": 3, "intermediate_size": 20,
        });
        change(&mut config);
        let Value::Object(keys) = config else {
            unreachable!()
        };
        BertConfig::from_published(&PublishedConfig::new(keys))
    }

    #[test]
    fn sizes_are_required_and_the_rest_has_the_defaults_of_the_library() {
        let expected = BertConfig {
            d_feed_forward: 20,
            ..BertConfig::new(50, 12, 2, 3)
        };
        assert_eq!(published(|_| ()).unwrap(), expected);
        let remove =
            |config: &mut Value| drop(config.as_object_mut().unwrap().remove("hidden_size"));
        let null = |config: &mut Value| config["hidden_size"] = Value::Null;
        for (problem, found) in [(published(remove), "missing"), (published(null), "null")] {
            let expected = format!("`hidden_size` is {found}, expected a whole number above 0");
            assert_eq!(problem.unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (key, value, message) in [
            (
                "position_embedding_type",
                json!("relative_key"),
                "`position_embedding_type` is \"relative_key\", expected \"absolute\"",
            ),
            (
                "is_decoder",
                json!(true),
                "`is_decoder` is true, expected false",
            ),
            (
                "add_cross_attention",
                json!(true),
                "`add_cross_attention` is true, expected false",
            ),
            (
                "hidden_act",
                json!("swish"),
                "`hidden_act` is \"swish\", expected gelu, gelu_new, gelu_pytorch_tanh or relu",
            ),
            (
                "hidden_size",
                json!(13),
                "`hidden_size` is 13, expected a multiple of `num_attention_heads` (3)",
            ),
            (
                "num_hidden_layers",
                json!(0),
                "`num_hidden_layers` is 0, expected a whole number above 0",
            ),
            (
                "hidden_size",
                json!(-1),
                "`hidden_size` is -1, expected a whole number above 0",
            ),
            (
                "hidden_dropout_prob",
                json!(1.0),
                "`hidden_dropout_prob` is 1, expected a probability in [0, 1)",
            ),
            (
                "layer_norm_eps",
                json!(0.0),
                "`layer_norm_eps` is 0, expected a number above 0",
            ),
        ] {
            let problem = published(|config| config[key] = value).unwrap_err();
            assert_eq!(problem.to_string(), message);
        }
    }

    #[test]
    fn keys_that_do_not_matter_are_ignored() {
        published(|config| config["gradient_checkpointing"] = json!(true)).unwrap();
    }

    #[test]
    fn random_weights_are_small_and_biases_zero() {
        let device = Device::flex();
        device.seed(7);
        let bert = BertConfig::new(1000, 64, 1, 2).init(&device);
        let word = bert.embeddings.word.weight.val();
        let std = word.clone().square().mean().sqrt().into_scalar::<f32>();
        assert!((std - 0.02).abs() < 1e-3, "{std}");
        let hidden = FeedForward::new(64, 128, Activation::Gelu, 0.02, &device);
        let norm = AddNorm {
            norm: &bert.embeddings.norm,
            epsilon: 1e-12,
            dropout: 0.0,
        };
        let hidden = hidden.forward(Tensor::zeros([1, 1, 64], &device), norm);
        assert!(hidden.abs().max().into_scalar::<f32>() < f32::MIN_POSITIVE);
    }
}
