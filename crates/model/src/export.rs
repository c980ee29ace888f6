//! Export of a model to a directory that Python's transformers loads.

use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use serde_json::{Map, Value, json};

use gradus_files::NewDirectory;

use crate::encoder::EncoderConfig;
use crate::error::{ModelError, Result};
use crate::import::ProblemType;
use crate::output::Output;
use crate::pooling::Pooling;
use crate::reward_model::{RewardModel, RewardModelConfig};
use crate::weights::{OutTensor, OutValues, published_tensors, read_back, write_tensors};

/// Settings of an export.
#[derive(Debug, Clone, Copy)]
pub struct ExportOptions<'a> {
    /// Id of the padding token.
    pub pad_token_id: u32,
    /// Linear map `score · scale + shift` for each aspect, from the training scale to rating units.
    /// It is folded into the head if the head's values are the scores.
    pub units: &'a [(f64, f64)],
    /// Names of the aspects.
    pub aspects: &'a [String],
    /// For a later import, stored in the configuration under `gradus`.
    pub told: &'a Map<String, Value>,
}

fn no_linear_head() -> ModelError {
    ModelError::NotExportable {
        reason:
            "its head is not a linear layer, the only head of token classifiers in transformers"
                .into(),
    }
}

/// Tells whether values of tokens can express the scores of a model.
///
/// # Errors
/// [`ModelError::NotExportable`] for a pooling or head for which they cannot.
pub fn check_exportable(config: &RewardModelConfig, model: &RewardModel) -> Result<()> {
    let not_exportable = |reason: String| ModelError::NotExportable { reason };
    if let EncoderConfig::Own(own) = &config.encoder {
        let reason = format!(
            "its encoder is `{}`, which transformers does not have, expected one of a family that it has",
            own.kind()
        );
        return Err(not_exportable(reason));
    }
    check_pooling(&config.pooling).map_err(not_exportable)?;
    if config.scalar_mix {
        let reason = "its head reads a mix of the encoder's layers, expected the last layer alone";
        return Err(not_exportable(reason.into()));
    }
    if !model.head().is_linear() {
        return Err(no_linear_head());
    }
    Ok(())
}

/// Writes `config.json` and `model.safetensors` in Hugging Face layout.
/// `AutoModelForTokenClassification` computes a value per token and aspect; a segment's score is the
/// pooled value of its tokens. Adapters have to be merged.
///
/// # Errors
/// As [`check_exportable`], or if writing fails.
pub fn export_hugging_face(
    new: &NewDirectory,
    config: &RewardModelConfig,
    model: &RewardModel,
    options: ExportOptions<'_>,
) -> Result<()> {
    check_exportable(config, model)?;
    let export = Export {
        config,
        model,
        options,
    };
    let path = new.path().join("config.json");
    let keys = serde_json::to_vec_pretty(&export.published_config())
        .map_err(|error| ModelError::json(&path, error))?;
    new.write("config.json", &keys)?;
    let weights = new.path().join("model.safetensors");
    write_tensors(export.tensors(&weights, options.units)?, "pt", &weights)
}

struct Export<'a> {
    config: &'a RewardModelConfig,
    model: &'a RewardModel,
    options: ExportOptions<'a>,
}

