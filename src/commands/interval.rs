//! `gradus interval`

use std::path::Path;

use anyhow::Result;
use gradus::bundle::{Bundle, PredictionInterval};
use gradus::data::{ContextCounts, Example, TextsSketch};
use gradus::eval::calibration::{Recalibration, Recalibrations};
use gradus::eval::prediction_interval::{
    LearnedWidth, ScoringChoices, half_width, held_out_half_width,
};
use gradus::eval::{Aggregation, JudgedAspect, Level, ScoredResponse};
use serde::Serialize;

use crate::cli::IntervalArgs;
use crate::failure::Usage;
use crate::scores::{
    self, Choices, Scores, check_any_rating, check_not_trained_on, renew_card, tell_of_context,
};
use crate::{records, show};

/// The interval of an aspect, for programs.
#[derive(Serialize)]
struct Report {
    aspect: String,
    #[serde(flatten)]
    interval: PredictionInterval,
    /// Whether the map that recalibrates the scores was fitted to the same records.
    map_held_out: bool,
}

pub(crate) fn run(args: &IntervalArgs) -> Result<()> {
    let Some(valid) = &args.valid else {
        return remove(args);
    };
    if !(args.coverage > 0.0 && args.coverage < 1.0) {
        return Err(Usage::new(format!(
            "--coverage: found {}, expected a share above 0 and below 1, such as 0.9",
            args.coverage
        ))
        .into());
    }
    let choices = Choices {
        raw: args.raw,
        offset: args.offset.offset,
        stride: args.stride.stride,
        cut_segments: args.cut.segments,
        device: args.device.device.as_deref(),
        precision: args.precision.precision,
        ..Choices::default()
    };
    let scorer = scores::scorer(&args.bundle, &choices)?;
    let mut examples: Vec<Example> = records::read(valid)?;
    check_any_rating(&examples)?;
    let harm = "an interval learned on them would be too narrow for new texts";
    check_not_trained_on(&args.bundle, valid, &examples, harm)?;
    for example in &mut examples {
        scorer.segment(example)?;
    }
    let maps = scorer.recalibrations().filter(|_| !scorer.is_raw());
    let fit = maps
        .map(|maps| MapFit::of(maps, valid, &examples))
        .transpose()?;
    tell_of_context(&scorer, ContextCounts::of(&examples));
    // Nothing more is said of the data: that the map saw it is taken care of.
    let (scores, truncated) = Scores::score_again(&scorer, &examples, args.aspects.names())?;
    if truncated.any() {
        show::status(&truncated.to_string());
    }
    let learned_on = LearnedOn {
        choices: scorer.scoring_choices(),
        fitted_on: valid.display().to_string(),
        texts: TextsSketch::of(&examples),
        map: maps.zip(fit),
    };
    let mut reports = reports(args, &scores, &learned_on)?;
    if !args.dry_run {
        Bundle::change_prediction_intervals(&args.bundle, |intervals| {
            let new = reports.iter();
            intervals.extend(new.map(|report| (report.aspect.clone(), report.interval.clone())));
        })?;
        renew_card(&args.bundle, None)?;
    }
    // Thousands of digests say nothing to a reader.
    for report in &mut reports {
        report.interval.texts = None;
    }
    if args.json {
        show::json(&reports)?;
    } else {
        show_table(&reports)?;
    }
    if !args.dry_run {
        show::status(&format!(
            "{}: prediction interval stored; `score` and `serve` write `low` and `high` beside scores",
            args.bundle.display()
        ));
    }
    Ok(())
}

fn remove(args: &IntervalArgs) -> Result<()> {
    let bundle = args.bundle.display();
    let is_meant = |aspect: &String| {
        let aspects = args.aspects.names();
        aspects.is_none_or(|aspects| aspects.contains(aspect))
    };
    let intervals = Bundle::prediction_intervals(&args.bundle)?;
    let removed = intervals.keys().filter(|aspect| is_meant(aspect));
    let removed: Vec<&str> = removed.map(String::as_str).collect();
    if removed.is_empty() {
        return Err(Usage::new(format!("{bundle}: found no prediction interval to remove")).into());
    }
    Bundle::change_prediction_intervals(&args.bundle, |intervals| {
        intervals.retain(|aspect, _| !is_meant(aspect));
    })?;
    renew_card(&args.bundle, None)?;
    let removed = removed.join(", ");
    show::status(&format!(
        "{bundle}: prediction interval removed ({removed})"
    ));
    Ok(())
}

