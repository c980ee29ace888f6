//! `gradus threshold`

mod page;
mod table;

use std::path::Path;

use anyhow::Result;
use gradus::bundle::{Bundle, DoubtThreshold};
use gradus::data::TextsSketch;
use gradus::device;
use gradus::eval::bootstrap::Bootstrap;
use gradus::eval::threshold::{
    NoThreshold, ThresholdOptions, ThresholdReport, Wish, choose_threshold,
};
use gradus::eval::{Aggregation, Aspect, JudgedAspect, Level};
use serde::Serialize;

use crate::cli::DoubtArgs;
use crate::commands::intervals;
use crate::commands::midpoints::Midpoints;
use crate::failure::Usage;
use crate::scores::{self, Scores, check_any_rating, renew_card};
use crate::{output, records, show};

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
    let page = output::page(&args.page, &[&args.bundle, valid])?;
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
    if let Some(page) = page {
        let document = page::document(&reports, &args.bundle, valid, &bootstrap)?;
        output::write_page(page, &document.html())?;
    }
    if args.format.json {
        show::json(&reports)?;
    } else {
        for (index, report) in reports.iter().enumerate() {
            if index > 0 {
                show::line("")?;
            }
            table::show(report, &bootstrap, args.format.markdown)?;
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
