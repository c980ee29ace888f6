//! Thresholds as a page.

use std::path::Path;

use anyhow::Result;
use gradus::eval::bootstrap::{Bootstrap, Interval};
use gradus::eval::report::drawing::{
    Axis, Chart, Document, Ink, Layout, Numbers, Section, Table, ToneSentence, draw, number,
};
use gradus::eval::threshold::{CurvePoint, ThresholdReport, Wish};

use super::AspectReport;
use super::table::{HEADER, rows, sentences};
use crate::commands::intervals;

/// The whole page.
pub(super) fn document(
    reports: &[AspectReport],
    bundle: &Path,
    valid: &Path,
    bootstrap: &Bootstrap,
) -> Result<Document> {
    Ok(Document {
        kicker: "Gradus threshold of doubtful segments",
        title: bundle.display().to_string(),
        facts: vec![
            ("Bundle", bundle.display().to_string()),
            ("Chosen on", valid.display().to_string()),
            intervals::fact(bootstrap, "responses"),
        ],
        sections: reports.iter().map(section).collect::<Result<_>>()?,
    })
}

fn section(found: &AspectReport) -> Result<Section> {
    let sentences = sentences(found).into_iter().map(|text| ToneSentence {
        good: None,
        text: capitalized(&text),
    });
    Ok(Section {
        name: found.aspect.clone(),
        sentences: sentences.collect(),
        tables: vec![Table::new(
            "What flags are worth, by threshold",
            &HEADER,
            rows(&found.report),
        )],
        charts: chart(&found.report)?.into_iter().collect(),
        notes: vec![
            "flagged: share of the segments that are. precision: share of the flags on low segments. recall: share of the \
             low segments that are flagged. F1: their harmonic mean. In brackets: intervals, which take the threshold \
             as given."
                .into(),
        ],
    })
}

/// A sentence of the table as one that stands alone.
fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase);
    let first: String = first.into_iter().flatten().collect();
    format!("{first}{}.", chars.as_str())
}

/// Precision and recall by threshold.
fn chart(report: &ThresholdReport) -> Result<Option<Chart>> {
    let points = &report.curve;
    let axes = (
        Axis::over("score at most", points.iter().map(|point| point.threshold)),
        Axis::between("share", 0.0, 1.0),
    );
    let (Some(x), Some(y)) = axes else {
        return Ok(None);
    };
    let title = "Precision and recall by threshold";
    let wished = match report.wish {
        Wish::Precision(share) | Wish::Recall(share) => Some(share),
        Wish::Cost { .. } => None,
    };
    let svg = draw(title, (&x, &y), Layout::default(), |plot| {
        plot.dashes((report.threshold, 0.0), (report.threshold, 1.0), Ink::Third);
        if let Some(share) = wished {
            plot.dashes((x.low, share), (x.high, share), Ink::Third);
        }
        let series: [(Figure, Ink); 2] = [(precision, Ink::Model), (recall, Ink::Other)];
        for (figure, ink) in series {
            let ends = |end: fn(&Interval) -> f64| {
                points
                    .iter()
                    .filter_map(move |point| Some((point.threshold, end(figure(point).1?))))
            };
            let outline: Vec<(f64, f64)> = ends(|interval| interval.high)
                .chain(
                    ends(|interval| interval.low)
                        .collect::<Vec<_>>()
                        .into_iter()
                        .rev(),
                )
                .collect();
            if !outline.is_empty() {
                plot.area(&outline, ink, 0.16);
            }
            let line: Vec<(f64, f64)> = points
                .iter()
                .filter_map(|point| Some((point.threshold, figure(point).0?)))
                .collect();
            plot.line(&line, ink, 2.0, 1.0);
        }
    })?;
    let lines = match wished {
        Some(_) => "The dashed lines are the chosen threshold and what was wished for.",
        None => "The dashed line is the chosen threshold.",
    };
    let numbers = points.iter().map(|point| {
        vec![
            number(Some(point.threshold)),
            number(point.figures.flagged_share),
            number(precision(point).0),
            number(recall(point).0),
        ]
    });
    Ok(Some(Chart {
        title: title.into(),
        caption: format!("Of the flags at each threshold. {lines}"),
        svg,
        key: vec![("model", "precision"), ("other", "recall")],
        numbers: Numbers::new(
            &["score at most", "flagged", "precision", "recall"],
            numbers,
        ),
    }))
}

/// A figure of a point, with its interval.
type Figure = fn(&CurvePoint) -> (Option<f64>, Option<&Interval>);

fn precision(point: &CurvePoint) -> (Option<f64>, Option<&Interval>) {
    point.figures.main()[0]
}

fn recall(point: &CurvePoint) -> (Option<f64>, Option<&Interval>) {
    point.figures.main()[1]
}
