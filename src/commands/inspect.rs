//! `gradus inspect`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use burn::tensor::Device;
use gradus::bundle::{
    AspectOffset, Bundle, DoubtThreshold, Offset, OffsetKinds, PredictionIntervals, Quantization,
    Wish,
};
use gradus::data::{ChatTemplate, SegmentTokenizer, Separator, TextConfig, tokenizer_notes};
use gradus::device;
use gradus::hub::Located;
use gradus::model::{
    EncoderConfig, LeftTensor, MemoryEstimate, ModelError, ParameterCounts, Pooling,
    PretrainedEncoder, RewardModelConfig,
};
use serde::Serialize;

use super::settings::locate;
use crate::cli::InspectArgs;
use crate::failure::Usage;
use crate::show;

/// Default length for the memory estimate.
const SEQ_LENGTH: usize = 512;

/// The description of a directory.
#[derive(Debug, Serialize)]
struct Inspection {
    /// `encoder` or `bundle`.
    kind: &'static str,
    /// The Hub model and commit of the encoder.
    origin: Option<String>,
    supported: bool,
    /// Reason if the model is not supported.
    reason: Option<String>,
    model: Option<Described>,
    weights: Option<Weights>,
    tokenizer: Option<Tokenizer>,
    /// Ignored or contradictory settings in the files.
    notes: Vec<String>,
    /// Whether a bundle reads contexts.
    #[serde(skip_serializing_if = "Option::is_none")]
    use_context: Option<bool>,
    /// The file of the chat template, or why it cannot be used.
    chat_template: Option<String>,
    /// Text after every segment, if the bundle has a separator.
    separator: Option<Separator>,
    /// The baseline that a bundle was trained beside, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<OffsetKinds>,
    /// By aspect what scores are made of, where the baseline was added after training.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    stacked: BTreeMap<String, StackedWeights>,
    /// The thresholds of doubtful segments, by aspect, if the bundle has some.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    thresholds: BTreeMap<String, Threshold>,
    /// Its prediction intervals, by aspect.
    #[serde(skip_serializing_if = "PredictionIntervals::is_empty")]
    prediction_intervals: PredictionIntervals,
    /// How its weights are stored, if not as 32-bit floats, and how much that moved its scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantization: Option<Quantization>,
    memory: Option<Memory>,
}

/// The weights of a stacked aspect; the rest is that of the mean training rating.
#[derive(Debug, Serialize)]
struct StackedWeights {
    model: f64,
    baseline: f64,
}

/// A threshold of a bundle.
#[derive(Debug, Serialize)]
struct Threshold {
    score: f64,
    wish: Wish,
    fitted_on: String,
}

/// The configuration of a model.
#[derive(Debug, Serialize)]
struct Described {
    family: String,
    /// Whether attention is causal.
    causal: bool,
    d_model: usize,
    num_layers: usize,
    num_heads: usize,
    d_feed_forward: usize,
    vocab_size: usize,
    max_positions: usize,
    parameters: ParameterCounts,
    /// The bundle's pooling, or the default for training.
    pooling: Pooling,
    /// Whether a mix of all layers is pooled.
    scalar_mix: bool,
    aspects: Option<Vec<String>>,
}

/// Summary of the weight headers.
#[derive(Debug, Serialize)]
struct Weights {
    /// Number of tensors of each type.
    types: BTreeMap<String, usize>,
    /// Known tensors that are not used.
    left: Vec<LeftTensor>,
}

#[derive(Debug, Serialize)]
struct Tokenizer {
    vocab_size: usize,
    special_tokens: usize,
    pad_id: u32,
}

/// An estimate in bytes.
#[derive(Debug, Serialize)]
struct Memory {
    batch_size: usize,
    seq_length: usize,
    #[serde(flatten)]
    bytes: MemoryEstimate,
}