impl Export<'_> {
    fn published_config(&self) -> Value {
        let options = &self.options;
        let encoder = &self.config.encoder;
        let class = encoder.python_class();
        let mut keys = encoder.to_published();
        let labels = options.aspects.iter().enumerate();
        let id2label: Map<String, Value> = labels
            .clone()
            .map(|(id, name)| (id.to_string(), name.as_str().into()))
            .collect();
        let label2id: Map<String, Value> =
            labels.map(|(id, name)| (name.clone(), id.into())).collect();
        keys["architectures"] = json!([class.architecture]);
        keys["id2label"] = id2label.into();
        keys["label2id"] = label2id.into();
        keys["problem_type"] = match self.config.output {
            Output::Identity => ProblemType::Regression,
            Output::Sigmoid => ProblemType::MultiLabel,
        }
        .to_string()
        .into();
        keys["dtype"] = "float32".into();
        keys["classifier_dropout"] = 0.0.into();
        // RoBERTa's own keys include it, because its positions start after it.
        if keys.get("pad_token_id").is_none() {
            keys["pad_token_id"] = options.pad_token_id.into();
        }
        if class.prediction_head {
            keys["classifier_activation"] = "linear".into();
            keys["classifier_bias"] = keys["norm_bias"].clone();
        }
        let mut told = options.told.clone();
        told.insert("pooling".into(), json!(self.config.pooling));
        told.insert("output".into(), json!(self.config.output));
        told.insert("aspects".into(), json!(options.aspects));
        keys["gradus"] = told.into();
        keys
    }

    fn tensors(&self, path: &Path, units: &[(f64, f64)]) -> Result<Vec<OutTensor>> {
        let encoder = &self.config.encoder;
        let (keys, class) = (encoder.keys(), encoder.python_class());
        let mut tensors = published_tensors(self.model.encoder(), &keys, keys.prefix);
        if class.prediction_head {
            let norm = final_norm(&tensors, keys.prefix, path)?;
            tensors.extend(
                inverse_norm(&norm).map_err(|reason| ModelError::NotExportable { reason })?,
            );
        }
        let folded: Vec<(f64, f64)> = match self.config.output {
            Output::Identity => units.to_vec(),
            Output::Sigmoid => vec![(1.0, 0.0); units.len()],
        };
        let head = self.model.head().linear().ok_or_else(no_linear_head)?;
        tensors.extend(Self::linear_head(head, class.head, &folded));
        Ok(tensors)
    }

    /// The head with the linear map to rating units folded in.
    fn linear_head(
        head: (Tensor<2>, Tensor<1>),
        name: &str,
        units: &[(f64, f64)],
    ) -> [OutTensor; 2] {
        let (weight, bias) = head;
        let device = weight.device();
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
        let line = |value: fn(&(f64, f64)) -> f64| {
            let values: Vec<f32> = units.iter().map(|unit| value(unit) as f32).collect();
            Tensor::<1>::from_data(TensorData::new(values, [units.len()]), &device)
        };
        let (scale, shift) = (line(|unit| unit.0), line(|unit| unit.1));
        let weight = weight.transpose() * scale.clone().unsqueeze_dim::<2>(1);
        let bias = bias * scale + shift;
        let shape = weight.dims().to_vec();
        [
            OutTensor {
                name: format!("{name}.weight"),
                shape: shape.clone(),
                values: OutValues::Here(weight.into_data().iter::<f32>().collect()),
            },
            OutTensor {
                name: format!("{name}.bias"),
                shape: vec![shape[0]],
                values: OutValues::Here(bias.into_data().iter::<f32>().collect()),
            },
        ]
    }
}

/// Checks that the pooling commutes with a linear head; otherwise token values do not determine a
/// score.
fn check_pooling(pooling: &Pooling) -> Result<(), String> {
    match pooling {
        Pooling::Mean | Pooling::Last | Pooling::First => Ok(()),
        other => Err(format!(
            "its pooling is `{other}`, which token values cannot express, expected `mean`, `last` \
             or `first`"
        )),
    }
}

/// Scale and optional shift of ModernBERT's final norm.
type Norm = (Vec<f32>, Option<Vec<f32>>);

fn final_norm(tensors: &[OutTensor], prefix: &str, path: &Path) -> Result<Norm> {
    let values = |parameter: &str| {
        let name = format!("{prefix}final_norm.{parameter}");
        let tensor = tensors.iter().find(|tensor| tensor.name == name)?;
        let OutValues::Stored(parts, _) = &tensor.values else {
            return None;
        };
        let part = parts.first()?.clone();
        Some(read_back(path, &name, part))
    };
    let weight = values("weight").unwrap_or_else(|| Ok(Vec::new()))?;
    Ok((weight, values("bias").transpose()?))
}

/// A prediction head that acts as the identity: its matrix undoes scale and shift of the final
/// norm, and its own norm applies them again to the normalized values.
fn inverse_norm((scale, shift): &Norm) -> Result<Vec<OutTensor>, String> {
    let d_model = scale.len();
    let greatest = scale.iter().fold(0f32, |most, value| most.max(value.abs()));
    if scale.iter().any(|value| value.abs() <= 1e-4 * greatest) {
        return Err(
            "a feature of its final norm is scaled by nearly 0, which the prediction head of \
             ModernBertForTokenClassification cannot undo"
                .into(),
        );
    }
    let mut matrix = vec![0f32; d_model * d_model];
    for (feature, scale) in scale.iter().enumerate() {
        matrix[feature * d_model + feature] = 1.0 / scale;
    }
    let tensor = |name: &str, shape: &[usize], values: Vec<f32>| OutTensor {
        name: format!("head.{name}"),
        shape: shape.to_vec(),
        values: OutValues::Here(values),
    };
    let mut tensors = vec![
        tensor("dense.weight", &[d_model, d_model], matrix),
        tensor("norm.weight", &[d_model], scale.clone()),
    ];
    if let Some(shift) = shift {
        let undone = shift.iter().zip(scale).map(|(shift, scale)| -shift / scale);
        tensors.push(tensor("dense.bias", &[d_model], undone.collect()));
        tensors.push(tensor("norm.bias", &[d_model], shift.clone()));
    }
    Ok(tensors)
}
