//! `gradus quantize`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use burn::tensor::Device;
use gradus::bundle::{
    Bundle, BundlePlace, ExtraFile, MeasuredQuantization, Quantization, QuantizationChange,
};
use gradus::data::{Example, TextsDigest};
use gradus::device;
use gradus::eval::bootstrap::Bootstrap;
use gradus::eval::{BeforeAndAfter, Scorer, quantization_change};
use gradus::model::EmbeddingFormat;
use gradus_files::is_same_file;
use serde::Serialize;

use super::{intervals, merge};
use crate::cli::QuantizeArgs;
use crate::failure::Usage;
use crate::scores::{Scores, check_any_rating, usable};
use crate::{elsewhere, records, show};

/// The file with the weights.
const WEIGHTS: &str = "model.safetensors";

/// What was made, for programs.
#[derive(Serialize)]
struct Report<'a> {
    /// Bytes of the weights, before and after.
    weights: [u64; 2],
    #[serde(flatten)]
    quantization: &'a Quantization,
}

pub(crate) fn run(args: &QuantizeArgs) -> Result<()> {
    check(args)?;
    let bootstrap = intervals::bootstrap(&args.bootstrap)?;
    let device = device::select(args.device.device.as_deref())?;
    let weights = Bundle::info(&args.bundle)?.weights;
    let original = Bundle::load(&args.bundle, &device)?;
    if original.manifest.quantization.is_some() {
        let message = format!(
            "{}: found a quantized bundle, expected one that is not",
            args.bundle.display()
        );
        return Err(Usage::new(message)
            .with_hint("quantize the bundle it was made of")
            .into());
    }
    if original.config.lora.is_some() {
        show::status("the bundle's adapters are merged into its weights");
    }
    let place = BundlePlace::take(&args.output, args.overwrite)?;
    let extra = merge::extra_files(&args.bundle)?;
    let has_intervals = !original.manifest.prediction_intervals.is_empty();
    let mut bundle = original
        .clone()
        .quantized(args.embeddings, weights.sha256, &device)?;
    let measured = measure(args, original, bundle.clone(), &bootstrap, &device)?;
    let table = changes(&measured, &bootstrap);
    if let Err(error) = check_limit(&measured, args.embeddings) {
        show::status(&table);
        return Err(error);
    }
    if !args.json {
        show::line(&table)?;
    }
    if has_intervals {
        show::status(
            "the prediction intervals are not taken over: they hold for the scores of before; `gradus interval` learns others",
        );
    }
    let has_maps = bundle.recalibration.is_some();
    tell_of_fitted(has_maps, &measured);
    if let Some(quantization) = &mut bundle.manifest.quantization {
        quantization.measured = Some(measured);
    }
    let extra: Vec<ExtraFile<'_>> = extra
        .iter()
        .map(|(name, bytes)| ExtraFile { name, bytes })
        .collect();
    place.save(&bundle, &extra)?;
    report(args, weights.bytes, &bundle)
}

fn check(args: &QuantizeArgs) -> Result<()> {
    elsewhere::refuse_output(&args.output)?;
    if !(args.limit >= 0.0 && args.limit.is_finite()) {
        let message = format!(
            "--limit: found {}, expected a number of at least 0",
            args.limit
        );
        return Err(Usage::new(message).into());
    }
    if is_same_file(&args.bundle, &args.output) {
        let output = args.output.display();
        return Err(Usage::new(format!(
            "{output}: found the bundle itself, expected another directory"
        ))
        .with_hint("the bundle it is made of is still needed to train on, and to quantize anew")
        .into());
    }
    Ok(())
}

/// Scores the data with both bundles.
fn measure(
    args: &QuantizeArgs,
    before: Bundle,
    after: Bundle,
    bootstrap: &Bootstrap,
    device: &Device,
) -> Result<MeasuredQuantization> {
    let thresholds = before.manifest.thresholds.clone();
    let before = Scorer::new(before, device)?;
    let mut examples = records::read(&args.data)?;
    check_any_rating(&examples)?;
    for example in &mut examples {
        before.segment(example)?;
    }
    let before = Scores::score(&before, &args.bundle, &examples, None)?;
    let precision = usable(after.manifest.precision(), device);
    let after = Scorer::new(after, device)?.with_precision(precision);
    let (after, _) = Scores::score_again(&after, &examples, None)?;
    let both = BeforeAndAfter {
        raw: [raw(&before), raw(&after)],
        judged: [&before.responses, &after.responses],
        aggregation: before.aggregation,
    };
    let mut aspects = BTreeMap::new();
    for (place, name) in before.aspects.iter().enumerate() {
        let threshold = thresholds.get(name).map(|found| found.threshold);
        let change = quantization_change((place, name), both, threshold, bootstrap)?;
        aspects.extend(change.map(|change| (name.clone(), change)));
    }
    if aspects.is_empty() {
        return Err(nothing_scored(&args.data, &examples).into());
    }
    check_rated(&args.data, &aspects)?;
    Ok(MeasuredQuantization {
        data: args.data.display().to_string(),
        texts: TextsDigest::of(&examples),
        limit: args.limit,
        aspects,
    })
}

fn raw(scores: &Scores) -> &[gradus::eval::ScoredResponse] {
    match &scores.recalibration {
        Some(found) => &found.raw,
        None => &scores.responses,
    }
}

