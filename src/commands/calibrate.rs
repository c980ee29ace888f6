//! `gradus calibrate`

use anyhow::Result;
use gradus::data::{Example, read_examples};
use gradus::device;
use gradus::eval::calibration::{
    AspectRecalibration, Recalibration, RecalibrationKind, Recalibrations,
};
use gradus::eval::{
    Aspect, CalibrationFigures, Evaluation, JudgedAspect, Level, ScoredResponse, Scorer,
};
use gradus::model::Bundle;

use crate::cli::CalibrateArgs;
use crate::failure::Usage;
use crate::scores::Scores;
use crate::show;

/// Segments below which a curve of any shape follows the noise.
const FEW: usize = 200;

pub(crate) fn run(args: &CalibrateArgs) -> Result<()> {
    let kind: RecalibrationKind = args.kind.parse()?;
    let Some(valid) = &args.valid else {
        return remove(args);
    };
    let device = device::select(args.device.device.as_deref())?;
    // Fitted on what the model says, also where an earlier recalibration is to be replaced.
    let scorer = Scorer::load(&args.bundle, &device)?.raw();
    let mut examples: Vec<Example> = read_examples(valid)?;
    for example in &mut examples {
        scorer.segment(example)?;
    }
    let scores = Scores::score(&scorer, &examples, None)?;
    let (raw, aggregation) = (scores.responses, scores.aggregation);
    let fitted = fit(kind, &raw, &scores.aspects)?;
    let maps = Recalibrations::new(valid.display().to_string(), fitted);
    Bundle::set_recalibration(&args.bundle, Some(&maps.to_json()?))?;

    let aspects: Vec<Aspect> = scores.aspects.iter().map(Aspect::named).collect();
    let names: Vec<&str> = scores.aspects.iter().map(String::as_str).collect();
    let recalibrated = maps.applied(&raw, &names);
    let mut evaluation = Evaluation::compute(&recalibrated, &aspects, aggregation, &[])?;
    evaluation.add_recalibration(&raw, &aspects, &maps, true);
    if args.json {
        show::json(&evaluation)?;
    } else {
        show_change(&evaluation, &maps)?;
    }
    show::status(&format!(
        "{}: {kind} recalibration stored; `score` and `eval` apply it, unless --raw is given",
        args.bundle.display()
    ));
    Ok(())
}

fn remove(args: &CalibrateArgs) -> Result<()> {
    if !args.bundle.join(Recalibrations::FILE).is_file() {
        return Err(Usage::new(format!(
            "{}: found no recalibration to remove",
            args.bundle.display()
        ))
        .into());
    }
    Bundle::set_recalibration(&args.bundle, None)?;
    show::status(&format!("{}: recalibration removed", args.bundle.display()));
    Ok(())
}

/// Fits a recalibration for every aspect that the data is rated on.
fn fit(
    kind: RecalibrationKind,
    raw: &[ScoredResponse],
    aspects: &[String],
) -> Result<Vec<AspectRecalibration>> {
    let mut fitted = Vec::new();
    for (index, aspect) in aspects.iter().enumerate() {
        let judged = JudgedAspect::collect(raw, index, aspect);
        // The aggregation says nothing about segments.
        let pairs = judged.pairs(Level::Segment, gradus::eval::Aggregation::Mean, None);
        let (scores, ratings) = (pairs.predictions(), pairs.targets());
        let Some(recalibration) = Recalibration::fit(kind, scores, ratings) else {
            show::status(&format!(
                "{aspect}: nothing is both rated and scored; its scores stay as they are"
            ));
            continue;
        };
        if recalibration.is_constant() {
            return Err(Usage::new(format!(
                "{aspect}: found scores that do not rise with the ratings, expected some that do; \
                 recalibrated, every segment would get the same score"
            ))
            .with_hint("look at `gradus eval` on this file; the bundle was left as it is")
            .into());
        }
        if kind == RecalibrationKind::Isotonic && scores.len() < FEW {
            show::status(&format!(
                "{aspect}: {} segments are few for an isotonic curve, which may follow their noise; \
                 --kind linear needs fewer",
                scores.len()
            ));
        }
        fitted.push(AspectRecalibration {
            aspect: aspect.clone(),
            segments: scores.len(),
            recalibration,
        });
    }
    if fitted.is_empty() {
        return Err(Usage::new(format!(
            "no segment is rated on what the bundle scores: {}",
            aspects.join(", ")
        ))
        .with_hint("check the names of the aspects with `gradus data stats`")
        .into());
    }
    Ok(fitted)
}

/// Prints the figures before and after, on the data the recalibration was fitted on.
fn show_change(evaluation: &Evaluation, maps: &Recalibrations) -> Result<()> {
    show::line(&format!(
        "On {}, to which it was fitted (look at other data for what it is worth):",
        maps.fitted_on
    ))?;
    for aspect in &evaluation.aspects {
        let Some(change) = &aspect.recalibrated else {
            continue;
        };
        let row = |name: &str, figures: &CalibrationFigures| -> Vec<String> {
            let reliability = figures.reliability.as_ref();
            let values = &figures.segment;
            let numbers = [
                values.mse,
                values.bias,
                reliability.map(|r| r.expected_calibration_error),
                reliability.map(|r| r.max_calibration_error),
                values.pearson,
                values.spearman,
            ];
            let cells = numbers.into_iter().map(show::number);
            std::iter::once(name.to_owned()).chain(cells).collect()
        };
        let header = [
            aspect.aspect.as_str(),
            "MSE",
            "bias",
            "calibration error",
            "largest",
            "Pearson",
            "Spearman",
        ];
        let rows = [row("before", &change.before), row("after", &change.after)];
        show::line(&format!("\n{}", show::table(&header, rows.into_iter())))?;
        if let Some(reliability) = &change.before.reliability {
            let bins = reliability.bins.iter().map(|bin| {
                let map = maps.of(&aspect.aspect);
                let after = map.map(|map| map.apply(bin.mean_score));
                let numbers = [Some(bin.mean_score), after, Some(bin.mean_rating)];
                let cells = numbers.into_iter().map(show::number);
                std::iter::once(bin.count.to_string())
                    .chain(cells)
                    .collect()
            });
            let header = ["segments", "mean score", "becomes", "mean rating"];
            show::line(&format!("\n{}", show::table(&header, bins)))?;
        }
    }
    Ok(())
}
