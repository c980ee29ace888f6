//! What a person or a program reads: data on standard output, everything else on standard error.

use std::io::{self, Write as _};

use anstyle::{RgbColor, Style};
use anyhow::Result;
use comfy_table::presets;
use comfy_table::{CellAlignment, Table, TableStyle};
use gradus::data::ChatTemplate;
use gradus::train::{RunReport, SplitCounts};
use serde::Serialize;

/// Writes text to standard output.
pub(crate) fn line(text: &str) -> Result<()> {
    writeln!(anstream::stdout().lock(), "{text}")?;
    Ok(())
}

/// Writes pretty JSON to standard output.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Writes a message to standard error.
pub(crate) fn status(text: &str) {
    anstream::eprintln!("{text}");
}

/// A table: the first column to the left, the others to the right.
pub(crate) fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows = rows.collect();
    aligned(presets::NOTHING, (0, 2), header, rows)
}

/// The same as a table of Markdown.
pub(crate) fn markdown_table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    aligned(presets::ASCII_MARKDOWN, (1, 1), header, rows)
}

fn aligned(
    style: TableStyle,
    padding: (u16, u16),
    header: &[&str],
    rows: Vec<Vec<String>>,
) -> String {
    let mut table = Table::new();
    table.load_style(style).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding(padding);
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_string())
        .collect();
    lines.join("\n")
}

/// A number of the report: `-` where it does not exist.
pub(crate) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.4}"))
}

/// A number somebody chose, without digits that say nothing.
pub(crate) fn brief(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A text in at most `longest` characters, on one line.
pub(crate) fn shortened(text: &str, longest: usize) -> String {
    let text = text.replace(['\n', '\r', '\t'], " ");
    if text.chars().count() <= longest {
        return text;
    }
    let start: String = text.chars().take(longest - 1).collect();
    format!("{start}…")
}

/// A score or rating of a single segment.
pub(crate) fn short(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.2}"))
}

/// A share of a rating range as a colour from red over yellow to green.
pub(crate) fn score_style(share: f64) -> Style {
    let share = share.clamp(0.0, 1.0);
    let channel = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within 70..=230"
        )]
        let value = (70.0 + 160.0 * share.clamp(0.0, 1.0)) as u8;
        value
    };
    let color = RgbColor(channel(2.0 * (1.0 - share)), channel(2.0 * share), 70);
    Style::new()
        .bg_color(Some(color.into()))
        .fg_color(Some(RgbColor(0, 0, 0).into()))
}

/// Which chat template prompts are written by, on standard error.
pub(crate) fn chat_template(template: &ChatTemplate) {
    status(&format!(
        "chat template: prompts are written by that of {} (--chat-template none leaves it out)",
        template.source
    ));
}

/// What encoding made of the splits, on standard error.
pub(crate) fn encoding(counts: &SplitCounts) {
    for (split, counts) in [("train", &counts.train), ("valid", &counts.valid)] {
        let mut text = format!(
            "{split}: {} examples, {} ratings, {} tokens",
            counts.examples, counts.rated, counts.tokens
        );
        if counts.rated_responses > 0 {
            text = format!("{text}, {} ratings of responses", counts.rated_responses);
        }
        if counts.examples_without_rating > 0 {
            let left_out = counts.examples_without_rating;
            text = format!("{text}; {left_out} examples without a rating left out");
        }
        if counts.blank_responses > 0 {
            text = format!(
                "{text}, {} of them an empty response",
                counts.blank_responses
            );
        }
        status(&text);
        if counts.truncation.any() {
            status(&format!("{split}: {}", counts.truncation));
        }
    }
}

/// What a run read and did, on standard error.
pub(crate) fn training(report: &RunReport) {
    encoding(&report.counts);
    if let Some(best) = report.history.best() {
        status(&format!(
            "best validation: epoch {}, step {}: valid loss {:.5}, J {:+.5}",
            best.epoch, best.step, best.valid_loss, best.objective
        ));
    }
    if report.history.stopped_early {
        status("stopped early: validations no longer got better");
    }
    if !report.history.skipped.is_empty() {
        let skipped = report.history.skipped.len();
        status(&format!(
            "{skipped} steps skipped: loss or gradient was not finite (see metrics.jsonl)"
        ));
    }
}
