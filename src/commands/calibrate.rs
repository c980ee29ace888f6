//! `gradus calibrate`

use anyhow::Result;
use gradus::bundle::{Bundle, PredictionIntervals};
use gradus::data::{Example, TextsSketch};
use gradus::device;
use gradus::eval::calibration::{
    AspectRecalibration, Recalibration, RecalibrationKind, Recalibrations, Reliability,
    ResponseRecalibration, fit_recalibration, recalibrated, recalibrated_segments,
};
use gradus::eval::{
    Aggregation, Aspect, Evaluation, JudgedAspect, Level, Metric, MetricValues, ScoredResponse,
};

use crate::cli::CalibrateArgs;
use crate::failure::Usage;
use crate::scores::{self, Scores, check_any_rating, renew_card};
use crate::{records, show};

/// Number of segments or responses below which an isotonic curve fits the noise.
const FEW: usize = 200;

pub(crate) fn run(args: &CalibrateArgs) -> Result<()> {
    let kind = args.kind;
    let Some(valid) = &args.valid else {
        return remove(args);
    };
    let device = device::select(args.device.device.as_deref())?;
    // Raw scores, even if there is an earlier recalibration to replace.
    let mut scorer = scores::load(&args.bundle, &device, None)?.raw();
    if let Some(policy) = args.cut.segments {
        scorer = scorer.with_cut_segments(policy);
    }
    let mut examples: Vec<Example> = records::read(valid)?;
    check_any_rating(&examples)?;
    for example in &mut examples {
        scorer.segment(example)?;
    }
    let scores = Scores::score(&scorer, &args.bundle, &examples, None)?;
    let (raw, aggregation) = (scores.responses, scores.aggregation);
    let aspects: Vec<Aspect> = scores.aspects.iter().map(Aspect::named).collect();
    let names: Vec<&str> = scores.aspects.iter().map(String::as_str).collect();
    let of_segments = fit_segments(kind, &raw, &names)?;
    let mut maps = Recalibrations::new(valid.display().to_string(), of_segments);
    maps.texts = Some(TextsSketch::of(&examples));
    maps.responses = fit_responses(
        kind,
        &recalibrated_segments(&maps, &raw, &names),
        &names,
        aggregation,
    )?;
    check_fitted(&maps, &names)?;
    let intervals = Bundle::prediction_intervals(&args.bundle)?;
    Bundle::set_recalibration(&args.bundle, Some(&maps))?;
    tell_of_removed(&intervals);
    renew_card(&args.bundle, None)?;

    let after = recalibrated(&maps, &raw, &names, aggregation);
    let mut evaluation = Evaluation::compute(&after, &aspects, aggregation, &[])?;
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
    let is_there = Bundle::has_recalibration(&args.bundle)?;
    let intervals = Bundle::prediction_intervals(&args.bundle)?;
    // Even if there is none, as it also cleans up after a killed removal.
    Bundle::set_recalibration(&args.bundle, None)?;
    renew_card(&args.bundle, None)?;
    if !is_there {
        return Err(Usage::new(format!(
            "{}: found no recalibration to remove",
            args.bundle.display()
        ))
        .into());
    }
    tell_of_removed(&intervals);
    show::status(&format!("{}: recalibration removed", args.bundle.display()));
    Ok(())
}

/// Says that intervals for the scores of before went with them.
fn tell_of_removed(intervals: &PredictionIntervals) {
    if !intervals.is_empty() {
        let aspects: Vec<&str> = intervals.keys().map(String::as_str).collect();
        show::status(&format!(
            "prediction intervals removed ({}), as they were learned on the scores of before; `gradus interval` learns new ones",
            aspects.join(", ")
        ));
    }
}

/// Fits a recalibration of segment scores for every aspect that segments are rated on.
fn fit_segments(
    kind: RecalibrationKind,
    raw: &[ScoredResponse],
    aspects: &[&str],
) -> Result<Vec<AspectRecalibration>> {
    let mut fitted = Vec::new();
    for (index, aspect) in aspects.iter().enumerate() {
        let judged = JudgedAspect::collect(raw, index, aspect);
        if let Some((recalibration, segments)) = fit(kind, &judged, aspect, "segment")? {
            fitted.push(AspectRecalibration {
                aspect: (*aspect).to_owned(),
                segments,
                recalibration,
            });
        }
    }
    Ok(fitted)
}

/// Fits a recalibration of response scores for every aspect that whole responses are rated on.
fn fit_responses(
    kind: RecalibrationKind,
    scored: &[ScoredResponse],
    aspects: &[&str],
    aggregation: Aggregation,
) -> Result<Vec<ResponseRecalibration>> {
    let mut fitted = Vec::new();
    for (index, aspect) in aspects.iter().enumerate() {
        let judged = JudgedAspect::collect_responses(scored, index, aspect, aggregation);
        if let Some((recalibration, responses)) = fit(kind, &judged, aspect, "response")? {
            fitted.push(ResponseRecalibration {
                aspect: (*aspect).to_owned(),
                aggregation,
                responses,
                recalibration,
            });
        }
    }
    Ok(fitted)
}

