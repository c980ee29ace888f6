//! `gradus inspect`

mod inspection;

use std::path::Path;

use anyhow::Result;
use burn::tensor::Device;
use gradus::bundle::Bundle;
use gradus::data::{ChatTemplate, SegmentTokenizer, TextConfig, tokenizer_notes};
use gradus::device;
use gradus::hub::Located;
use gradus::model::{EncoderConfig, ModelError, PretrainedEncoder, RewardModelConfig};

use self::inspection::{Described, Inspection, Memory, Tokenizer, Weights};
use super::settings::locate;
use crate::cli::InspectArgs;
use crate::failure::Usage;
use crate::show;

/// Default length for the memory estimate.
const SEQ_LENGTH: usize = 512;

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
    let inspection = if located.directory.join("manifest.json").is_file() {
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
        memory: Some(memory(args, &bundle.config, &device)),
    })
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
