//! Import of published process reward models other than plain classifiers. Their heads are
//! converted so that a score is a probability.

use std::path::Path;

use burn::tensor::Device;
use serde_json::Value;

use crate::encoder::{Activation, EncoderConfig};
use crate::error::{ModelError, Result};
use crate::head::{Head, HeadConfig, LayerWeights};
use crate::output::Output;
use crate::pooling::Pooling;
use crate::pretrained::{CONFIG, PretrainedEncoder, read_json};
use crate::reward_model::{RewardModel, RewardModelConfig};
use crate::weights::{Damaged, LoadReport, StoredTensor, read_back};

/// Head of a published process reward model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessHead {
    /// Two layers with a `ReLU` between them and two logits (`..ForProcessRewardModel`): the score
    /// is the probability of the second.
    Layers,
    /// The two labels of a token classifier (`..ForTokenClassification`): the score is the
    /// probability of the second.
    Labels,
    /// A value head with one logit (`..ForPrmModel`): the score is its sigmoid.
    Value,
    /// Two tokens of a language model (`..ForCausalLM`): the score is the probability of the first
    /// in the softmax of their two logits.
    Tokens {
        /// Id of the token for a correct segment.
        positive: usize,
        /// Id of the token for a wrong segment.
        negative: usize,
    },
}

/// A process reward model from a directory in Hugging Face layout.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProcessModel {
    /// Its configuration: one aspect, pooled at the last token of a segment.
    pub config: RewardModelConfig,
    /// The model; scores are probabilities.
    pub model: RewardModel,
    /// How the encoder's tensors were used.
    pub report: LoadReport,
}

/// The first of `architectures` in a directory's `config.json`, if there is one.
///
/// # Errors
/// If the file cannot be read.
pub fn architecture(directory: &Path) -> Result<Option<String>> {
    let path = directory.join(CONFIG);
    if !path.is_file() {
        return Ok(None);
    }
    let keys: Value = read_json(&path)?;
    Ok(keys["architectures"][0].as_str().map(str::to_owned))
}

/// Whether a directory's `config.json` describes a token classifier with two labels under one
/// softmax, as trained by TRL.
///
/// # Errors
/// If the file cannot be read.
pub fn has_two_labels(directory: &Path) -> Result<bool> {
    let keys: Value = read_json(&directory.join(CONFIG))?;
    let class = keys["architectures"][0].as_str().unwrap_or_default();
    let softmax = match keys["problem_type"].as_str() {
        Some(problem) => problem == "single_label_classification",
        None => true,
    };
    let named = keys["id2label"].as_object().map(serde_json::Map::len);
    let counted = keys["num_labels"].as_u64();
    // transformers defaults to two.
    let two = named.map_or(counted.unwrap_or(2) == 2, |named| named == 2);
    Ok(class.ends_with("ForTokenClassification") && softmax && two)
}

/// Imports a decoder with the given head.
///
/// # Errors
/// [`ModelError::NotImportable`] for a bidirectional encoder, and for missing head tensors or wrong
/// shapes; the errors of [`PretrainedEncoder::open`] and [`PretrainedEncoder::load`].
pub fn import_process_model(
    directory: &Path,
    head: ProcessHead,
    device: &Device,
) -> Result<ProcessModel> {
    let pretrained = PretrainedEncoder::open(directory)?;
    let path = directory.join(CONFIG);
    let keys: Value = read_json(&path)?;
    let encoder_config = pretrained.config().clone();
    if !encoder_config.is_causal() {
        return Err(ModelError::NotImportable {
            path,
            reason: format!(
                "`{}` is not a decoder: at a separator it would also see later segments",
                encoder_config.model_type()
            ),
        });
    }
    let (place, tensors) = pretrained.tensors()?;
    let file = Tensors {
        place: &place,
        tensors: &tensors,
    };
    // The default of all these classes is false.
    let tied = keys["tie_word_embeddings"] == true;
    let parts = file.head(head, &encoder_config, tied)?;
    let (encoder, mut report) = pretrained.load(device)?;
    let read = head.tensors();
    report
        .left
        .retain(|left| !read.iter().any(|prefix| left.name.starts_with(prefix)));
    let mut config = RewardModelConfig::new(encoder_config, Pooling::Last, 1);
    config.output = Output::Sigmoid;
    if let Some((hidden, activation)) = &parts.hidden {
        config.head = HeadConfig::Mlp {
            d_hidden: hidden.bias.len(),
            dropout: 0.0,
            activation: *activation,
        };
    }
    let head = Head::from_layers(parts.hidden, parts.output, device);
    let model = config.init_with(encoder, device).with_head(head);
    Ok(ProcessModel {
        config,
        model,
        report,
    })
}

impl ProcessHead {
    /// Prefixes of its tensor names.
    fn tensors(self) -> &'static [&'static str] {
        match self {
            Self::Layers | Self::Labels => &["score."],
            Self::Value => &["v_head."],
            Self::Tokens { .. } => &["lm_head."],
        }
    }
}

/// The layers of a head with one logit.
struct Parts {
    hidden: Option<(LayerWeights, Activation)>,
    output: LayerWeights,
}

/// The tensors of a directory.
struct Tensors<'a> {
    place: &'a Path,
    tensors: &'a [StoredTensor],
}

