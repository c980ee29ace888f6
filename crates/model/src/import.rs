//! Import of published reward models.

mod linear_head;
mod problem_type;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::Value;

use self::linear_head::LinearHead;
pub use self::problem_type::ProblemType;
use crate::encoder::EncoderConfig;
use crate::error::{ModelError, Result};
use crate::pooling::Pooling;
use crate::pretrained::{CONFIG, PretrainedEncoder, read_json};
use crate::reward_model::{RewardModel, RewardModelConfig};
use crate::weights::LoadReport;

/// Settings of an import.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Pooling of segments. Default: as stored by an export, else
    /// [`EncoderConfig::default_pooling`].
    pub pooling: Option<Pooling>,
    /// Interpretation of the logits. Default: from `config.json`.
    pub problem_type: Option<ProblemType>,
    /// Base model of an adapter. Default: the directory is not an adapter.
    pub base: Option<PathBuf>,
}

/// A reward model from a directory in Hugging Face layout.
#[derive(Debug)]
pub struct ImportedModel {
    /// Its configuration.
    pub config: RewardModelConfig,
    /// The model.
    pub model: RewardModel,
    /// The names of its outputs.
    pub labels: Vec<String>,
    /// Interpretation of its logits.
    pub problem_type: ProblemType,
    /// How the encoder's tensors were used.
    pub report: LoadReport,
    /// Settings that [`export_hugging_face`](crate::export_hugging_face) stored
    /// under `gradus` in `config.json`; null for other models.
    pub export: Value,
}

/// Imports a token classifier (`..ForTokenClassification`), or a decoder with logits on its last
/// token (`..ForSequenceClassification`). With [`ImportOptions::base`], merges a peft adapter into
/// its base first.
///
/// By default, a classifier with one logit is a regression; with several logits, `problem_type` is
/// required. For two labels, the score is the probability of the second; a softmax over more labels
/// is not supported.
///
/// # Errors
/// [`ModelError::NotImportable`] for an unsupported architecture or head; the errors of
/// [`PretrainedEncoder::open`] and [`PretrainedEncoder::load`].
pub fn import_hugging_face(
    directory: &Path,
    options: &ImportOptions,
    device: &Device,
) -> Result<ImportedModel> {
    let base = options.base.as_deref();
    let pretrained = match base {
        Some(base) => PretrainedEncoder::open_adapted(base, directory)?,
        None => PretrainedEncoder::open(directory)?,
    };
    let path = base.unwrap_or(directory).join(CONFIG);
    let keys: Value = read_json(&path)?;
    let biased = check_architecture(&keys, &pretrained, &path)?;
    let (place, tensors) = pretrained.tensors()?;
    let encoder_config = pretrained.config().clone();
    let head = LinearHead::read(&tensors, &encoder_config, biased, &place)?;
    let refuse = |reason| ModelError::NotImportable {
        path: path.clone(),
        reason,
    };
    // An adapter's head replaces the base's head and its settings.
    let own = if base.is_some() { &Value::Null } else { &keys };
    let problem_type = problem_type(own, options, head.num_logits(), &path)?;
    let labels = labels(own, problem_type, head.num_logits()).map_err(refuse)?;
    let (encoder, mut report) = pretrained.load(device)?;
    let name = encoder_config.python_class().head;
    report
        .left
        .retain(|left| left.name.split('.').next() != Some(name));
    let (head, output) = head.into_head(problem_type, device);
    let export = own["gradus"].clone();
    let exported: Option<Pooling> = serde_json::from_value(export["pooling"].clone())
        .map_err(|source| ModelError::json(&path, source))?;
    let pooling = options.pooling.clone().or(exported);
    let pooling = pooling.unwrap_or(encoder_config.default_pooling());
    pooling
        .check()
        .map_err(|problem| ModelError::config_file(&path, problem))?;
    if pooling.is_trained() || pooling.d_output(1) != 1 {
        return Err(refuse(format!(
            "its head reads one state of the encoder's width, found the pooling `{pooling}`, expected `mean`, `last`, \
             `first` or `max`"
        )));
    }
    let mut config = RewardModelConfig::new(encoder_config, pooling, labels.len());
    config.output = output;
    let model = config.init_with(encoder, device).with_head(head);
    Ok(ImportedModel {
        config,
        model,
        labels,
        problem_type,
        report,
        export,
    })
}