pub(crate) fn run(args: &InspectArgs) -> Result<()> {
    for (flag, value) in [
        ("--batch-size", Some(args.batch_size)),
        ("--seq-length", args.seq_length),
    ] {
        if value == Some(0) {
            return Err(Usage::new(format!("{flag}: found 0, expected at least 1")).into());
        }
    }
    let located = locate(&args.directory)?;
    Bundle::recover(&located.directory)?;
    let inspection = if located.directory.join("manifest.json").exists() {
        inspect_bundle(args, &located)?
    } else {
        match inspect_encoder(args, &located) {
            Ok(inspection) => inspection,
            Err(error) => refusal(error)?,
        }
    };
    if args.json {
        return show::json(&inspection);
    }
    for [name, value] in inspection.rows() {
        show::line(&format!("{name:<22}{value}"))?;
    }
    Ok(())
}

/// An unsupported model is a result; a directory without a model is an error.
fn refusal(error: anyhow::Error) -> Result<Inspection> {
    let about_the_model = error.downcast_ref::<ModelError>().is_some_and(|error| {
        !matches!(
            error,
            ModelError::NotADirectory { .. } | ModelError::MissingFile { .. } | ModelError::Io(_)
        )
    });
    if !about_the_model {
        return Err(error);
    }
    Ok(Inspection {
        kind: "encoder",
        origin: None,
        supported: false,
        reason: Some(error.to_string()),
        model: None,
        weights: None,
        tokenizer: None,
        notes: Vec::new(),
        use_context: None,
        chat_template: None,
        separator: None,
        offset: None,
        stacked: BTreeMap::new(),
        thresholds: BTreeMap::new(),
        prediction_intervals: PredictionIntervals::new(),
        quantization: None,
        memory: None,
    })
}

fn inspect_encoder(args: &InspectArgs, located: &Located) -> Result<Inspection> {
    let device = device::select(None)?;
    let pretrained = PretrainedEncoder::open(&located.directory)?;
    let encoder = pretrained.config();
    let longest = SEQ_LENGTH.min(encoder.max_positions());
    let notes = pretrained.notes().iter();
    let mut notes: Vec<String> = notes.map(|note| format!("config.json: {note}")).collect();
    notes.extend(tokenizer_notes(&located.directory, longest)?);
    let config = RewardModelConfig::new(encoder.clone(), encoder.default_pooling(), 1);
    let checked = match pretrained.check_weights(&device) {
        Ok((report, types)) => Ok(Weights {
            types,
            left: report.left,
        }),
        // These errors leave nothing to describe.
        Err(
            error @ (ModelError::MissingFile { .. }
            | ModelError::Io(_)
            | ModelError::ConfigFile { .. }),
        ) => {
            return Err(error.into());
        }
        Err(error) => Err(error.to_string()),
    };
    let (weights, mut reason) = match checked {
        Ok(weights) => (Some(weights), None),
        Err(reason) => (None, Some(reason)),
    };
    let tokenizer = match tokenizer(&located.directory, encoder) {
        Ok(tokenizer) => Some(tokenizer),
        Err(problem) => {
            reason.get_or_insert(problem);
            None
        }
    };
    Ok(Inspection {
        kind: "encoder",
        origin: located.origin.as_ref().map(ToString::to_string),
        supported: reason.is_none(),
        reason,
        model: Some(model(&config, None, &device)),
        weights,
        tokenizer,
        notes,
        use_context: None,
        separator: None,
        offset: None,
        stacked: BTreeMap::new(),
        thresholds: BTreeMap::new(),
        prediction_intervals: PredictionIntervals::new(),
        quantization: None,
        chat_template: match ChatTemplate::from_directory(&located.directory) {
            Ok(template) => template.map(|template| template.source),
            Err(error) => Some(format!("cannot be used: {error}")),
        },
        memory: Some(memory(args, &config, &device)),
    })
}