impl Tensors<'_> {
    fn head(&self, head: ProcessHead, encoder: &EncoderConfig, tied: bool) -> Result<Parts> {
        let d_model = encoder.d_model();
        match head {
            ProcessHead::Layers => {
                let inner = self.find(&["score.0.weight"])?;
                let d_hidden = inner.shape.first().copied().unwrap_or(0);
                let hidden = self.layer("score.0", [d_hidden, d_model])?;
                let logits = self.layer("score.2", [2, d_hidden])?;
                Ok(Parts {
                    hidden: Some((hidden, Activation::Relu)),
                    output: difference(&logits, 1, 0),
                })
            }
            ProcessHead::Labels => Ok(Parts {
                hidden: None,
                output: difference(&self.layer("score", [2, d_model])?, 1, 0),
            }),
            ProcessHead::Value => Ok(Parts {
                hidden: None,
                output: self.layer("v_head.summary", [1, d_model])?,
            }),
            ProcessHead::Tokens { positive, negative } => {
                let shape = [encoder.vocab_size(), d_model];
                let bias = "lm_head.bias";
                if self.find(&[bias]).is_ok() {
                    return Err(self.refuse(format!(
                        "it has the tensor `{bias}`, which the class does not have"
                    )));
                }
                let logits = LayerWeights {
                    weight: self.token_rows(shape, tied)?,
                    bias: vec![0.0; shape[0]],
                };
                for id in [positive, negative] {
                    if id >= shape[0] {
                        return Err(self.refuse(format!(
                            "token {id} is beyond the {} rows of its language model's head",
                            shape[0]
                        )));
                    }
                }
                Ok(Parts {
                    hidden: None,
                    output: difference(&logits, positive, negative),
                })
            }
        }
    }

    /// The output matrix of the language model: the head's, or the embeddings if they are tied and
    /// only they are stored.
    fn token_rows(&self, shape: [usize; 2], tied: bool) -> Result<Vec<f32>> {
        let head = "lm_head.weight";
        let embeddings = ["model.embed_tokens.weight", "embed_tokens.weight"];
        let tensor = match self.find(&[head]) {
            Ok(tensor) => tensor,
            Err(_) if tied => self.find(&embeddings)?,
            Err(_) => {
                return Err(self.refuse(format!(
                    "it has no tensor `{head}`, and `tie_word_embeddings` of {CONFIG} is not true"
                )));
            }
        };
        self.values(tensor, &shape)
    }

    fn layer(&self, name: &str, shape: [usize; 2]) -> Result<LayerWeights> {
        let weight = self.find(&[&format!("{name}.weight")])?;
        Ok(LayerWeights {
            weight: self.values(weight, &shape)?,
            bias: self.values_or_zeros(&format!("{name}.bias"), shape[0])?,
        })
    }

    fn values_or_zeros(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        match self.tensors.iter().find(|tensor| tensor.name == name) {
            Some(tensor) => self.values(tensor, &[length]),
            None => Ok(vec![0.0; length]),
        }
    }

    /// The first of these tensors that exists.
    fn find(&self, names: &[&str]) -> Result<&StoredTensor> {
        let found = names
            .iter()
            .find_map(|name| self.tensors.iter().find(|tensor| tensor.name == *name));
        let lacking = || self.refuse(format!("it has no tensor `{}`", names.join("` or `")));
        found.ok_or_else(lacking)
    }

    fn values(&self, tensor: &StoredTensor, shape: &[usize]) -> Result<Vec<f32>> {
        let name = &tensor.name;
        if tensor.shape != shape || shape.contains(&0) {
            let found = &tensor.shape;
            return Err(self.refuse(format!(
                "`{name}` has the shape {found:?}, expected {shape:?}"
            )));
        }
        let damaged = Damaged::default();
        let parameter = tensor.clone().into_parameter(name.clone(), &damaged);
        let unreadable = || self.refuse(format!("`{name}` holds no floats"));
        let values = read_back(self.place, name, parameter.ok_or_else(unreadable)?)?;
        damaged.refuse(self.place).map(|()| values)
    }

    fn refuse(&self, reason: String) -> ModelError {
        ModelError::NotImportable {
            path: self.place.into(),
            reason,
        }
    }
}

/// A logit whose sigmoid is the probability of `first` in the softmax of two rows.
fn difference(logits: &LayerWeights, first: usize, second: usize) -> LayerWeights {
    let width = logits.weight.len() / logits.bias.len();
    let row = |number: usize| &logits.weight[number * width..(number + 1) * width];
    let weight = row(first).iter().zip(row(second));
    LayerWeights {
        weight: weight.map(|(first, second)| first - second).collect(),
        bias: vec![logits.bias[first] - logits.bias[second]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sigmoid_of_a_difference_is_the_share_in_a_softmax() {
        let logits = LayerWeights {
            weight: vec![0.5, -1.0, 2.0, 0.25, 9.0, 9.0],
            bias: vec![0.1, -0.3, 7.0],
        };
        let one = difference(&logits, 1, 0);
        let state = [0.7_f64, -0.2];
        let value = |layer: &LayerWeights, row: usize| {
            let weights = layer.weight[2 * row..2 * row + 2].iter();
            let sum: f64 = weights.zip(state).map(|(&w, x)| f64::from(w) * x).sum();
            sum + f64::from(layer.bias[row])
        };
        let (zero, first) = (value(&logits, 0).exp(), value(&logits, 1).exp());
        let sigmoid = 1.0 / (1.0 + (-value(&one, 0)).exp());
        assert!((sigmoid - first / (zero + first)).abs() < 1e-6);
    }
}
