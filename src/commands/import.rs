//! `gradus import`

use anyhow::Result;
use gradus::data::{AspectSpec, TextConfig, TextEncoder};
use gradus::device;
use gradus::eval::Aggregation;
use gradus::hub::Located;
use gradus::model::{Bundle, BundlePlace, Manifest, ModelError, import_hugging_face};
use serde_json::json;

use crate::cli::ImportArgs;
use crate::commands::settings::locate;
use crate::failure::Usage;
use crate::show;

/// Longest sequence where none is asked for, in tokens.
const MAX_LENGTH: usize = 512;

pub(crate) fn run(args: &ImportArgs) -> Result<()> {
    let pooling = args.pooling.as_deref().map(str::parse).transpose();
    let pooling = pooling.map_err(ModelError::from)?;
    let aggregation: Aggregation = args.aggregation.as_deref().unwrap_or("mean").parse()?;
    let device = device::select(None)?;
    let Located { directory, origin } = locate(&args.directory)?;
    let place = BundlePlace::take(&args.output, args.overwrite)?;
    let imported = import_hugging_face(&directory, pooling, &device)?;
    let aspects = aspects(args, &imported.labels)?;
    let longest = imported.config.encoder.max_positions();
    let is_causal = imported.config.encoder.is_causal();
    let chat_template = args.chat_template.resolve(&directory, is_causal)?;
    if let Some(template) = &chat_template {
        show::chat_template(template);
    }
    let text = TextConfig {
        chat_template,
        max_length: args.max_length.unwrap_or(MAX_LENGTH.min(longest)),
        aspects: aspects.iter().map(AspectSpec::identity).collect(),
        ..TextConfig::default()
    };
    let path = directory.join("tokenizer.json");
    let encoder = TextEncoder::from_file(&path, text)?;
    let largest_id = u32::try_from(encoder.vocab_size())?.saturating_sub(1);
    let max_length = encoder.config().max_length;
    let encoder_config = &imported.config.encoder;
    encoder_config.check_sequence(max_length, largest_id, 0)?;
    let mut manifest = Manifest::new(aspects, imported.config.pooling, aggregation.to_string());
    manifest.text = serde_json::to_value(encoder.config())?;
    manifest.encoder = origin;
    manifest.training = json!({ "imported_from": args.directory });
    let bundle = Bundle {
        manifest,
        config: imported.config,
        model: imported.model,
        tokenizer: encoder.tokenizer_json().to_vec(),
        recalibration: None,
    };
    for left in &imported.report.left {
        show::status(&format!("left: {} ({})", left.name, left.reason));
    }
    place.save(&bundle, &[])?;
    show::status(&format!(
        "bundle saved: {} (pooling {})",
        args.output.display(),
        bundle.config.pooling
    ));
    Ok(())
}

/// The names asked for, or those of the model.
fn aspects(args: &ImportArgs, labels: &[String]) -> Result<Vec<String>> {
    let Some(names) = &args.aspects else {
        return Ok(labels.to_vec());
    };
    if names.len() == labels.len() {
        return Ok(names.clone());
    }
    Err(Usage::new(format!(
        "--aspects: found {} names, the model has {} outputs",
        names.len(),
        labels.len()
    ))
    .into())
}
