//! `gradus export`

mod readme;

use anyhow::Result;
use gradus::bundle::{Bundle, BundleExport, ExtraFile};
use gradus::data::{AspectSpec, SegmentTokenizer, TextConfig};
use gradus::device;
use gradus::model::{ModelError, Output};
use serde_json::json;

use crate::cli::{ExportArgs, ExportFormat};
use crate::failure::Usage;
use crate::{output, show};

pub(crate) fn run(args: &ExportArgs) -> Result<()> {
    let ExportFormat::Hf = args.format;
    output::check_directory(&args.output)?;
    if args.output.symlink_metadata().is_ok() {
        let message = format!("{}: already exists", args.output.display());
        return Err(Usage::new(message)
            .with_hint("choose another directory, or remove this one first")
            .into());
    }
    let bundle = Bundle::load(&args.bundle, &device::select(None)?)?;
    let text = SegmentTokenizer::new(&bundle.tokenizer, bundle.manifest.text.clone())?;
    if text.config().separator.is_some() {
        let reason =
            "it reads a separator after every segment, which a token classifier cannot express";
        return Err(ModelError::NotExportable {
            reason: reason.into(),
        }
        .into());
    }
    let units: Vec<(f64, f64)> = text
        .config()
        .aspects
        .iter()
        .map(|aspect| {
            let shift = aspect.scale.to_rating(0.0);
            (aspect.scale.to_rating(1.0) - shift, shift)
        })
        .collect();
    let mut inputs = vec!["input_ids", "attention_mask"];
    if bundle.config.encoder.sizes().num_token_types.is_some() {
        inputs.push("token_type_ids");
    }
    let mut tokenizer_config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": text.pad_token(),
        "model_max_length": text.config().max_length,
        "model_input_names": inputs,
    });
    if let (Some(chat), Some(keys)) = (
        &text.config().chat_template,
        tokenizer_config.as_object_mut(),
    ) {
        for (name, token) in &chat.tokens {
            keys.entry(name.clone()).or_insert(token.clone().into());
        }
        keys.insert("chat_template".into(), without_date(&chat.template).into());
    }
    let tokenizer_config = serde_json::to_vec_pretty(&tokenizer_config)?;
    let readme = readme::text(&bundle, text.config(), &units);
    let segmenter = text.config().segmenter.python();
    let mut extra = vec![
        ExtraFile {
            name: "tokenizer_config.json",
            bytes: &tokenizer_config,
        },
        ExtraFile {
            name: "README.md",
            bytes: readme.as_bytes(),
        },
    ];
    extra.extend(segmenter.iter().flatten().map(|file| ExtraFile {
        name: file.name,
        bytes: file.text.as_bytes(),
    }));
    let export = BundleExport {
        text: &told(text.config(), bundle.config.output),
        pad_token_id: text.pad_id(),
        units: &units,
        extra: &extra,
    };
    if bundle.manifest.quantization.is_some() {
        show::status("the bundle is quantized: its rounded weights are exported as 32-bit floats");
    }
    bundle.export_hugging_face(&args.output, export)?;
    if bundle.recalibration.is_some() {
        show::status("the bundle's recalibration is not exported: scores are as with --raw");
    }
    if let Some(kinds) = &bundle.manifest.offset {
        let whole = if bundle.manifest.stacked {
            "--stack none"
        } else {
            "--offset none"
        };
        show::warning(&format!(
            "scores of the export are not those of the bundle: the baseline ({kinds}) that is added to the model's scores is \
             not exported, so they are as with --offset drop and predict ratings less well; a bundle that is trained with {whole} is \
             exported whole"
        ));
    }
    if segmenter.is_none() {
        show::status(&format!(
            "segmenter `{}` of another program is not exported: give the spans of segments yourself",
            text.config().segmenter
        ));
    }
    show::status(&format!("exported: {}", args.output.display()));
    Ok(())
}

/// The text settings for a later import, without the scales that are folded into the head.
fn told(text: &TextConfig, output: Output) -> TextConfig {
    let mut told = text.clone();
    if output == Output::Identity {
        for aspect in &mut told.aspects {
            *aspect = AspectSpec::identity(&aspect.name);
        }
    }
    told
}

/// The template with the date function renamed to one that transformers does not know, so that it
/// renders without a date, as in this program.
fn without_date(template: &str) -> String {
    template.replace("strftime_now", "strftime_left_out")
}