/// A map from scores to ratings of segments or responses (`unit`), and the number of pairs it was fitted
/// to; `None` if nothing is both rated and scored.
fn fit(
    kind: RecalibrationKind,
    judged: &JudgedAspect,
    aspect: &str,
    unit: &str,
) -> Result<Option<(Recalibration, usize)>> {
    // A whole response counts as one segment, so nothing is aggregated here.
    let pairs = judged.pairs(Level::Segment, Aggregation::Mean, None);
    let (scores, ratings) = (pairs.predictions(), pairs.targets());
    let Some(recalibration) = fit_recalibration(kind, scores, ratings) else {
        if judged.counts.rated > 0 {
            show::status(&format!(
                "{aspect}: no rated {unit} has a score; the scores of {unit}s stay as they are"
            ));
        }
        return Ok(None);
    };
    if recalibration.is_constant() {
        return Err(Usage::new(format!(
            "{aspect}: found {unit} scores that do not rise with the ratings, expected some that do; \
             recalibrated, every {unit} would get the same score"
        ))
        .with_hint("look at `gradus eval` on this file; the bundle was left as it is")
        .into());
    }
    if kind == RecalibrationKind::Isotonic && scores.len() < FEW {
        show::status(&format!(
            "{aspect}: {} {unit}s are few for an isotonic curve, which may follow their noise; \
             --kind linear needs fewer",
            scores.len()
        ));
    }
    Ok(Some((recalibration, scores.len())))
}

/// Reports aspects without a fit. Refuses data if no aspect has one.
fn check_fitted(maps: &Recalibrations, aspects: &[&str]) -> Result<()> {
    let of_segments = |aspect: &str| maps.aspects.iter().any(|entry| entry.aspect == aspect);
    let of_responses = |aspect: &str| maps.responses.iter().any(|entry| entry.aspect == aspect);
    if maps.aspects.is_empty() && maps.responses.is_empty() {
        return Err(Usage::new(format!(
            "no segment and no response is both scored and rated on what the bundle scores: {}",
            aspects.join(", ")
        ))
        .with_hint("`gradus data stats` shows what is rated, and on which aspects")
        .into());
    }
    for aspect in aspects {
        match (of_segments(aspect), of_responses(aspect)) {
            (true, _) => {}
            (false, true) => show::status(&format!(
                "{aspect}: only responses are rated; the scores of segments stay as they are"
            )),
            (false, false) => show::status(&format!(
                "{aspect}: nothing is both rated and scored; its scores stay as they are"
            )),
        }
    }
    Ok(())
}

/// Prints the figures before and after, on the data of the fit.
fn show_change(evaluation: &Evaluation, maps: &Recalibrations) -> Result<()> {
    show::line(&format!(
        "On {}, to which it was fitted (look at other data for what it is worth):",
        maps.fitted_on
    ))?;
    for aspect in &evaluation.aspects {
        let name = aspect.aspect.as_str();
        if let Some(change) = &aspect.recalibrated {
            let figures = [&change.before, &change.after];
            let figures = figures.map(|figures| (&figures.segment, figures.reliability.as_ref()));
            show_figures(name, "segments", figures, maps.of(name))?;
        }
        let responses = aspect.response_ratings.as_ref();
        if let Some(change) = responses.and_then(|found| found.recalibrated.as_ref()) {
            let figures = [&change.before, &change.after];
            let figures = figures.map(|figures| (&figures.values, figures.reliability.as_ref()));
            let title = format!("{name}, responses ({})", evaluation.aggregation);
            // The bins before are of scores whose segments have no map yet.
            let map = maps.of_responses(name, evaluation.aggregation);
            let map = map.filter(|_| maps.of(name).is_none());
            show_figures(&title, "responses", figures, map)?;
        }
    }
    Ok(())
}

/// Prints the figures before and after, and the bins before with their mapped scores.
fn show_figures(
    title: &str,
    unit: &str,
    figures: [(&MetricValues, Option<&Reliability>); 2],
    map: Option<&Recalibration>,
) -> Result<()> {
    let row = |(name, (values, reliability)): (&str, (&MetricValues, Option<&Reliability>))| {
        let numbers = [
            values.get(Metric::MSE),
            values.get(Metric::BIAS),
            reliability.map(|r| r.expected_calibration_error),
            reliability.map(|r| r.max_calibration_error),
            values.get(Metric::PEARSON),
            values.get(Metric::SPEARMAN),
        ];
        let cells = numbers.into_iter().map(show::number);
        std::iter::once(name.to_owned()).chain(cells).collect()
    };
    let header = [
        title,
        "MSE",
        "bias",
        "calibration error",
        "largest",
        "Pearson",
        "Spearman",
    ];
    let rows = ["before", "after"].into_iter().zip(figures).map(row);
    show::line(&format!("\n{}", show::table(&header, rows)))?;
    let (Some(map), Some(reliability)) = (map, figures[0].1) else {
        return Ok(());
    };
    let bins = reliability.bins.iter().map(|bin| {
        let after = map.apply(bin.mean_score);
        let numbers = [bin.mean_score, after, bin.mean_rating].map(Some);
        let cells = numbers.into_iter().map(show::number);
        let count = std::iter::once(bin.count.to_string());
        count.chain(cells).collect()
    });
    let header = [unit, "mean score", "becomes", "mean rating"];
    show::line(&format!("\n{}", show::table(&header, bins)))
}
