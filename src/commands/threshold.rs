//! `gradus threshold`

use std::path::Path;

use anyhow::Result;
use gradus::bundle::{Bundle, DoubtThreshold};
use gradus::data::{TextsSketch, visible_markdown};
use gradus::device;
use gradus::eval::bootstrap::Bootstrap;
use gradus::eval::threshold::{
    FlagFigures, NoThreshold, ThresholdOptions, ThresholdReport, Wish, choose_threshold,
};
use gradus::eval::{Aggregation, Aspect, JudgedAspect, Level};
use serde::Serialize;

use super::intervals;
use super::midpoints::Midpoints;
use crate::cli::DoubtArgs;
use crate::failure::Usage;
use crate::scores::{self, Scores, check_any_rating, renew_card};
use crate::{records, show};

/// Most points of the curve in a table; JSON has all.
const POINTS: usize = 10;

/// The threshold of an aspect, for programs.
#[derive(Serialize)]
struct AspectReport {
    aspect: String,
    /// What the threshold is after the bundle's recalibration, if it has one.
    recalibrated_threshold: Option<f64>,
    #[serde(flatten)]
    report: ThresholdReport,
}

pub(crate) fn run(args: &DoubtArgs) -> Result<()> {
    let Some(valid) = &args.valid else {
        return remove(args);
    };
    let wish = wish(args)?;
    let bootstrap = intervals::bootstrap(&args.bootstrap)?;
    let midpoints = Midpoints::parse(&args.midpoint.ratings)?;
    let device = device::select(args.device.device.as_deref())?;
    // The model's own scores: a recalibration may make some equal.
    let mut scorer = scores::load(&args.bundle, &device, None)?.raw();
    if let Some(policy) = args.cut.segments {
        scorer = scorer.with_cut_segments(policy);
    }
    let mut examples = records::read(valid)?;
    check_any_rating(&examples)?;
    for example in &mut examples {
        scorer.segment(example)?;
    }
    let scores = Scores::score(&scorer, &args.bundle, &examples, args.aspects.names())?;
    let mut reports = Vec::new();
    for (index, aspect) in midpoints.aspects(&scores.aspects)?.iter().enumerate() {
        let judged = JudgedAspect::collect(&scores.responses, index, &aspect.name);
        if judged.counts.scored == 0 && args.aspects.names().is_none() {
            show::status(&format!(
                "{}: no segment is both rated and scored; it gets no threshold",
                aspect.name
            ));
            continue;
        }
        let report = choose(&judged, aspect, wish, &bootstrap)?;
        let map = scores.recalibration.as_ref();
        let map = map.and_then(|recalibration| recalibration.maps.of(&aspect.name));
        reports.push(AspectReport {
            aspect: aspect.name.clone(),
            recalibrated_threshold: map.map(|map| map.apply(report.threshold)),
            report,
        });
    }
    if reports.is_empty() {
        return Err(Usage::new(format!(
            "no segment is both scored and rated on what the bundle scores: {}",
            scores.aspects.join(", ")
        ))
        .with_hint("`gradus data stats` shows what is rated; a threshold is one of segments")
        .into());
    }
    if !args.dry_run {
        let name = valid.display().to_string();
        store(&args.bundle, &name, &TextsSketch::of(&examples), &reports)?;
    }
    if args.format.json {
        show::json(&reports)?;
    } else {
        for (index, report) in reports.iter().enumerate() {
            if index > 0 {
                show::line("")?;
            }
            show_report(report, &bootstrap, args.format.markdown)?;
        }
    }
    if !args.dry_run {
        show::status(&format!(
            "{}: threshold stored; `score` and `serve` flag doubtful segments",
            args.bundle.display()
        ));
    }
    Ok(())
}

fn wish(args: &DoubtArgs) -> Result<Wish> {
    let wish = match (args.precision, args.recall, args.cost) {
        (Some(share), _, _) => Wish::Precision(share).checked(),
        (_, Some(share), _) => Wish::Recall(share).checked(),
        (_, _, Some(costs)) => Ok(costs),
        (None, None, None) => unreachable!("clap asks for one"),
    };
    wish.map_err(|wrong| Usage::new(format!("--{wrong}")).into())
}

fn remove(args: &DoubtArgs) -> Result<()> {
    let bundle = args.bundle.display();
    let is_meant = |aspect: &String| {
        let aspects = args.aspects.names();
        aspects.is_none_or(|aspects| aspects.contains(aspect))
    };
    let thresholds = Bundle::thresholds(&args.bundle)?;
    let removed: Vec<&str> = thresholds
        .keys()
        .filter(|aspect| is_meant(aspect))
        .map(String::as_str)
        .collect();
    if removed.is_empty() {
        return Err(Usage::new(format!("{bundle}: found no threshold to remove")).into());
    }
    Bundle::change_thresholds(&args.bundle, |thresholds| {
        thresholds.retain(|aspect, _| !is_meant(aspect));
    })?;
    renew_card(&args.bundle, None)?;
    let removed = removed.join(", ");
    show::status(&format!("{bundle}: threshold removed ({removed})"));
    Ok(())
}

