//! `gradus stack`

use std::path::Path;

use anyhow::Result;
use gradus::bundle::{Bundle, BundlePlace, ExtraFile};
use gradus::data::{Example, TextsDigest};
use gradus::device;
use gradus::eval::Baselines;
use gradus::eval::stacking::{AspectStacking, Stacker};
use gradus_files::is_same_file;

use super::merge;
use super::stack_at_end::Stacked;
use super::train::fitted_baselines;
use crate::cli::StackArgs;
use crate::failure::Usage;
use crate::scores::{
    self, Choices, Scores, check_any_rating, check_not_trained_on, stored_baselines,
};
use crate::{output, records, show};

pub(crate) fn run(args: &StackArgs) -> Result<()> {
    output::check_directory(&args.output)?;
    if is_same_file(&args.bundle, &args.output) {
        let output = args.output.display();
        return Err(Usage::new(format!(
            "{output}: found the bundle itself, expected another directory"
        ))
        .with_hint("give a new directory, so that both can be compared")
        .into());
    }
    let device = device::select(args.device.device.as_deref())?;
    // Ahead of the work of scoring.
    let bundle = Bundle::load(&args.bundle, &device)?;
    if let Some(kinds) = bundle.manifest.trained_offset() {
        let bundle = args.bundle.display();
        return Err(Usage::new(format!(
            "{bundle}: found a model that was trained beside a baseline ({kinds}), expected one that was trained alone"
        ))
        .with_hint("the baseline is part of its scores already")
        .into());
    }
    let baselines = baselines(args, &bundle)?;
    let place = BundlePlace::take(&args.output, args.overwrite)?;
    let (examples, scores) = scored(args)?;
    let mut stacker = Stacker::new(scores.aspects.iter().map(String::as_str), &baselines);
    for (example, response) in examples.iter().zip(&scores.responses) {
        let scores = response.segments.iter().map(|one| one.scores.as_deref());
        stacker.add(example, scores);
    }
    let found = stacker.fit();
    if found.iter().all(|one| one.segments == 0) {
        let valid = args.valid.display();
        return Err(Usage::new(format!(
            "{valid}: found no segment that is rated and scored, expected some: weights are fitted to ratings of segments"
        ))
        .into());
    }
    tell_of_left(&bundle, &found);
    let offsets = found.iter().map(AspectStacking::offset).collect();
    let stacked = bundle.stacked(&args.bundle, offsets)?;
    let extra = merge::extra_files(&args.bundle)?;
    let extra: Vec<ExtraFile<'_>> = extra
        .iter()
        .map(|(name, bytes)| ExtraFile { name, bytes })
        .collect();
    place.save(&stacked, &extra)?;
    let found: Vec<Stacked> = found.iter().map(Stacked::from).collect();
    if args.json {
        show::json(&found)?;
    } else {
        show_table(&found)?;
    }
    show::status(&format!("bundle saved: {}", args.output.display()));
    Ok(())
}

/// The baselines of the text: those that training stored, or fitted to `--train`.
fn baselines(args: &StackArgs, bundle: &Bundle) -> Result<Baselines> {
    let baselines = match &args.train {
        Some(train) => {
            let examples = records::read(train)?;
            check_trained_on(bundle, train, &examples)?;
            fitted_baselines(&bundle.manifest.aspects(), false, &examples)?
        }
        None => stored_baselines(&args.bundle)?,
    };
    if baselines.aspects.iter().all(|one| one.of_text.is_empty()) {
        let (from, hint) = match &args.train {
            Some(train) => (train, "baselines are fitted to ratings of segments"),
            None => (
                &args.bundle,
                "fit them: --train FILE, with the training split of the bundle",
            ),
        };
        let from = from.display();
        return Err(Usage::new(format!(
            "{from}: found no trivial baselines of the text, expected those of an aspect at least"
        ))
        .with_hint(hint)
        .into());
    }
    Ok(baselines)
}

/// Refuses other data than that of the training, where the bundle says what that was.
fn check_trained_on(bundle: &Bundle, path: &Path, examples: &[Example]) -> Result<()> {
    let training = bundle.manifest.training.as_ref();
    let trained_on = training.and_then(|training| training.data.as_ref());
    if trained_on.is_none_or(|data| data.train == TextsDigest::of(examples)) {
        return Ok(());
    }
    let path = path.display();
    Err(Usage::new(format!(
        "--train {path}: found other records than the bundle was trained on, expected its training split"
    ))
    .into())
}

/// Says what of the bundle is not in the new one.
fn tell_of_left(bundle: &Bundle, found: &[AspectStacking]) {
    let manifest = &bundle.manifest;
    let left = [
        ("recalibration", bundle.recalibration.is_some()),
        ("thresholds", !manifest.thresholds.is_empty()),
        (
            "prediction intervals",
            !manifest.prediction_intervals.is_empty(),
        ),
    ];
    let left: Vec<&str> = left.iter().filter(|one| one.1).map(|one| one.0).collect();
    if !left.is_empty() {
        show::status(&format!(
            "not taken over, because fitted to the scores of before: {}",
            left.join(", ")
        ));
    }
    for one in found.iter().filter(|one| one.segments == 0) {
        show::status(&format!(
            "`{}`: no segment is rated, so its scores are those of the model alone",
            one.aspect
        ));
    }
}

/// The rated data, and its scores as the model alone gives them.
fn scored(args: &StackArgs) -> Result<(Vec<Example>, Scores)> {
    let choices = Choices {
        raw: true,
        stride: args.stride.stride,
        device: args.device.device.as_deref(),
        precision: args.precision.precision,
        unstacked: true,
        ..Choices::default()
    };
    let scorer = scores::scorer(&args.bundle, &choices)?;
    let mut examples = records::read(&args.valid)?;
    check_any_rating(&examples)?;
    let harm = "a model seems better on them than it is";
    check_not_trained_on(&args.bundle, &args.valid, &examples, harm)?;
    for example in &mut examples {
        scorer.segment(example)?;
    }
    let (scores, _) = Scores::score_again(&scorer, &examples, None)?;
    Ok((examples, scores))
}

fn show_table(found: &[Stacked]) -> Result<()> {
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let rows = found.iter().map(|one| {
        let name = one.baseline.as_ref();
        let baseline = name.map_or_else(
            || "none".to_owned(),
            |name| format!("{name} {:.2}", one.weight),
        );
        vec![
            one.aspect.clone(),
            one.segments.to_string(),
            number(one.mse_before),
            number(one.mse_after),
            format!("{:.2}", one.model),
            baseline,
        ]
    });
    let header = ["aspect", "segments", "MSE", "stacked", "model", "baseline"];
    show::line(&show::table(&header, rows))
}