/// Refuses unsupported classes; returns whether the head has a bias.
fn check_architecture(keys: &Value, pretrained: &PretrainedEncoder, path: &Path) -> Result<bool> {
    let encoder: &EncoderConfig = pretrained.config();
    let refuse = |reason: String| {
        Err(ModelError::NotImportable {
            path: path.into(),
            reason,
        })
    };
    if encoder.python_class().prediction_head {
        return refuse(format!(
            "the classifiers of `{}` have a prediction head before the linear one, which is not \
             supported",
            encoder.model_type()
        ));
    }
    let found = match (pretrained.adapter_task(), keys["architectures"][0].as_str()) {
        (Some("TOKEN_CLS"), _) => "ForTokenClassification",
        (Some("SEQ_CLS"), _) => "ForSequenceClassification",
        (Some(task), _) => {
            return refuse(format!(
                "the adapter's `task_type` is {task:?}, expected \"TOKEN_CLS\" or \"SEQ_CLS\": \
                 others have no scoring head"
            ));
        }
        (None, Some(class)) => class,
        (None, None) => return refuse("`architectures` names no class".into()),
    };
    if found.ends_with("ForTokenClassification") {
        // A decoder's file can turn the bias off; other heads always have one.
        let told = encoder.python_class().head == "score";
        return Ok(!told || keys["token_classification_bias"] != false);
    }
    if !found.ends_with("ForSequenceClassification") {
        return refuse(format!(
            "the architecture is {found}, expected a class whose name ends in \
             `ForTokenClassification` or `ForSequenceClassification`"
        ));
    }
    if encoder.python_class().head != "score" {
        return refuse(format!(
            "{found} scores the first token of a text, not segments; token classifiers and decoders \
             with a logit on the last token can be imported"
        ));
    }
    Ok(false)
}

/// Interpretation of the logits, or why it is ambiguous or not supported.
fn problem_type(
    keys: &Value,
    options: &ImportOptions,
    num_logits: usize,
    path: &Path,
) -> Result<ProblemType> {
    let refuse = |reason: String| {
        Err(ModelError::NotImportable {
            path: path.into(),
            reason,
        })
    };
    let published =
        ProblemType::published(keys).map_err(|problem| ModelError::config_file(path, problem))?;
    let exported = match keys["gradus"]["output"].as_str() {
        Some("identity") => Some(ProblemType::Regression),
        Some("sigmoid") => Some(ProblemType::MultiLabel),
        _ => None,
    };
    let alone = (num_logits == 1).then_some(ProblemType::Regression);
    let known = options.problem_type.or(published).or(exported).or(alone);
    match known {
        None => refuse(format!(
            "`problem_type` is missing, and {num_logits} logits are ambiguous: separate values \
             (`regression`), or a softmax (`single_label_classification`) whose second probability is \
             the score; choose with `--problem-type`"
        )),
        Some(ProblemType::SingleLabel) if num_logits != 2 => refuse(format!(
            "`problem_type` is single_label_classification with {num_logits} labels, expected 2: a \
             softmax over another number cannot be expressed"
        )),
        Some(known) => Ok(known),
    }
}

/// Refuses a `label2id` that contradicts `id2label`.
fn check_label_ids(keys: &Value) -> Result<(), String> {
    let (Some(names), Some(ids)) = (keys["id2label"].as_object(), keys["label2id"].as_object())
    else {
        return Ok(());
    };
    for (id, name) in names {
        let name = name.as_str().unwrap_or_default();
        let other = ids
            .get(name)
            .and_then(Value::as_u64)
            .map(|id| id.to_string());
        if other.as_ref() != Some(id) {
            let other = other.map_or_else(
                || "has no such name".to_owned(),
                |other| format!("says {other}"),
            );
            return Err(format!(
                "`id2label` names output {id} {name:?}, but `label2id` {other}: the names of the \
                 scores are ambiguous; make the two keys agree"
            ));
        }
    }
    Ok(())
}

/// The names of the outputs; default `LABEL_0`, ..
fn labels(keys: &Value, problem: ProblemType, num_logits: usize) -> Result<Vec<String>, String> {
    let named = keys["id2label"].as_object().map(serde_json::Map::len);
    let count = named.or(keys["num_labels"]
        .as_u64()
        .and_then(|n| usize::try_from(n).ok()));
    if let Some(count) = count
        && count != num_logits
    {
        return Err(format!(
            "it names {count} labels (`id2label`, `num_labels`), and the head has {num_logits} logits"
        ));
    }
    check_label_ids(keys)?;
    let name = |id: usize| match keys["id2label"][id.to_string()].as_str() {
        Some(name) => name.to_owned(),
        None => format!("LABEL_{id}"),
    };
    Ok(match problem {
        ProblemType::SingleLabel => vec![name(1)],
        _ => (0..num_logits).map(name).collect(),
    })
}
