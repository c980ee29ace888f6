//! Output: data on standard output, everything else on standard error.
//!
//! Names and texts come from untrusted files. All output therefore passes through
//! [`visible_lines`], table cells through [`visible`].

use std::io::{self, Write as _};

use anstyle::{AnsiColor, RgbColor, Style};
use anyhow::Result;
use comfy_table::presets;
use comfy_table::{CellAlignment, Table, TableStyle};
use gradus::data::{ChatTemplate, visible, visible_json, visible_lines, visible_markdown};
use gradus::model::PretrainedEncoder;
use gradus::train::{SplitCounts, TrainingReport};
use serde::Serialize;

use crate::elsewhere::hide;

/// Writes text to standard output.
pub(crate) fn line(text: &str) -> Result<()> {
    let text = hide(text);
    unless_closed(writeln!(io::stdout().lock(), "{}", visible_lines(&text)))
}

/// Writes a line to standard output whose middle has a style.
pub(crate) fn styled_line(before: &str, style: Style, text: &str) -> Result<()> {
    let (before, text) = (visible(before), visible(text));
    unless_closed(writeln!(
        anstream::stdout().lock(),
        "{before}{style} {text} {style:#}"
    ))
}

/// Writes text to standard output after a styled mark.
pub(crate) fn marked_line(style: Style, mark: &str, text: &str) -> Result<()> {
    let (mark, text) = (visible(mark), visible_lines(text));
    unless_closed(writeln!(
        anstream::stdout().lock(),
        "{style}{mark}{style:#}{text}"
    ))
}

/// Writes pretty JSON to standard output.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let json = serde_json::to_string_pretty(value)?;
    let json = hide(&json);
    unless_closed(writeln!(io::stdout().lock(), "{}", visible_json(&json)))
}

/// Writes text of this program to standard output as it is.
pub(crate) fn bytes(text: &[u8]) -> Result<()> {
    unless_closed(io::stdout().lock().write_all(text))
}

/// Ignores a closed standard output: a reader such as `head` may stop early, and the command still
/// completes its work.
fn unless_closed(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Writes a message to standard error, ignoring a closed one.
pub(crate) fn status(text: &str) {
    let text = hide(text);
    let _ = writeln!(anstream::stderr().lock(), "{}", visible_lines(&text));
}

/// Writes a message to standard error after a styled label. Continuation lines are indented, so
/// that they do not look like separate messages.
pub(crate) fn labeled(color: AnsiColor, label: &str, text: &str) {
    let style = color.on_default().bold();
    let text = hide(text);
    let mut lines = text.split('\n');
    let mut shown = visible_lines(lines.next().unwrap_or_default()).into_owned();
    for line in lines {
        let indent = if line.is_empty() || line.starts_with(' ') {
            ""
        } else {
            "  "
        };
        shown.push('\n');
        shown.push_str(indent);
        shown.push_str(&visible_lines(line));
    }
    let _ = writeln!(
        anstream::stderr().lock(),
        "{style}{label}{style:#}: {shown}"
    );
}

/// Writes a warning to standard error.
pub(crate) fn warning(text: &str) {
    labeled(AnsiColor::Yellow, "warning", text);
}

/// Formats a table: the first column left-aligned, the others right-aligned.
pub(crate) fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows = rows.map(|row| cells(row, |cell| visible(cell).into_owned()));
    aligned(
        presets::NOTHING,
        (0, 2),
        CellAlignment::Right,
        header,
        rows.collect(),
    )
}

/// Formats a table of texts: all columns left-aligned.
pub(crate) fn text_table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows = rows.map(|row| cells(row, |cell| visible(cell).into_owned()));
    aligned(
        presets::NOTHING,
        (0, 2),
        CellAlignment::Left,
        header,
        rows.collect(),
    )
}

/// Formats a Markdown table.
pub(crate) fn markdown_table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let rows = rows.into_iter().map(|row| cells(row, visible_markdown));
    aligned(
        presets::ASCII_MARKDOWN,
        (1, 1),
        CellAlignment::Right,
        header,
        rows.collect(),
    )
}

fn cells(row: Vec<String>, show: impl Fn(&str) -> String) -> Vec<String> {
    row.iter().map(|cell| show(cell)).collect()
}

fn aligned(
    style: TableStyle,
    padding: (u16, u16),
    alignment: CellAlignment,
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
            column.set_cell_alignment(alignment);
        }
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_string())
        .collect();
    lines.join("\n")
}

