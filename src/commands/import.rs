//! `gradus import`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gradus::bundle::{Bundle, BundlePlace, Manifest, Training};
use gradus::data::{AspectSpec, SegmentTokenizer, Separator, TextConfig, tokenizer_notes};
use gradus::device;
use gradus::eval::Aggregation;
use gradus::hub::Located;
use gradus::model::{
    ImportOptions, ImportedModel, Pooling, PretrainedEncoder, ProblemType, import_hugging_face,
};

use crate::cli::ImportArgs;
use crate::commands::process_model;
use crate::commands::settings::locate;
use crate::failure::Usage;
use crate::{output, show};

/// Default maximum length, in tokens.
const MAX_LENGTH: usize = 512;

const TOKENIZER: &str = "tokenizer.json";

pub(crate) fn run(args: &ImportArgs) -> Result<()> {
    output::check_directory(&args.output)?;
    let device = device::select(None)?;
    let Located { directory, origin } = locate(&args.directory)?;
    let place = BundlePlace::take(&args.output, args.overwrite)?;
    let base = args.base.as_deref().map(locate).transpose()?;
    let (base, origin) = match base {
        Some(base) => (Some(base.directory), base.origin),
        None => (None, origin),
    };
    let separator = process_model::separator(args, &directory)?;
    let options = options(args, base.clone(), separator.is_some())?;
    let model_directory = base.as_ref().unwrap_or(&directory);
    if directory.is_dir() && (base.is_some() || directory.join("config.json").is_file()) {
        show::model_notes(&PretrainedEncoder::open(model_directory)?);
    }
    let (imported, meaning) = if let Some(found) = process_model::import(args, &directory, &device)?
    {
        found
    } else {
        let imported = import_hugging_face(&directory, &options, &device)?;
        let meaning = meaning(&imported);
        (imported, meaning)
    };
    if separator.is_some() {
        process_model::refuse_both_sides(&imported.config.encoder)?;
    }
    let aspects = aspects(args, &imported.labels)?;
    let exported = exported_aggregation(&imported, &directory)?;
    let aggregation = args.aggregation.or(exported).unwrap_or_default();
    // A tokenizer beside an adapter is the one used in its training.
    let beside = [&directory, model_directory].into_iter();
    let text_directory = beside
        .into_iter()
        .find(|directory| directory.join(TOKENIZER).is_file())
        .unwrap_or(&directory);
    let text = text_settings(args, &imported, &aspects, separator, text_directory)?;
    for note in tokenizer_notes(text_directory, text.max_length)? {
        show::status(&format!("note: {note}"));
    }
    let text_tokenizer = SegmentTokenizer::from_file(&text_directory.join(TOKENIZER), text)?;
    let largest_id = u32::try_from(text_tokenizer.vocab_size())?.saturating_sub(1);
    let max_length = text_tokenizer.config().max_length;
    let encoder_config = &imported.config.encoder;
    encoder_config.check_sequence(max_length, largest_id, text_tokenizer.max_type_id())?;
    let mut manifest = Manifest::new(text_tokenizer.config().clone(), aggregation);
    manifest.encoder = origin;
    manifest.training = Some(Training {
        imported_from: Some(args.directory.clone()),
        adapter_of: args.base.clone(),
        ..Training::default()
    });
    show::status(&meaning);
    let bundle = Bundle {
        manifest,
        config: imported.config,
        model: imported.model,
        tokenizer: text_tokenizer.tokenizer_json().to_vec(),
        recalibration: None,
        offset: None,
    };
    for left in &imported.report.left {
        show::status(&format!("not loaded: {} ({})", left.name, left.reason));
    }
    place.save(&bundle, &[])?;
    show::status(&format!(
        "bundle saved: {} (pooling {})",
        args.output.display(),
        bundle.config.pooling
    ));
    Ok(())
}

/// The aggregation that an export stores in its configuration.
fn exported_aggregation(imported: &ImportedModel, directory: &Path) -> Result<Option<Aggregation>> {
    let Some(text) = imported.export["aggregation"].as_str() else {
        return Ok(None);
    };
    let aggregation = text.parse().map_err(|error| {
        let config = directory.join("config.json");
        Usage::new(format!(
            "{}: `gradus.aggregation`: {error}",
            config.display()
        ))
    })?;
    Ok(Some(aggregation))
}

fn options(args: &ImportArgs, base: Option<PathBuf>, separated: bool) -> Result<ImportOptions> {
    let pooling = args.pooling.clone();
    if separated && pooling.as_ref().is_some_and(|it| *it != Pooling::Last) {
        return Err(Usage::new(
            "--pooling cannot be used with a separator: the score is read at its last token",
        )
        .into());
    }
    Ok(ImportOptions {
        pooling: pooling.or(separated.then_some(Pooling::Last)),
        problem_type: args.problem_type,
        base,
    })
}

/// Text settings: stored by an export or the defaults, overridden by the arguments.
fn text_settings(
    args: &ImportArgs,
    imported: &ImportedModel,
    aspects: &[String],
    separator: Option<Separator>,
    directory: &Path,
) -> Result<TextConfig> {
    let encoder = &imported.config.encoder;
    let own_layout = separator
        .as_ref()
        .is_some_and(process_model::lays_out_the_prompt);
    let chat_template = if own_layout && args.chat_template.is_auto() {
        None
    } else {
        args.chat_template.resolve(directory, encoder.is_causal())?
    };
    let told = &imported.export["text"];
    let mut text = if told.is_null() {
        TextConfig {
            chat_template,
            max_length: match &separator {
                Some(_) => process_model::MAX_LENGTH.min(encoder.max_positions()),
                None => MAX_LENGTH.min(encoder.max_positions()),
            },
            aspects: aspects.iter().map(AspectSpec::identity).collect(),
            ..TextConfig::default()
        }
    } else {
        let told: TextConfig = serde_json::from_value(told.clone()).with_context(|| {
            Usage::new("config.json: `gradus.text` does not have the text settings of this version")
        })?;
        let template = if args.chat_template.is_auto() {
            told.chat_template.clone()
        } else {
            chat_template
        };
        TextConfig {
            chat_template: template,
            ..told
        }
    };
    if let Some(template) = &text.chat_template {
        show::chat_template(template);
    }
    for (spec, name) in text.aspects.iter_mut().zip(aspects) {
        spec.name.clone_from(name);
    }
    if let Some(segmenter) = process_model::segmenter(args, separator.as_ref()) {
        text.segmenter = segmenter;
    }
    if separator.is_some() {
        text.separator = separator;
    }
    if let Some(max_length) = args.max_length {
        text.max_length = max_length;
    }
    Ok(text)
}

/// Describes the scores.
fn meaning(imported: &ImportedModel) -> String {
    let labels = imported.labels.join(", ");
    match imported.problem_type {
        ProblemType::Regression => format!("scores: the values of {labels} (regression)"),
        ProblemType::SingleLabel => format!(
            "scores: the probability of {labels}, the second of two labels (single_label_classification)"
        ),
        ProblemType::MultiLabel => {
            format!("scores: the probabilities of {labels} (multi_label_classification)")
        }
    }
}

/// The requested names, or the model's.
fn aspects(args: &ImportArgs, labels: &[String]) -> Result<Vec<String>> {
    let Some(names) = &args.aspects else {
        return Ok(labels.to_vec());
    };
    if names.len() == labels.len() {
        return Ok(names.clone());
    }
    Err(Usage::new(format!(
        "--aspects: found {} names, expected {}, one for each output of the model",
        names.len(),
        labels.len()
    ))
    .into())
}