fn inspect_bundle(args: &InspectArgs, located: &Located) -> Result<Inspection> {
    let device = device::select(None)?;
    let (bundle, tokenizer) = Bundle::load_with_tokenizer(&located.directory, &device)?;
    let aspects = bundle.manifest.aspects();
    let text = bundle.manifest.text;
    let thresholds = bundle.manifest.thresholds.into_iter();
    let thresholds = thresholds.map(|(aspect, threshold)| {
        let DoubtThreshold {
            threshold,
            wish,
            fitted_on,
            ..
        } = threshold;
        let shown = Threshold {
            score: threshold,
            wish,
            fitted_on,
        };
        (aspect, shown)
    });
    let prediction_intervals = bundle.manifest.prediction_intervals.into_iter();
    let prediction_intervals = prediction_intervals.map(|(aspect, mut interval)| {
        interval.texts = None;
        (aspect, interval)
    });
    Ok(Inspection {
        kind: "bundle",
        origin: bundle.manifest.encoder.map(|origin| origin.to_string()),
        supported: true,
        reason: None,
        model: Some(model(&bundle.config, Some(aspects), &device)),
        weights: None,
        notes: Vec::new(),
        tokenizer: Some(described(&tokenizer)),
        use_context: Some(text.use_context),
        chat_template: text.chat_template.map(|template| template.source),
        separator: text.separator,
        offset: bundle.manifest.offset.clone(),
        stacked: bundle.offset.as_ref().map_or_else(BTreeMap::new, weights),
        thresholds: thresholds.collect(),
        prediction_intervals: prediction_intervals.collect(),
        quantization: bundle.manifest.quantization,
        memory: Some(memory(args, &bundle.config, &device)),
    })
}

/// What the scores of a stacked bundle are made of.
fn weights(offset: &Offset) -> BTreeMap<String, StackedWeights> {
    let of_aspect = |one: &AspectOffset| {
        let baseline = one.baseline.as_ref().map_or(0.0, |_| one.weight);
        let weights = StackedWeights {
            model: one.model,
            baseline,
        };
        (one.aspect.clone(), weights)
    };
    let aspects = offset.aspects.iter().filter(|_| offset.is_stacked());
    aspects.map(of_aspect).collect()
}

/// Describes the tokenizer, or says why it does not fit the encoder.
fn tokenizer(directory: &Path, encoder: &EncoderConfig) -> Result<Tokenizer, String> {
    let path = directory.join("tokenizer.json");
    if !path.is_file() {
        return Err(format!("{}: found no tokenizer.json", directory.display()));
    }
    let text = SegmentTokenizer::from_file(&path, TextConfig::default())
        .map_err(|error| error.to_string())?;
    if text.vocab_size() > encoder.vocab_size() {
        return Err(format!(
            "{}: the tokenizer has {} tokens, the encoder has {} embeddings: they belong to different models",
            path.display(),
            text.vocab_size(),
            encoder.vocab_size()
        ));
    }
    Ok(described(&text))
}

fn described(tokenizer: &SegmentTokenizer) -> Tokenizer {
    Tokenizer {
        vocab_size: tokenizer.vocab_size(),
        special_tokens: tokenizer.special_tokens(),
        pad_id: tokenizer.pad_id(),
    }
}

fn model(config: &RewardModelConfig, aspects: Option<Vec<String>>, device: &Device) -> Described {
    let sizes = config.encoder.sizes();
    Described {
        family: config.encoder.model_type().to_owned(),
        causal: config.encoder.is_causal(),
        d_model: sizes.d_model,
        num_layers: sizes.num_layers,
        num_heads: sizes.num_heads,
        d_feed_forward: sizes.d_feed_forward,
        vocab_size: sizes.vocab_size,
        max_positions: sizes.max_positions,
        parameters: config.parameters(device),
        pooling: config.pooling.clone(),
        scalar_mix: config.scalar_mix,
        aspects,
    }
}

fn memory(args: &InspectArgs, config: &RewardModelConfig, device: &Device) -> Memory {
    let longest = config.encoder.max_positions();
    let seq_length = args.seq_length.unwrap_or(SEQ_LENGTH).min(longest);
    Memory {
        batch_size: args.batch_size,
        seq_length,
        bytes: config.memory(args.batch_size, seq_length, device),
    }
}