/// Formats a number with four decimals; `-` if undefined.
pub(crate) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| decimals(value, 4))
}

/// Formats a share with two decimals; `-` if undefined.
pub(crate) fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| decimals(value, 2))
}

/// Formats a number with the given decimals, a very large one in powers of ten; zero has no sign.
pub(crate) fn decimals(value: f64, decimals: usize) -> String {
    if value.abs() >= 1e9 {
        return format!("{value:.decimals$e}");
    }
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(size) if size.chars().all(|c| matches!(c, '0' | '.')) => size.to_owned(),
        _ => text,
    }
}

/// Formats a number without trailing zeros.
pub(crate) fn brief(value: f64) -> String {
    let text = decimals(value, 4);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A time in seconds, in the unit that suits it.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds if seconds < 5400.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

/// A size in bytes, in binary units.
pub(crate) fn binary(bytes: usize) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes < 1024.0 {
        format!("{mebibytes:.1} MiB")
    } else {
        format!("{:.1} GiB", mebibytes / 1024.0)
    }
}

/// Shortens a text to one line of at most `longest` characters.
pub(crate) fn shortened(text: &str, longest: usize) -> String {
    let text = visible(&text.replace(['\n', '\r', '\t'], " ")).into_owned();
    if text.chars().count() <= longest {
        return text;
    }
    let start: String = text.chars().take(longest - 1).collect();
    format!("{start}…")
}

/// Formats a score or rating of a segment.
pub(crate) fn short(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| decimals(value, 2))
}

/// Color for a position in the rating range, from red through yellow to green.
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

/// Prints the ignored configuration keys of a model that may change results.
pub(crate) fn model_notes(pretrained: &PretrainedEncoder) {
    for note in pretrained.notes() {
        status(&format!("note: config.json: {note}"));
    }
}

/// Prints which chat template is used.
pub(crate) fn chat_template(template: &ChatTemplate) {
    status(&format!(
        "chat template: {} (--chat-template none turns it off)",
        template.source
    ));
}

/// Prints sizes and truncation of the splits.
pub(crate) fn truncation(counts: &SplitCounts) {
    for (split, counts) in [("train", &counts.train), ("valid", &counts.valid)] {
        let mut text = format!(
            "{split}: {} examples, {} ratings, {} tokens",
            counts.examples, counts.rated, counts.tokens
        );
        if counts.rated_responses > 0 {
            text = format!("{text}, {} response ratings", counts.rated_responses);
        }
        if counts.examples_without_rating > 0 {
            let left_out = counts.examples_without_rating;
            text = format!("{text}; left out: {left_out} examples without a rating");
        }
        if counts.blank_responses > 0 {
            text = format!(
                "{text}, {} of them with an empty response",
                counts.blank_responses
            );
        }
        if counts.windows > 0 {
            let (long, windows) = (counts.examples_in_windows, counts.windows);
            text = format!("{text}; {long} of them read in {windows} windows with ratings");
        }
        status(&text);
        if counts.truncation.any() {
            status(&format!("{split}: {}", counts.truncation));
        }
    }
}

/// Prints the result of a run.
pub(crate) fn training(report: &TrainingReport) {
    if let Some(best) = report.history.best() {
        status(&format!(
            "best validation: epoch {}, step {}: valid loss {:.5}, J {:+.5}",
            best.epoch, best.step, best.valid_loss, best.rating_objective
        ));
    }
    if report.history.stopped_early {
        status("stopped early: validation no longer improved");
    }
    if !report.history.skipped.is_empty() {
        let skipped = report.history.skipped.len();
        status(&format!(
            "{skipped} steps skipped: loss or gradient was not finite (see metrics.jsonl)"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounds_to_zero_has_no_sign() {
        assert_eq!(number(Some(-5.27e-8)), "0.0000");
        assert_eq!(number(Some(-0.0012)), "-0.0012");
        assert_eq!(short(Some(-0.001)), "0.00");
        assert_eq!(brief(-1e-9), "0");
        assert_eq!(number(None), "-");
    }

    #[test]
    fn large_numbers_are_in_powers_of_ten() {
        assert_eq!(number(Some(-4e299)), "-4.0000e299");
        assert_eq!(number(Some(123_456_789.0)), "123456789.0000");
    }
}
