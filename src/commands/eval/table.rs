//! An evaluation as tables for a terminal.

use anyhow::Result;
use gradus::eval::slices::{Slice, SliceKey};
use gradus::eval::{
    AspectEvaluation, BaselineEvaluation, Evaluation, LevelValues, Metric, MetricValues,
    ResponseRatings,
};

use super::figures::{self, MAIN};
use super::{ablation, classes};
use crate::show;

/// Number of worst slices shown; JSON has all.
const WORST: usize = 6;

/// Prints only errors and correlations at both levels.
pub(crate) fn show_brief(evaluation: &Evaluation) -> Result<()> {
    for aspect in &evaluation.aspects {
        show::line(&format!("\n{}: {}", aspect.aspect, figures::counts(aspect)))?;
        main_tables(evaluation, aspect)?;
    }
    Ok(())
}

/// Prints all tables.
pub(super) fn show(evaluation: &Evaluation) -> Result<()> {
    if let Some(unscored) = figures::unscored_responses(evaluation) {
        show::line(&unscored)?;
    }
    for aspect in &evaluation.aspects {
        show::line(&format!("\n{}: {}", aspect.aspect, figures::counts(aspect)))?;
        main_tables(evaluation, aspect)?;
        more_tables(evaluation, aspect)?;
        class_tables(aspect)?;
        show::line("")?;
        for remark in figures::remarks(evaluation, aspect) {
            show::line(&remark)?;
        }
        ablations(aspect)?;
        slices("worst slices", "segments", &aspect.segment, &aspect.slices)?;
        if let Some(found) = &aspect.response_ratings {
            let name = "worst slices, response ratings";
            slices(name, "responses", &found.figures, &found.slices)?;
        }
    }
    Ok(())
}

/// Ranking and classification metrics.
fn more_tables(evaluation: &Evaluation, aspect: &AspectEvaluation) -> Result<()> {
    let name = |of: &str, values: &MetricValues| match values.midpoint {
        Some(midpoint) => format!("{of}, cut at {}", show::brief(midpoint)),
        None => of.to_owned(),
    };
    if figures::shows_segments(aspect) {
        let name = name("segments", &aspect.segment.values);
        show::line("")?;
        let parts = figures::parts(aspect, |part| &part.segment);
        let rows = (parts, segments(aspect));
        level(evaluation, &name, &figures::more(), &aspect.segment, rows)?;
    }
    if let Some(found) = &aspect.response_ratings {
        let name = name("response ratings", &found.figures.values);
        show::line("")?;
        let metrics = &figures::more_of_responses();
        let rows = (figures::response_parts(found), responses(found));
        level(evaluation, &name, metrics, &found.figures, rows)?;
    }
    Ok(())
}

/// The figures without a part of the input, and with that of another record.
fn ablations(aspect: &AspectEvaluation) -> Result<()> {
    for found in &aspect.ablations {
        let table = ablation::table(found);
        let header: Vec<&str> = table.header.iter().map(String::as_str).collect();
        let rows = show::table(&header, table.rows.into_iter());
        show::line(&format!("\n{}\n{rows}\n{}", table.title, table.reading))?;
    }
    Ok(())
}

/// Both classes, and the flags of the bundle's threshold.
fn class_tables(aspect: &AspectEvaluation) -> Result<()> {
    let responses = aspect.response_ratings.as_ref();
    let responses = responses.and_then(classes::of_responses);
    for table in classes::of_segments(aspect).into_iter().chain(responses) {
        let header: Vec<&str> = std::iter::once(table.title)
            .chain(classes::COLUMNS)
            .collect();
        let table = show::table(&header, table.rows.into_iter());
        show::line(&format!("\n{table}"))?;
    }
    Ok(())
}

