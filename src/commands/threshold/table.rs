//! A threshold as a table, and what it is worth in sentences.

use anyhow::Result;
use gradus::data::visible_markdown;
use gradus::eval::bootstrap::Bootstrap;
use gradus::eval::threshold::{FlagFigures, ThresholdReport, Wish};

use super::AspectReport;
use crate::commands::intervals;
use crate::show;

/// Most points of the curve in a table; JSON and charts have all.
const POINTS: usize = 10;

/// Columns of the table.
pub(super) const HEADER: [&str; 5] = ["score at most", "flagged", "precision", "recall", "F1"];

/// Prints the threshold of one aspect.
pub(super) fn show(found: &AspectReport, bootstrap: &Bootstrap, markdown: bool) -> Result<()> {
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
    let rows = rows(report);
    let table = if markdown {
        show::markdown_table(&HEADER, rows)
    } else {
        show::table(&HEADER, rows.into_iter())
    };
    show::line(&table)?;
    if bootstrap.resamples > 0 {
        show::line(&format!("\n{}", intervals::legend(bootstrap, "responses")))?;
    }
    Ok(())
}

/// Rows of the curve, and of the choice on parts that it did not see.
pub(super) fn rows(report: &ThresholdReport) -> Vec<Vec<String>> {
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
    rows
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
pub(super) fn sentences(found: &AspectReport) -> Vec<String> {
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