fn choose(
    judged: &JudgedAspect,
    aspect: &Aspect,
    wish: Wish,
    bootstrap: &Bootstrap,
) -> Result<ThresholdReport> {
    let midpoint = judged.midpoint(aspect.midpoint).unwrap_or_default();
    let pairs = judged.pairs(Level::Segment, Aggregation::default(), None);
    let mut options = ThresholdOptions::new(wish);
    options.bootstrap.clone_from(bootstrap);
    choose_threshold(&pairs, midpoint, &options).map_err(|why| {
        let hint = match why {
            NoThreshold::Nothing => {
                "`gradus data stats` shows what is rated; a threshold is one of segments"
            }
            NoThreshold::NoneLow | NoThreshold::AllLow => "set --midpoint to a rating in between",
            NoThreshold::OneScore => "look at `gradus eval` on this file",
            NoThreshold::NothingCheaper | NoThreshold::AllCheaper => {
                "with such costs these scores help nobody; look at `gradus eval` on this file"
            }
            _ => "wish for less, lower --confidence, or give more rated responses",
        };
        Usage::new(format!(
            "{} (midpoint {}, {} segments in {} responses): {why}",
            aspect.name,
            show::brief(midpoint),
            pairs.len(),
            pairs.num_responses()
        ))
        .with_hint(format!("{hint}; the bundle was left as it was"))
        .into()
    })
}

fn store(
    bundle: &Path,
    fitted_on: &str,
    texts: &TextsSketch,
    reports: &[AspectReport],
) -> Result<()> {
    let of_aspect = |AspectReport { aspect, report, .. }: &AspectReport| {
        let threshold = DoubtThreshold {
            threshold: report.threshold,
            wish: report.wish,
            midpoint: report.midpoint,
            confidence: report.confidence,
            fitted_on: fitted_on.to_owned(),
            texts: Some(texts.clone()),
            segments: report.figures.counts.segments(),
        };
        (aspect.clone(), threshold)
    };
    Bundle::change_thresholds(bundle, |thresholds| {
        thresholds.extend(reports.iter().map(of_aspect));
    })?;
    renew_card(bundle, None)
}

fn show_report(found: &AspectReport, bootstrap: &Bootstrap, markdown: bool) -> Result<()> {
    let AspectReport { aspect, report, .. } = found;
    if markdown {
        show::line(&format!("## {}\n", visible_markdown(aspect)))?;
    }
    for (index, sentence) in sentences(found).iter().enumerate() {
        let name = if index == 0 && !markdown {
            format!("{aspect}: ")
        } else {
            String::new()
        };
        let mark = if markdown { "- " } else { "" };
        show::line(&format!("{mark}{name}{sentence}"))?;
    }
    show::line("")?;
    let header = ["score at most", "flagged", "precision", "recall", "F1"];
    let step = report.curve.len().div_ceil(POINTS).max(1);
    let points = report.curve.iter().enumerate();
    let points = points.filter(|(index, point)| point.chosen || index % step == 0);
    let mut rows: Vec<Vec<String>> = points
        .map(|(_, point)| {
            let mark = if point.chosen { " (chosen)" } else { "" };
            row(
                format!("{}{mark}", show::brief(point.threshold)),
                &point.figures,
            )
        })
        .collect();
    if let Some(held_out) = &report.held_out {
        rows.push(row("on held-out parts".into(), &held_out.figures));
    }
    let table = if markdown {
        show::markdown_table(&header, rows)
    } else {
        show::table(&header, rows.into_iter())
    };
    show::line(&table)?;
    if bootstrap.resamples > 0 {
        show::line(&format!("\n{}", intervals::legend(bootstrap, "responses")))?;
    }
    Ok(())
}

fn row(name: String, figures: &FlagFigures) -> Vec<String> {
    let mut row = vec![name, percent(figures.flagged_share)];
    let figures = figures.main().into_iter();
    let cells = figures.map(|(value, interval)| intervals::bracketed(value, interval, show::share));
    row.extend(cells);
    row
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{:.1} %", 100.0 * share))
}

/// What the threshold is and what it is worth.
fn sentences(found: &AspectReport) -> Vec<String> {
    let report = &found.report;
    let counts = &report.figures.counts;
    let mut lines = vec![format!(
        "segments with a score of at most {} are doubtful, for a {}: {} of {} in {} responses",
        report.threshold,
        report.wish,
        counts.flagged(),
        counts.segments(),
        report.responses,
    )];
    if let Some(threshold) = found.recalibrated_threshold {
        lines.push(format!(
            "the threshold is a score before recalibration; after it, it is {}",
            show::brief(threshold)
        ));
    }
    lines.push(format!(
        "low is a rating of at most {}: {} segments ({}), which is the precision of a flag on everything",
        show::brief(report.midpoint),
        counts.meant(),
        percent(Some(counts.meant() as f64 / counts.segments().max(1) as f64)),
    ));
    if let (Some(bound), Some(confidence)) = (report.bound, report.confidence) {
        let what = match report.wish {
            Wish::Recall(_) => "recall",
            Wish::Precision(_) | Wish::Cost { .. } => "precision",
        };
        lines.push(format!(
            "{what} on new segments like these: at least {} with a probability of {confidence}, although it was \
             chosen here",
            show::decimals(bound, 3)
        ));
    }
    if let Some(cost) = &report.cost {
        let [threshold, none, all] =
            [cost.threshold, cost.no_flags, cost.all_flags].map(show::brief);
        lines.push(format!(
            "cost per segment {threshold} here, where the threshold was chosen; {none} without any flag, {all} with \
             a flag on everything"
        ));
    }
    lines.push(match &report.held_out {
        None => "too few responses to try the same choice on parts that it does not see".to_owned(),
        Some(held_out) => {
            let cost = held_out.cost.map_or_else(String::new, |cost| {
                format!("; cost per segment {}", show::brief(cost))
            });
            let without = if held_out.folds_without > 0 {
                format!(", {} of which found no threshold", held_out.folds_without)
            } else {
                String::new()
            };
            format!(
                "`held-out parts`: the same choice on responses that it did not see, {} times{without}{cost}",
                held_out.folds
            )
        }
    });
    lines
}
