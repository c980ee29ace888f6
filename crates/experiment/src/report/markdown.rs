//! The report in Markdown.

use gradus_data::visible_markdown;

use super::table::{Arm, MetricSummary, Table};
use super::verdict::p_text;
use super::{Report, Split};
use crate::result::Ratings;

pub(super) fn page(report: &Report) -> String {
    let mut text = String::new();
    for table in &report.tables {
        let title = visible_markdown(&title(table));
        let about = visible_markdown(&about(report, table));
        text.extend([
            "### ",
            &title,
            "\n\n",
            &about,
            "\n\n",
            &of_table(table),
            "\n",
        ]);
    }
    text.push_str(&notes(report));
    text
}

/// Data and aspect of a table.
pub(super) fn title(table: &Table) -> String {
    let mut parts: Vec<String> = table
        .data
        .iter()
        .map(|(axis, label)| match axis.as_str() {
            "train_records" => format!("{label} training records"),
            _ => label.clone(),
        })
        .collect();
    parts.push(table.aspect.clone());
    if table.ratings == Ratings::Responses {
        parts.push("whole responses".into());
    }
    parts.join(", ")
}

/// What the figures of a table are about.
pub(super) fn about(report: &Report, table: &Table) -> String {
    let split = match report.split {
        Split::Test => "test split",
        Split::Valid => "validation split",
    };
    let mut text = format!(
        "{} rated {} of {} responses of the {split}; the reference is {}.",
        table.pairs,
        table.ratings.noun(),
        table.responses,
        table.reference
    );
    if table.left_out > 0 {
        text = format!(
            "{text} Up to {} more are left out, because not all of the runs score them.",
            table.left_out
        );
    }
    text
}

fn of_table(table: &Table) -> String {
    let Some(first) = table.arms.first() else {
        return String::new();
    };
    let mut head: Vec<String> = vec!["settings".into(), "seeds".into()];
    head.extend(
        first
            .metrics
            .iter()
            .map(|summary| summary.metric.label().to_owned()),
    );
    head.extend(
        [
            "difference",
            "95 % interval",
            "p (Holm)",
            "verdict",
            "s a run",
        ]
        .map(str::to_owned),
    );
    if let Some(difference) = head.iter_mut().find(|name| *name == "difference") {
        *difference = format!("Δ {}", first.metrics[0].metric.label());
    }
    let mut lines = vec![line(&head), line(&vec!["---".to_owned(); head.len()])];
    for arm in &table.arms {
        lines.push(line(&of_arm(arm)));
    }
    lines.join("\n") + "\n"
}

fn of_arm(arm: &Arm) -> Vec<String> {
    let name = visible_markdown(&arm.name);
    let name = if arm.is_baseline {
        format!("*{name}*")
    } else {
        name
    };
    let mut row = vec![name, seeds(arm)];
    row.extend(arm.metrics.iter().map(spread));
    let difference = arm.difference;
    row.push(difference.map_or_else(|| "-".into(), |d| signed(d.estimate)));
    row.push(difference.map_or_else(
        || "-".into(),
        |d| format!("{} to {}", signed(d.low), signed(d.high)),
    ));
    row.push(arm.adjusted_p.map_or_else(|| "-".into(), p_text));
    row.push(arm.verdict.words().into());
    row.push(
        arm.seconds
            .map_or_else(|| "-".into(), |seconds| format!("{seconds:.0}")),
    );
    row
}

/// The number of seeds, and that of the plan if it is another.
pub(super) fn seeds(arm: &Arm) -> String {
    match (arm.is_baseline, arm.seeds == arm.planned) {
        (true, _) => String::new(),
        (false, true) => arm.seeds.to_string(),
        (false, false) => format!("{} of {}", arm.seeds, arm.planned),
    }
}

/// Mean and standard deviation.
pub(super) fn spread(summary: &MetricSummary) -> String {
    let number = |value: f64| without_sign_of_zero(format!("{value:.DECIMALS$}"));
    match (summary.mean, summary.sd) {
        (None, _) => "-".into(),
        (Some(mean), None) => number(mean),
        (Some(mean), Some(sd)) => format!("{} ± {}", number(mean), number(sd)),
    }
}

/// A difference with its sign.
pub(super) fn signed(value: f64) -> String {
    let text = without_sign_of_zero(format!("{value:.DECIMALS$}"));
    if text.starts_with('-') {
        text
    } else {
        format!("+{text}")
    }
}

/// Decimals of a figure: those of correlations are enough for errors of ratings within 1, too.
const DECIMALS: usize = 4;

fn without_sign_of_zero(text: String) -> String {
    match text.strip_prefix('-') {
        Some(size) if size.chars().all(|c| matches!(c, '0' | '.')) => size.to_owned(),
        _ => text,
    }
}

fn line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// What has to be known to read the tables.
fn notes(report: &Report) -> String {
    let mut notes = reading(report);
    notes.extend(unfinished(report));
    notes
        .iter()
        .map(|note| format!("{}\n", visible_markdown(note)))
        .collect::<Vec<_>>()
        .join("\n")
}

/// How the tables are to be read.
pub(super) fn reading(report: &Report) -> Vec<String> {
    let percent = 100.0 * (1.0 - report.significance);
    let mut notes = vec![format!(
        "Means ± standard deviations over seeds. Differences are those to the reference, paired by seed and response; \
         {percent:.0} % intervals hold the uncertainty of both. Verdicts are about {}, p corrected for {} comparisons (Holm).",
        report.metric.label(),
        report.comparisons
    )];
    if report.split == Split::Valid {
        notes.push(
            "These are figures of the validation split, on which the weights of every run were chosen: better than on new texts."
                .into(),
        );
    }
    notes
}

/// Runs without a result.
pub(super) fn unfinished(report: &Report) -> Vec<String> {
    let failed = report.unfinished.iter().filter_map(|run| {
        let failure = run.failure.as_ref()?;
        let first = failure.lines().next().unwrap_or_default();
        Some(format!("Failed: {}: {first}", run.folder))
    });
    let mut notes: Vec<String> = failed.collect();
    let open = report
        .unfinished
        .iter()
        .filter(|run| run.failure.is_none())
        .count();
    if open > 0 {
        notes.push(format!(
            "Without a result: {open} of {} runs.",
            open + report.runs.len() + notes.len()
        ));
    }
    notes
}
