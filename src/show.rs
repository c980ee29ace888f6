//! What a person or a program reads: data on standard output, everything else on standard error.

use std::io::{self, Write as _};

use anstyle::{RgbColor, Style};
use anyhow::Result;
use comfy_table::presets;
use comfy_table::{CellAlignment, Table};
use gradus::train::RunReport;
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
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
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

/// What a run read and did, on standard error.
pub(crate) fn training(report: &RunReport) {
    for (split, counts) in [
        ("train", &report.counts.train),
        ("valid", &report.counts.valid),
    ] {
        let mut text = format!(
            "{split}: {} examples, {} ratings, {} tokens",
            counts.examples, counts.rated, counts.tokens
        );
        if counts.examples_without_rating > 0 {
            let left_out = counts.examples_without_rating;
            text = format!("{text}; {left_out} examples without a rating left out");
        }
        status(&text);
        if counts.truncation.any() {
            status(&format!("{split}: {}", counts.truncation));
        }
    }
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
