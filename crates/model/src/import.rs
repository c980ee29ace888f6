//! Reward models that others trained, as heads on encoders that are known here.

use std::path::Path;

use burn::tensor::{Device, TensorData};
use serde_json::Value;

use crate::encoder::EncoderConfig;
use crate::error::{ModelError, Result};
use crate::head::Head;
use crate::pooling::Pooling;
use crate::pretrained::{PretrainedEncoder, read_json, stored_tensors};
use crate::reward_model::{RewardModel, RewardModelConfig};
use crate::weights::{LoadReport, StoredTensor, read_back};

/// A reward model from a directory in Hugging Face layout.
#[derive(Debug)]
pub struct ImportedModel {
    /// What it is made of.
    pub config: RewardModelConfig,
    /// The model.
    pub model: RewardModel,
    /// The names of its outputs.
    pub labels: Vec<String>,
    /// What became of the tensors of the encoder.
    pub report: LoadReport,
}

/// Imports a token classifier (`..ForTokenClassification`), or a decoder with a single logit on
/// its last token (`..ForSequenceClassification`).
///
/// Without `pooling`, segments are pooled as [`EncoderConfig::default_pooling`] says.
///
/// # Errors
/// [`ModelError::NotImportable`] for another architecture or one whose head has no counterpart
/// here; the errors of [`PretrainedEncoder::open`] and [`PretrainedEncoder::load`].
pub fn import_hugging_face(
    directory: &Path,
    pooling: Option<Pooling>,
    device: &Device,
) -> Result<ImportedModel> {
    let pretrained = PretrainedEncoder::open(directory)?;
    let path = directory.join("config.json");
    let keys: Value = read_json(&path)?;
    check_architecture(&keys, pretrained.config(), &path)?;
    let (place, tensors) = stored_tensors(directory)?;
    let (head, num_aspects) = linear_head(&tensors, pretrained.config(), &place, device)?;
    let (encoder, mut report) = pretrained.load(device)?;
    let name = pretrained.config().python_class().head;
    report
        .left
        .retain(|left| left.name.split('.').next() != Some(name));
    let encoder_config = pretrained.config().clone();
    let pooling = pooling.unwrap_or(encoder_config.default_pooling());
    let config = RewardModelConfig::new(encoder_config, pooling, num_aspects);
    let model = config.init_with(encoder, device).with_head(head);
    Ok(ImportedModel {
        config,
        model,
        labels: labels(&keys, num_aspects),
        report,
    })
}

fn check_architecture(keys: &Value, encoder: &EncoderConfig, path: &Path) -> Result<()> {
    let refuse = |reason: String| {
        Err(ModelError::NotImportable {
            path: path.into(),
            reason,
        })
    };
    let Some(found) = keys["architectures"][0].as_str() else {
        return refuse("`architectures` names no class".into());
    };
    if encoder.python_class().prediction_head {
        return refuse(format!(
            "the classifiers of `{}` have a prediction head before the linear one, which has no \
             counterpart here",
            encoder.model_type()
        ));
    }
    if found.ends_with("ForTokenClassification") {
        return Ok(());
    }
    if !found.ends_with("ForSequenceClassification") {
        return refuse(format!(
            "the architecture is {found}, expected a class whose name ends in \
             `ForTokenClassification` or `ForSequenceClassification`"
        ));
    }
    if !encoder.is_causal() {
        return refuse(format!(
            "{found} reads a layer above the first token, which no segment has; token classifiers \
             and single-logit decoders can be imported"
        ));
    }
    Ok(())
}

/// The linear head of a file, and its number of outputs.
fn linear_head(
    tensors: &[StoredTensor],
    encoder: &EncoderConfig,
    place: &Path,
    device: &Device,
) -> Result<(Head, usize)> {
    let class = encoder.python_class();
    let find = |parameter: &str| {
        let name = format!("{}.{parameter}", class.head);
        tensors.iter().find(|tensor| tensor.name == name)
    };
    let refuse = |reason: String| ModelError::NotImportable {
        path: place.into(),
        reason,
    };
    let d_model = encoder.d_model();
    let lacking = || refuse(format!("it has no tensor `{}.weight`", class.head));
    let weight = find("weight").ok_or_else(lacking)?;
    let &[num_aspects, width] = weight.shape.as_slice() else {
        return Err(refuse(format!("`{}` is no matrix", weight.name)));
    };
    if width != d_model || num_aspects == 0 {
        let (name, shape) = (&weight.name, &weight.shape);
        return Err(refuse(format!(
            "`{name}` has the shape {shape:?}, expected [aspects, {d_model}]"
        )));
    }
    let values = |tensor: &StoredTensor| {
        let unreadable = || refuse(format!("`{}` holds no floats", tensor.name));
        let parameter = tensor.clone().into_parameter(tensor.name.clone());
        read_back(place, &tensor.name, parameter.ok_or_else(unreadable)?)
    };
    let bias = match find("bias") {
        Some(bias) if bias.shape == [num_aspects] => values(bias)?,
        Some(bias) => {
            let (name, shape) = (&bias.name, &bias.shape);
            let expected = format!("`{name}` has the shape {shape:?}, expected [{num_aspects}]");
            return Err(refuse(expected));
        }
        // The single logit of a decoder has none.
        None => vec![0.0; num_aspects],
    };
    let rows = values(weight)?;
    let columns = (0..d_model)
        .flat_map(|feature| rows.iter().skip(feature).step_by(d_model))
        .copied();
    let columns: Vec<f32> = columns.collect();
    let head = Head::from_weights(
        TensorData::new(columns, [d_model, num_aspects]),
        TensorData::new(bias, [num_aspects]),
        device,
    );
    Ok((head, num_aspects))
}

/// The names of the outputs, `LABEL_0`, .. where the configuration gives none.
fn labels(keys: &Value, num_aspects: usize) -> Vec<String> {
    let name = |id: usize| match keys["id2label"][id.to_string()].as_str() {
        Some(name) => name.to_owned(),
        None => format!("LABEL_{id}"),
    };
    (0..num_aspects).map(name).collect()
}