/// What the map that recalibrates scores has seen of the data.
#[derive(Clone, Copy)]
enum MapFit {
    /// None of its records.
    Other,
    /// All of them, and no others.
    Same,
}

impl MapFit {
    fn of(maps: &Recalibrations, valid: &Path, examples: &[Example]) -> Result<Self> {
        let own = TextsSketch::of(examples);
        match &maps.texts {
            Some(texts) if *texts == own => Ok(Self::Same),
            Some(texts) if texts.shared(examples).shared == 0 => Ok(Self::Other),
            found => {
                let seen = if found.is_some() {
                    "was fitted to some of its records and to others"
                } else {
                    "does not say what it was fitted to"
                };
                Err(Usage::new(format!(
                    "{}: the recalibration of the bundle {seen}, expected one that was fitted to just this data, or to \
                     other data",
                    valid.display()
                ))
                .with_hint(
                    "fit it anew with `gradus calibrate` to this file or to others, or give --raw",
                )
                .into())
            }
        }
    }
}

/// What the intervals of all aspects have in common.
struct LearnedOn<'a> {
    choices: ScoringChoices,
    fitted_on: String,
    texts: TextsSketch,
    map: Option<(&'a Recalibrations, MapFit)>,
}

fn reports(
    args: &IntervalArgs,
    scores: &Scores,
    learned_on: &LearnedOn<'_>,
) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for (index, aspect) in scores.aspects.iter().enumerate() {
        let judged = JudgedAspect::collect(&scores.responses, index, aspect);
        if judged.counts.scored == 0 && args.aspects.names().is_none() {
            show::status(&format!(
                "{aspect}: no segment is both rated and scored; it gets no interval"
            ));
            continue;
        }
        // Scores of a map that saw these records are left to maps that did not.
        let seen = match learned_on.map {
            Some((maps, MapFit::Same)) => maps.of(aspect),
            _ => None,
        };
        let raw = scores.recalibration.as_ref().map(|found| &found.raw[..]);
        let learned = learn(&judged, (index, aspect), seen.zip(raw), args.coverage)?;
        reports.push(Report {
            aspect: aspect.clone(),
            interval: PredictionInterval {
                coverage: args.coverage,
                half_width: learned.half_width,
                scored_with: learned_on.choices,
                fitted_on: learned_on.fitted_on.clone(),
                texts: Some(learned_on.texts.clone()),
                responses: learned.responses,
                segments: learned.segments,
            },
            map_held_out: seen.is_some(),
        });
    }
    if reports.is_empty() {
        return Err(Usage::new(format!(
            "no segment is both scored and rated on what the bundle scores: {}",
            scores.aspects.join(", ")
        ))
        .with_hint("`gradus data stats` shows what is rated; an interval is one of segments")
        .into());
    }
    Ok(reports)
}

/// The width for an aspect (its place and name); `seen` is a map that was fitted to the same records, and their scores
/// before it.
fn learn(
    judged: &JudgedAspect,
    (index, aspect): (usize, &str),
    seen: Option<(&Recalibration, &[ScoredResponse])>,
    coverage: f64,
) -> Result<LearnedWidth> {
    let pairs = |judged: &JudgedAspect| judged.pairs(Level::Segment, Aggregation::default(), None);
    let learned = match seen {
        None => half_width(&pairs(judged), coverage),
        Some((map, raw)) => {
            let raw = JudgedAspect::collect(raw, index, aspect);
            held_out_half_width(&pairs(&raw), map.kind(), coverage)
        }
    };
    learned.map_err(|few| {
        Usage::new(format!("{aspect}: for a coverage of {coverage}, {few}"))
            .with_hint("give more rated data or a lower --coverage; the bundle was left as it was")
            .into()
    })
}

fn show_table(reports: &[Report]) -> Result<()> {
    let header = ["", "coverage", "score ±", "width", "responses", "segments"];
    let rows = reports.iter().map(|report| {
        let interval = &report.interval;
        vec![
            report.aspect.clone(),
            show::brief(interval.coverage),
            show::number(Some(interval.half_width)),
            show::number(Some(2.0 * interval.half_width)),
            interval.responses.to_string(),
            interval.segments.to_string(),
        ]
    });
    show::line(&show::table(&header, rows))?;
    let choices = &reports[0].interval.scored_with;
    show::line(&format!("for scores that are {choices}"))?;
    if reports.iter().any(|report| report.map_held_out) {
        show::line(
            "the recalibration was fitted to the same records: distances are those from maps fitted to nine tenths of the \
             responses, on the other tenth",
        )?;
    }
    Ok(())
}