fn main_tables(evaluation: &Evaluation, aspect: &AspectEvaluation) -> Result<()> {
    if figures::shows_segments(aspect) {
        let segment = &aspect.segment;
        level(
            evaluation,
            "segment level",
            &MAIN,
            segment,
            (
                figures::parts(aspect, |part| &part.segment),
                segments(aspect),
            ),
        )?;
        let name = format!("response level ({})", evaluation.aggregation);
        let response = |baseline: &'_ BaselineEvaluation| baseline.response.clone();
        let baselines = aspect.baselines.iter();
        let baselines = baselines.map(|b| (b.name.as_str(), response(b))).collect();
        show::line("")?;
        let parts = figures::parts(aspect, |part| &part.response);
        let rows = (parts, baselines);
        level(evaluation, &name, &MAIN, &aspect.response, rows)?;
    }
    if let Some(found) = &aspect.response_ratings {
        if figures::shows_segments(aspect) {
            show::line("")?;
        }
        let score = figures::response_score(evaluation, found);
        let name = format!("response ratings ({score})");
        let rows = (figures::response_parts(found), responses(found));
        level(evaluation, &name, &MAIN, &found.figures, rows)?;
    }
    Ok(())
}

fn responses(found: &ResponseRatings) -> Baselines<'_> {
    let baselines = found.baselines.iter();
    baselines
        .map(|baseline| (baseline.name.as_str(), baseline.values.clone()))
        .collect()
}

type Baselines<'a> = Vec<(&'a str, MetricValues)>;

fn segments(aspect: &AspectEvaluation) -> Baselines<'_> {
    let baselines = aspect.baselines.iter();
    baselines
        .map(|baseline| (baseline.name.as_str(), baseline.segment.clone()))
        .collect()
}

/// A row for the model, two for the ends of its intervals, one for each part of the texts, and one for
/// each baseline.
fn level(
    evaluation: &Evaluation,
    name: &str,
    metrics: &[Metric],
    model: &LevelValues,
    (parts, baselines): (Vec<(&str, &MetricValues)>, Baselines<'_>),
) -> Result<()> {
    let mut header = vec![name];
    header.extend(metrics.iter().map(|&metric| metric.figure_name()));
    let row = |name: String, values: Vec<Option<f64>>| -> Vec<String> {
        let cells = values.into_iter().map(show::number);
        std::iter::once(name).chain(cells).collect()
    };
    let judged = figures::judged(evaluation).to_owned();
    let mut rows = vec![row(judged, figures::values(metrics, &model.values))];
    if let Some(ends) = figures::ends(metrics, model) {
        let confidence = figures::confidence(evaluation);
        for (end, values) in ["from", "to"].into_iter().zip(ends) {
            rows.push(row(format!("  {confidence} {end}"), values));
        }
    }
    for (name, values) in parts {
        let name = format!("  {name}");
        rows.push(row(name, figures::values(metrics, values)));
    }
    for (name, values) in baselines {
        rows.push(row(name.to_owned(), figures::values(metrics, &values)));
    }
    show::line(&show::table(&header, rows.into_iter()))
}

/// The worst slices of segments or responses (`unit`).
fn slices(name: &str, unit: &str, level: &LevelValues, slices: &[Slice]) -> Result<()> {
    // A single slice of everything is useless.
    let whole = level.values.count;
    let worst = slices.iter().filter(|s| s.values.count < whole);
    let rows: Vec<Vec<String>> = worst
        .take(WORST)
        .map(|slice| {
            let part = match &slice.key {
                SliceKey::Length => slice.part.clone(),
                key => format!("{key}: {}", slice.part),
            };
            let values = &slice.values;
            vec![
                show::shortened(&part, 44),
                values.count.to_string(),
                show::number(values.get(Metric::RMSE)),
                show::number(values.get(Metric::MAE)),
                show::number(values.get(Metric::BIAS)),
                show::number(values.get(Metric::PEARSON)),
                show::number(values.get(Metric::SPEARMAN)),
            ]
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let header = [name, unit, "RMSE", "MAE", "bias", "Pearson", "Spearman"];
    show::line(&format!("\n{}", show::table(&header, rows.into_iter())))
}