impl Inspection {
    fn rows(&self) -> Vec<[String; 2]> {
        let mut rows = vec![("kind", self.kind.to_owned())];
        if let Some(origin) = &self.origin {
            rows.push(("encoder", origin.clone()));
        }
        let supported = if self.supported { "yes" } else { "no" };
        rows.push(("supported", supported.to_owned()));
        if let Some(reason) = &self.reason {
            rows.push(("reason", reason.clone()));
        }
        if let Some(model) = &self.model {
            rows.extend(model.rows());
        }
        if let Some(weights) = &self.weights {
            let types = weights.types.iter();
            let types: Vec<String> = types
                .map(|(kind, count)| format!("{count} × {kind}"))
                .collect();
            rows.push(("tensors", types.join(", ")));
            for left in &weights.left {
                rows.push(("not loaded", format!("{} ({})", left.name, left.reason)));
            }
        }
        if let Some(tokenizer) = &self.tokenizer {
            rows.push(("tokenizer", format!("{} tokens", tokenizer.vocab_size)));
        }
        for note in &self.notes {
            rows.push(("note", note.clone()));
        }
        if let Some(reads) = self.use_context {
            let read = if reads {
                "read after the prompt"
            } else {
                "not read"
            };
            rows.push(("context", read.to_owned()));
        }
        if let Some(separator) = &self.separator {
            rows.push(("separator", format!("{:?}", separator.text)));
        }
        if let Some(template) = &self.chat_template {
            rows.push(("chat template", template.clone()));
        }
        if let Some(kinds) = &self.offset {
            let how = if self.stacked.is_empty() {
                "beside which the model was trained"
            } else {
                "stacked after training"
            };
            rows.push((
                "offset",
                format!("{kinds}, {how}; left out with --offset drop"),
            ));
        }
        for (aspect, StackedWeights { model, baseline }) in &self.stacked {
            let rest = 1.0 - model - baseline;
            rows.push((
                "stacked",
                format!("{aspect}: {model:.2} of the model, {baseline:.2} of the baseline, {rest:.2} of the mean rating"),
            ));
        }
        for (aspect, threshold) in &self.thresholds {
            let Threshold {
                score,
                wish,
                fitted_on,
            } = threshold;
            let text =
                format!("{aspect}: score at most {score}, for a {wish}, chosen on {fitted_on}");
            rows.push(("doubtful", text));
        }
        for (aspect, interval) in &self.prediction_intervals {
            let text = format!(
                "{aspect}: score ± {} holds {} % of ratings, for scores that are {}; learned on {}",
                show::brief(interval.half_width),
                show::brief(100.0 * interval.coverage),
                interval.scored_with,
                interval.fitted_on
            );
            rows.push(("prediction interval", text));
        }
        if let Some(quantization) = &self.quantization {
            let lines = quantization.lines().into_iter();
            rows.extend(lines.map(|line| ("quantized", line)));
        }
        if let Some(memory) = &self.memory {
            rows.extend(memory.rows());
        }
        rows.into_iter()
            .map(|(name, value)| [name.to_owned(), value])
            .collect()
    }
}

impl Described {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let attention = if self.causal {
            "causal attention"
        } else {
            "bidirectional attention"
        };
        let counts = self.parameters;
        let mut rows = vec![
            ("family", format!("{} ({attention})", self.family)),
            ("layers", self.num_layers.to_string()),
            ("width", self.d_model.to_string()),
            ("heads", self.num_heads.to_string()),
            ("feed-forward width", self.d_feed_forward.to_string()),
            ("vocabulary", self.vocab_size.to_string()),
            ("longest sequence", format!("{} tokens", self.max_positions)),
            ("parameters", counted(counts.total)),
            ("- embeddings", counted(counts.embeddings)),
            ("- layers", counted(counts.layers)),
            (
                "pooling",
                if self.scalar_mix {
                    format!("{} of a mix of all layers", self.pooling)
                } else {
                    self.pooling.to_string()
                },
            ),
        ];
        if counts.adapters > 0 {
            rows.push(("- adapters", counted(counts.adapters)));
        }
        if let Some(aspects) = &self.aspects {
            rows.push(("aspects", aspects.join(", ")));
        }
        rows
    }
}

impl Memory {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let bytes = self.bytes;
        let at = format!("{} × {} tokens", self.batch_size, self.seq_length);
        vec![
            ("memory estimate for", at),
            ("- weights", show::binary(bytes.weights)),
            ("- scoring", show::binary(bytes.scoring)),
            ("- training", show::binary(bytes.training)),
            ("- training adapters", show::binary(bytes.training_adapters)),
            ("- training the head", show::binary(bytes.training_head)),
        ]
    }
}

fn counted(count: usize) -> String {
    let count = count as f64;
    match count {
        1e9.. => format!("{:.2} billion", count / 1e9),
        1e6.. => format!("{:.1} million", count / 1e6),
        _ => format!("{count:.0}"),
    }
}
