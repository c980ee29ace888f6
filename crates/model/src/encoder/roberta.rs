//! RoBERTa and XLM-RoBERTa. See Liu et al. (2019), <https://arxiv.org/abs/1907.11692>, and
//! Conneau et al. (2019), <https://arxiv.org/abs/1911.02116>.

use burn::module::Module;
use burn::nn::{Embedding, LayerNorm};
use burn::tensor::{Bool, Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bert::{BertConfig, refuse_unsupported};
use super::checks;
use super::config_keys::Treatment::Used;
use super::config_keys::{self, KnownKeys, keys};
use super::hugging_face::PublishedConfig;
use super::parts::{embedding, layer_norm};
use super::post_norm::{PostNormConfig, PostNormLayer};
use super::{Activation, PublishedActivation};
use super::{EncoderSizes, FamilyConfig, LayerBlocks, PythonClass, TokenEncoder};
use crate::error::ConfigProblem;
use crate::weights::KeyTable;
use gradus_kernels::{self as kernels, TokenLayout};

/// Configuration of a RoBERTa encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobertaConfig {
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
    /// Id of the padding token. Positions start at the next number; if a text contains this token,
    /// it is not counted.
    pub padding_id: usize,
    /// Rows of the token type table; all tokens use the first.
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
}

impl RobertaConfig {
    /// Rows of the position table, including those up to the padding id.
    fn position_rows(&self) -> usize {
        self.max_positions + self.padding_id + 1
    }
}

#[rustfmt::skip] // one line per kind
const OWN_KEYS: &[KnownKeys] = &[
    keys(Used, &["pad_token_id"]),
];

impl FamilyConfig for RobertaConfig {
    type Module = Roberta;

    #[rustfmt::skip] // one line per tensor
    const KEYS: KeyTable = KeyTable {
        prefix: "roberta.",
        modules: BertConfig::KEYS.modules,
        split: &[],
        left: &[
            ("pooler.", "pooler of the first token; segments are pooled from all states"),
            ("lm_head.", "head of the pre-training task"),
            ("classifier.", "head of another task"),
            ("qa_outputs.", "head of another task"),
            ("embeddings.position_ids", "constant, always 0, 1, 2, .."),
            ("embeddings.token_type_ids", "constant, always 0"),
        ],
    };

    // XLM-RoBERTa's class differs in name only; Python selects it by `model_type`.
    const PYTHON_CLASS: PythonClass = PythonClass {
        architecture: "RobertaForTokenClassification",
        head: "classifier",
        prediction_head: false,
    };

    const BLOCKS: LayerBlocks = LayerBlocks::Plain;

    const HAS_LAYER_STATES: bool = true;

