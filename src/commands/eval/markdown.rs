//! An evaluation as a short page of Markdown.

use std::fmt::Write as _;

use gradus::data::{visible_code, visible_lines, visible_markdown};
use gradus::eval::slices::Slice;
use gradus::eval::{AspectEvaluation, Evaluation, LevelValues, Metric, MetricValues};

use super::figures::{self, MAIN};
use super::{ablation, classes};
use crate::commands::intervals;
use crate::show;

/// Number of worst slices shown.
const WORST: usize = 12;

/// The whole page.
pub(super) fn page(evaluation: &Evaluation) -> String {
    let mut page = String::from("# Evaluation\n");
    for line in about(evaluation) {
        line_to(&mut page, &format!("- {line}"));
    }
    for aspect in &evaluation.aspects {
        section(&mut page, evaluation, aspect);
    }
    visible_lines(&page).into_owned()
}

fn about(evaluation: &Evaluation) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(provenance) = &evaluation.provenance {
        let name = provenance.scores.name();
        lines.push(format!(
            "{}: {}",
            figures::judged(evaluation),
            visible_code(name)
        ));
        lines.push(format!("data: {}", visible_code(&provenance.data)));
        lines.push(match &provenance.baselines {
            Some(name) => format!("trivial baselines fitted on: {}", visible_code(name)),
            None => "trivial baselines: none, as no training split was given".to_owned(),
        });
        if let Some(context) = &provenance.context {
            lines.push(format!("context: {}", context.in_words()));
        }
        if let Some(offset) = provenance.offset {
            lines.push(format!("offset: {offset}"));
        }
        lines.push(format!("gradus {}", provenance.gradus_version));
    }
    let counts = &evaluation.counts;
    lines.push(format!(
        "{} responses, {} segments; responses by the {} of their segments",
        counts.responses, counts.segments, evaluation.aggregation
    ));
    lines.extend(figures::unscored_responses(evaluation));
    if let Some(bootstrap) = &evaluation.bootstrap {
        lines.push(intervals::legend(bootstrap, "responses"));
    }
    lines
}

fn section(page: &mut String, evaluation: &Evaluation, aspect: &AspectEvaluation) {
    line_to(
        page,
        &format!("\n## {}\n", visible_markdown(&aspect.aspect)),
    );
    line_to(page, &format!("{}.", figures::counts(aspect)));
    let judged = figures::judged(evaluation);
    let mut level = |title: &str,
                     metrics: &[Metric],
                     figures: &LevelValues,
                     parts: Vec<(&str, &MetricValues)>,
                     baselines: Vec<(&str, &MetricValues)>| {
        line_to(page, &format!("\n### {title}\n"));
        let mut rows = vec![model_row(judged, metrics, figures)];
        for (name, values) in parts.into_iter().chain(baselines) {
            let values = figures::values(metrics, values);
            let cells = values.into_iter().map(show::number);
            let name = visible_markdown(name);
            rows.push(std::iter::once(name).chain(cells).collect());
        }
        let mut header = vec![""];
        header.extend(metrics.iter().map(|&metric| metric.figure_name()));
        table(page, &header, &rows);
    };
    let segments = || {
        aspect
            .baselines
            .iter()
            .map(|b| (b.name.as_str(), &b.segment))
            .collect()
    };
    let cut = |of: &str, values: &MetricValues| {
        values.midpoint.map_or_else(
            || format!("{of}, order and classes"),
            |midpoint| format!("{of}, ratings cut at {}", show::brief(midpoint)),
        )
    };
    if figures::shows_segments(aspect) {
        let parts = || figures::parts(aspect, |part| &part.segment);
        level("Segments", &MAIN, &aspect.segment, parts(), segments());
        let title = cut("Segments", &aspect.segment.values);
        level(
            &title,
            &figures::more(),
            &aspect.segment,
            parts(),
            segments(),
        );
        let responses = aspect
            .baselines
            .iter()
            .map(|b| (b.name.as_str(), &b.response))
            .collect();
        let parts = figures::parts(aspect, |part| &part.response);
        level("Responses", &MAIN, &aspect.response, parts, responses);
    }
    if let Some(found) = &aspect.response_ratings {
        let baselines = || {
            let baselines = found.baselines.iter();
            baselines.map(|b| (b.name.as_str(), &b.values)).collect()
        };
        let score = figures::response_score(evaluation, found);
        let title = format!("Response ratings ({score})");
        let parts = || figures::response_parts(found);
        level(&title, &MAIN, &found.figures, parts(), baselines());
        let title = cut("Response ratings", &found.figures.values);
        level(
            &title,
            &figures::more_of_responses(),
            &found.figures,
            parts(),
            baselines(),
        );
    }
    let responses = aspect.response_ratings.as_ref();
    let responses = responses.and_then(classes::of_responses);
    for found in classes::of_segments(aspect).into_iter().chain(responses) {
        line_to(page, &format!("\n### {}\n", found.heading));
        let header: Vec<&str> = std::iter::once("").chain(classes::COLUMNS).collect();
        table(page, &header, &found.rows);
    }
    line_to(page, "");
    for remark in figures::remarks(evaluation, aspect) {
        line_to(page, &format!("- {remark}"));
    }
    for found in &aspect.ablations {
        let found = ablation::table(found);
        line_to(page, &format!("\n### {}\n", found.heading));
        let header: Vec<&str> = found.header.iter().map(String::as_str).collect();
        table(page, &header, &found.rows);
        line_to(page, &format!("\n{}", found.reading));
    }
    slices(page, ("Worst slices", "segments"), &aspect.slices);
    if let Some(found) = &aspect.response_ratings {
        let title = ("Worst slices, response ratings", "responses");
        slices(page, title, &found.slices);
    }
}

/// The model's values with intervals.
pub(super) fn model_row(name: &str, metrics: &[Metric], level: &LevelValues) -> Vec<String> {
    let values = figures::values(metrics, &level.values);
    let ends = figures::ends(metrics, level);
    let cells = values.into_iter().enumerate().map(|(column, value)| {
        let end = |which: usize| ends.as_ref().and_then(|ends| ends[which][column]);
        match (end(0), end(1)) {
            (Some(low), Some(high)) => format!("{} [{low:.4}, {high:.4}]", show::number(value)),
            _ => show::number(value),
        }
    });
    std::iter::once(format!("**{name}**"))
        .chain(cells)
        .collect()
}

fn slices(page: &mut String, (title, unit): (&str, &str), slices: &[Slice]) {
    if slices.is_empty() {
        return;
    }
    line_to(page, &format!("\n### {title}\n"));
    let rows: Vec<Vec<String>> = slices
        .iter()
        .take(WORST)
        .map(|slice| {
            let values = &slice.values;
            let cells = [
                values.get(Metric::RMSE),
                values.get(Metric::BIAS),
                values.get(Metric::PEARSON),
            ]
            .map(show::number);
            let mut row = vec![
                visible_markdown(&slice.key.to_string()),
                visible_markdown(&slice.part),
                values.count.to_string(),
            ];
            row.extend(cells);
            row
        })
        .collect();
    let header = ["by", "part", unit, "RMSE", "bias", "Pearson"];
    table(page, &header, &rows);
}

pub(super) fn table(page: &mut String, header: &[&str], rows: &[Vec<String>]) {
    line_to(page, &format!("| {} |", header.join(" | ")));
    line_to(page, &format!("|---|{}", "---:|".repeat(header.len() - 1)));
    for row in rows {
        line_to(page, &format!("| {} |", row.join(" | ")));
    }
}

fn line_to(page: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "{line}");
}
