//! What was measured, for the model card of a bundle.

use gradus::data::{Example, TextsDigest, visible_code, visible_markdown};
use gradus::eval::{AspectEvaluation, Evaluation, MetricValues};

use super::classes;
use super::figures::{self, MAIN};
use super::markdown::{self, model_row};
use crate::commands::intervals;
use crate::show;

/// The figures of segments beside those of the baselines, and of both classes, in Markdown.
///
/// `scores` says how the scores were made, because a recalibration may come or go while the figures stay.
pub(super) fn measured(evaluation: &Evaluation, examples: &[Example], scores: &str) -> String {
    let digest = TextsDigest::of(examples);
    let data = evaluation.provenance.as_ref();
    let data = data.map_or("data", |provenance| &provenance.data);
    let mut parts = vec![format!(
        "On {} ({} records, SHA-256 of their texts `{}`), by gradus {}, {scores}:",
        visible_code(data),
        digest.records,
        digest.sha256,
        env!("CARGO_PKG_VERSION")
    )];
    parts.extend(evaluation.aspects.iter().flat_map(of_aspect));
    if let Some(bootstrap) = &evaluation.bootstrap {
        parts.push(intervals::legend(bootstrap, "responses"));
    }
    parts.join("\n\n")
}

fn of_aspect(aspect: &AspectEvaluation) -> Vec<String> {
    let mut parts = vec![format!(
        "### {}\n\n{}.",
        visible_markdown(&aspect.aspect),
        figures::counts(aspect)
    )];
    let mut header = vec!["segments"];
    header.extend(MAIN.iter().map(|metric| metric.figure_name()));
    let baseline = |name: &str, values: &MetricValues| -> Vec<String> {
        let cells = figures::values(&MAIN, values).into_iter().map(show::number);
        std::iter::once(visible_markdown(name))
            .chain(cells)
            .collect()
    };
    let mut rows = vec![model_row("model", &MAIN, &aspect.segment)];
    let baselines = aspect.baselines.iter();
    rows.extend(baselines.map(|found| baseline(&found.name, &found.segment)));
    if figures::shows_segments(aspect) {
        parts.push(table_of(&header, &rows));
    }
    if let Some(found) = &aspect.response_ratings {
        header[0] = "responses";
        let mut rows = vec![model_row("model", &MAIN, &found.figures)];
        let baselines = found.baselines.iter();
        rows.extend(baselines.map(|found| baseline(&found.name, &found.values)));
        parts.push(table_of(&header, &rows));
    }
    if let Some(table) = classes::of_segments(aspect) {
        let header: Vec<&str> = std::iter::once(table.title)
            .chain(classes::COLUMNS)
            .collect();
        parts.push(table_of(&header, &table.rows));
    }
    parts
}

fn table_of(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    markdown::table(&mut text, header, rows);
    text.trim_end().to_owned()
}