fn nothing_scored(data: &Path, examples: &[Example]) -> Usage {
    Usage::new(format!(
        "{}: found no segment with a score in {} records, expected at least one",
        data.display(),
        examples.len()
    ))
    .with_hint("`gradus score` says why segments have no score")
}

/// Refuses data that rates none of the aspects, and names those that it does not.
fn check_rated(data: &Path, aspects: &BTreeMap<String, QuantizationChange>) -> Result<()> {
    let unrated = aspects.iter().filter(|(_, change)| change.mse.is_none());
    let unrated: Vec<&str> = unrated.map(|(aspect, _)| aspect.as_str()).collect();
    if unrated.is_empty() {
        return Ok(());
    }
    let (data, names) = (data.display(), unrated.join(", "));
    if unrated.len() == aspects.len() {
        return Err(Usage::new(format!(
            "{data}: no segment and no response is rated on what is scored: {names}"
        ))
        .with_hint("check the names of the aspects with `gradus data stats`")
        .into());
    }
    show::status(&format!(
        "{data}: nothing is rated on {names}, so that only the scores are compared there"
    ));
    Ok(())
}

/// Refuses scores that moved too far.
fn check_limit(measured: &MeasuredQuantization, embeddings: EmbeddingFormat) -> Result<()> {
    let limit = measured.limit;
    let hint = match embeddings {
        EmbeddingFormat::F32 => "nothing was written;",
        _ => "nothing was written; `--embeddings f16` or `f32` moves scores less,",
    };
    for (aspect, change) in &measured.aspects {
        // Not the other way around: a size that is no number is none to accept.
        if change.size() <= limit {
            continue;
        }
        let in_sds = |value: f64| show::brief(value / change.sd);
        if change.sd == 0.0 {
            let message = format!(
                "{aspect}: all {} scores are equal, expected different ones to compare their changes with",
                change.segments
            );
            return Err(Usage::new(message)
                .with_hint("nothing was written; give other rated data")
                .into());
        }
        return Err(Usage::new(format!(
            "{aspect}: scores move by {} standard deviations in the mean and {} at most, expected at most {limit} and {}",
            in_sds(change.mean),
            in_sds(change.max),
            10.0 * limit,
        ))
        .with_hint(format!(
            "{hint} --limit accepts more, and `--precision bf16` with the bundle as it is scores almost as fast"
        ))
        .into());
    }
    Ok(())
}

/// Says what was fitted to the scores of before.
fn tell_of_fitted(is_recalibrated: bool, measured: &MeasuredQuantization) {
    if is_recalibrated {
        show::status(
            "the recalibration is taken over: it was fitted to the scores of before; `gradus calibrate` fits another",
        );
    }
    for (aspect, change) in &measured.aspects {
        if let Some(changed) = change.flags_changed {
            show::status(&format!(
                "{aspect}: the threshold is taken over: it was chosen by the scores of before, and {changed} of {} \
                 segments change sides; `gradus threshold` chooses another",
                change.segments
            ));
        }
    }
}

fn changes(measured: &MeasuredQuantization, bootstrap: &Bootstrap) -> String {
    let header = [
        "aspect",
        "segments",
        "SD",
        "mean |Δ|",
        "max |Δ|",
        "Spearman",
        "MSE before",
        "after",
        "ΔMSE",
    ];
    let rows = measured.aspects.iter().map(|(aspect, change)| {
        let QuantizationChange {
            segments,
            sd,
            mean,
            max,
            spearman,
            mse,
            mse_interval,
            ..
        } = change;
        let in_sds = |value: &f64| format!("{} ({} SD)", fine(*value), show::brief(value / sd));
        let dash = || "-".to_owned();
        let error = |place: usize| mse.map_or_else(dash, |mse| fine(mse[place]));
        let difference = mse.map_or_else(dash, |[before, after]| {
            let ends = mse_interval.map_or_else(String::new, |[low, high]| {
                format!(" [{}, {}]", fine(low), fine(high))
            });
            format!("{}{ends}", fine(after - before))
        });
        vec![
            aspect.clone(),
            segments.to_string(),
            show::brief(*sd),
            in_sds(mean),
            in_sds(max),
            spearman.map_or_else(dash, |value| show::decimals(value, 5)),
            error(0),
            error(1),
            difference,
        ]
    });
    let table = show::table(&header, rows);
    if bootstrap.resamples == 0 {
        return table;
    }
    format!("{table}\n\n{}", intervals::legend(bootstrap, "responses"))
}

/// Changes are small: with six decimals, without zeros at the end.
fn fine(value: f64) -> String {
    let text = show::decimals(value, 6);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn report(args: &QuantizeArgs, before: u64, bundle: &Bundle) -> Result<()> {
    let after = Bundle::info(&args.output)?.weights.bytes;
    if let (true, Some(quantization)) = (args.json, &bundle.manifest.quantization) {
        show::json(&Report {
            weights: [before, after],
            quantization,
        })?;
    }
    show::status(&format!(
        "bundle saved: {}; {WEIGHTS}: {} instead of {}",
        args.output.display(),
        size(after),
        size(before)
    ));
    Ok(())
}

fn size(bytes: u64) -> String {
    show::binary(usize::try_from(bytes).unwrap_or(usize::MAX))
}
