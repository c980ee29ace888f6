//! `gradus stack`

use anyhow::Result;
use gradus::bundle::{AspectOffset, Bundle, BundlePlace, ExtraFile, StackedAspect};
use gradus::data::Example;
use gradus::device;
use gradus::eval::baselines::{BaselineExample, FittedBaseline};
use gradus::eval::stacking::{StackedSegment, Stacking, stack, stackable};
use gradus::eval::{AspectBaselines, ScoredResponse};
use gradus_files::is_same_file;
use serde::Serialize;

use super::merge;
use crate::cli::StackArgs;
use crate::failure::Usage;
use crate::scores::{
    self, Choices, Scores, check_any_rating, check_not_trained_on, stored_baselines,
};
use crate::{output, records, show};

/// The weights of an aspect, for programs.
#[derive(Serialize)]
struct Report {
    aspect: String,
    segments: usize,
    /// Weight of the model.
    model: f64,
    baseline: Option<String>,
    /// Weight of the baseline.
    weight: f64,
    mse_before: Option<f64>,
    mse_after: Option<f64>,
}

pub(crate) fn run(args: &StackArgs) -> Result<()> {
    output::check_directory(&args.output)?;
    if is_same_file(&args.bundle, &args.output) {
        let output = args.output.display();
        return Err(Usage::new(format!(
            "{output}: found the bundle itself, expected another directory"
        ))
        .with_hint("give a new directory: the scores of before are lost otherwise")
        .into());
    }
    let device = device::select(args.device.device.as_deref())?;
    // Ahead of the work of scoring.
    let bundle = Bundle::load(&args.bundle, &device)?;
    let baselines = stored_baselines(&args.bundle)?;
    if baselines.aspects.is_empty() {
        let bundle = args.bundle.display();
        return Err(Usage::new(format!(
            "{bundle}: found no trivial baselines, expected those that training stores"
        ))
        .with_hint("train the bundle with this version")
        .into());
    }
    let place = BundlePlace::take(&args.output, args.overwrite)?;
    let (examples, scores) = scored(args)?;
    let (mut reports, mut aspects) = (Vec::new(), Vec::new());
    for (index, aspect) in scores.aspects.iter().enumerate() {
        let fitted = baselines.aspects.iter().find(|one| one.aspect == *aspect);
        let (report, stacked) = stack_aspect((index, aspect), fitted, &examples, &scores.responses);
        reports.push(report);
        aspects.push(stacked);
    }
    let stacked = bundle.stacked(&args.bundle, aspects)?;
    let extra = merge::extra_files(&args.bundle)?;
    let extra: Vec<ExtraFile<'_>> = extra
        .iter()
        .map(|(name, bytes)| ExtraFile { name, bytes })
        .collect();
    place.save(&stacked, &extra)?;
    if args.json {
        show::json(&reports)?;
    } else {
        show_table(&reports)?;
    }
    show::status(&format!("bundle saved: {}", args.output.display()));
    Ok(())
}

/// The rated data, and its scores as the model gives them.
fn scored(args: &StackArgs) -> Result<(Vec<Example>, Scores)> {
    let choices = Choices {
        raw: true,
        stride: args.stride.stride,
        device: args.device.device.as_deref(),
        precision: args.precision.precision,
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

/// The weights of an aspect; a model without baselines, or without rated segments here, stays as it is.
fn stack_aspect(
    (index, aspect): (usize, &str),
    baselines: Option<&AspectBaselines>,
    examples: &[Example],
    responses: &[ScoredResponse],
) -> (Report, StackedAspect) {
    let fitted: &[FittedBaseline] = baselines.map_or(&[], |one| &one.fitted);
    let mean = fitted.iter().find_map(|one| match one {
        FittedBaseline::TrainMean(mean) => Some(mean.mean()),
        _ => None,
    });
    let mean = mean.unwrap_or(0.0);
    let candidates: Vec<&FittedBaseline> = stackable(fitted).collect();
    let segments = segments((index, aspect), &candidates, examples, responses);
    let found: Option<Stacking> = (!candidates.is_empty())
        .then(|| stack(mean, &segments))
        .flatten();
    let model = found.map_or(1.0, |found| found.model);
    let added = found.and_then(|found| found.baseline);
    let report = Report {
        aspect: aspect.to_owned(),
        segments: segments.len(),
        model,
        baseline: added.map(|(place, _)| candidates[place].baseline().name().to_owned()),
        weight: added.map_or(0.0, |(_, weight)| weight),
        mse_before: found.map(|found| found.before),
        mse_after: found.map(|found| found.after),
    };
    let offset = match added {
        Some((place, weight)) => {
            AspectOffset::weighted(aspect, mean, candidates[place].clone(), weight)
        }
        None => AspectOffset::none(aspect),
    };
    (
        report,
        StackedAspect {
            model,
            mean,
            offset,
        },
    )
}

/// The segments that are rated and scored on the aspect.
fn segments(
    (index, aspect): (usize, &str),
    baselines: &[&FittedBaseline],
    examples: &[Example],
    responses: &[ScoredResponse],
) -> Vec<StackedSegment> {
    let mut all = Vec::new();
    for (example, response) in examples.iter().zip(responses) {
        let read = BaselineExample::of(aspect, example);
        let predicted: Vec<Vec<f64>> = baselines.iter().map(|one| one.predict(&read)).collect();
        for (place, segment) in response.segments.iter().enumerate() {
            let score = segment.scores.as_ref().map(|scores| scores[index]);
            let rating = segment.ratings.get(aspect).copied();
            let (Some(score), Some(rating)) = (score, rating) else {
                continue;
            };
            if score.is_finite() && rating.is_finite() {
                all.push(StackedSegment {
                    score,
                    rating,
                    baselines: predicted.iter().map(|one| one[place]).collect(),
                });
            }
        }
    }
    all
}

fn show_table(reports: &[Report]) -> Result<()> {
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let rows = reports.iter().map(|one| {
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