    const CONFIG_KEYS: &'static [&'static [KnownKeys]] = &[
        OWN_KEYS,
        config_keys::BERT,
        config_keys::BERT_AND_DEBERTA,
        config_keys::BIDIRECTIONAL,
        config_keys::COMMON,
    ];

    const PUBLISHED_NAMES: &'static [(&'static str, &'static str)] = &[
        ("padding_id", "pad_token_id"),
        ("num_token_types", "type_vocab_size"),
        ("hidden_dropout", "hidden_dropout_prob"),
        ("attention_dropout", "attention_probs_dropout_prob"),
        ("layer_norm_epsilon", "layer_norm_eps"),
    ];

    fn to_published(&self) -> Value {
        json!({
            "max_position_embeddings": self.position_rows(),
            "pad_token_id": self.padding_id,
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
        let padding_id = config.count_or("pad_token_id", 1, "a token id")?;
        let rows = config.size_or("max_position_embeddings", 512)?;
        let expected = format!(
            "a whole number above `pad_token_id` + 1 ({})",
            padding_id + 1
        );
        let fine = rows > padding_id + 1;
        ConfigProblem::unless(fine, "max_position_embeddings", rows, expected)?;
        Ok(Self {
            vocab_size: config.size("vocab_size")?,
            d_model: config.size("hidden_size")?,
            num_layers: config.layers()?,
            num_heads: config.size("num_attention_heads")?,
            d_feed_forward: config.size("intermediate_size")?,
            max_positions: rows - padding_id - 1,
            padding_id,
            num_token_types: config.size_or("type_vocab_size", 2)?,
            activation: Activation::from_published(config, "hidden_act", "gelu")?,
            layer_norm_epsilon: config.positive_or("layer_norm_eps", 1e-12)?,
            hidden_dropout: config.probability_or("hidden_dropout_prob", 0.1)?,
            attention_dropout: config.probability_or("attention_probs_dropout_prob", 0.1)?,
            initializer_range: config.positive_or("initializer_range", 0.02)?,
        })
    }

    fn check(&self) -> Result<(), ConfigProblem> {
        self.sizes().check()?;
        checks::sizes(&[("num_token_types", self.num_token_types)])?;
        checks::multiple(("d_model", self.d_model), ("num_heads", self.num_heads))?;
        let expected = format!("an id below `vocab_size` ({})", self.vocab_size);
        let fine = self.padding_id < self.vocab_size;
        ConfigProblem::unless(fine, "padding_id", self.padding_id, expected)?;
        checks::dropout(self.hidden_dropout, self.attention_dropout)?;
        checks::positive(&[
            ("layer_norm_epsilon", self.layer_norm_epsilon),
            ("initializer_range", self.initializer_range),
        ])
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

    fn init(&self, device: &Device) -> Roberta {
        let layer = PostNormConfig {
            d_model: self.d_model,
            num_heads: self.num_heads,
            d_feed_forward: self.d_feed_forward,
            activation: self.activation,
            layer_norm_epsilon: self.layer_norm_epsilon,
            hidden_dropout: self.hidden_dropout,
            attention_dropout: self.attention_dropout,
            initializer_range: self.initializer_range,
            keys_start_as_queries: false,
        };
        let layers = (0..self.num_layers).map(|_| layer.init(device));
        Roberta {
            embeddings: Embeddings::new(self, device),
            layers: layers.collect(),
        }
    }
}

/// A RoBERTa encoder without pooler: BERT's layers on embeddings without token types, whose
/// positions start after the padding token's id.
#[derive(Module, Debug)]
pub struct Roberta {
    embeddings: Embeddings,
    layers: Vec<PostNormLayer>,
}

impl TokenEncoder for Roberta {
    fn forward(
        &self,
        token_ids: Tensor<2, Int>,
        _type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        read: Option<Tensor<3, Int>>,
    ) -> Tensor<3> {
        let embedded = self.embeddings.forward(token_ids, mask_pad.clone());
        PostNormLayer::stack(&self.layers, embedded, &TokenLayout::new(mask_pad, read))
    }

    fn layer_states(
        &self,
        token_ids: Tensor<2, Int>,
        _type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        read: Option<Tensor<3, Int>>,
    ) -> Option<Vec<Tensor<3>>> {
        let embedded = self.embeddings.forward(token_ids, mask_pad.clone());
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
    padding_id: usize,
}

impl Embeddings {
    fn new(config: &RobertaConfig, device: &Device) -> Self {
        let table = |rows| embedding(rows, config.d_model, config.initializer_range, device);
        Self {
            word: table(config.vocab_size),
            position: table(config.position_rows()),
            token_type: table(config.num_token_types),
            norm: layer_norm(config.d_model, config.layer_norm_epsilon, device),
            dropout: config.hidden_dropout,
            padding_id: config.padding_id,
        }
    }

    fn forward(&self, token_ids: Tensor<2, Int>, mask_pad: Tensor<2, Bool>) -> Tensor<3> {
        let [_, seq_length] = token_ids.dims();
        let [rows, _] = self.position.weight.dims();
        checks::assert_length(seq_length, rows - self.padding_id - 1);
        let positions = positions(token_ids.clone(), mask_pad, self.padding_id);
        let no_type = self.token_type.weight.val().slice(0..1).unsqueeze::<3>();
        let positions = kernels::embedding(&self.position, positions);
        let embedded = kernels::embedding(&self.word, token_ids) + positions + no_type;
        kernels::dropout(self.dropout, self.norm.forward(embedded))
    }
}

/// `padding_id + 1, padding_id + 2, ..` for the tokens, `padding_id` for padding and for the
/// padding token.
fn positions(
    token_ids: Tensor<2, Int>,
    mask_pad: Tensor<2, Bool>,
    padding_id: usize,
) -> Tensor<2, Int> {
    #[expect(clippy::cast_possible_wrap, reason = "no table has 2^63 rows")]
    let padding_id = padding_id as i64;
    let counted = token_ids
        .not_equal_elem(padding_id)
        .bool_and(mask_pad.bool_not());
    let counted = counted.int();
    counted.clone().cumsum(1) * counted + padding_id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_counted_behind_the_padding_token_which_is_not_counted() {
        let device = Device::flex();
        let ids = Tensor::from_data([[0, 9, 1, 8, 1], [5, 6, 7, 7, 7]], &device);
        let mask = Tensor::<2, Int>::from_data([[0, 0, 0, 0, 1], [0, 0, 1, 1, 1]], &device);
        let found: Vec<i64> = positions(ids, mask.bool(), 1).into_data().iter().collect();
        assert_eq!(found, [2, 3, 1, 4, 1, 2, 3, 1, 1, 1]);
    }
}
