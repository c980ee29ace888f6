//! Charts: settings with their seeds, the effect of each setting, and learning curves.

use gradus_eval::Metric;
use gradus_eval::report::drawing::{Axis, Chart, Ink, Layout, Numbers, draw, number};

use super::curve::Curve;
use super::table::{Arm, Table, Verdict};
use crate::Result;

/// Longest name beside a chart, in characters.
const LONGEST: usize = 28;
/// Curves in one chart: as many as there are colors.
const CURVES: usize = 3;
/// Colors of curves, with their class in the legend.
const INKS: [(Ink, &str); CURVES] = [
    (Ink::Model, "model"),
    (Ink::Other, "other"),
    (Ink::Third, "third"),
];

/// One row for each of the settings: its seeds, and their mean with its interval.
pub(super) fn settings(table: &Table, metric: Metric) -> Result<Option<Chart>> {
    let arms: Vec<&Arm> = table
        .arms
        .iter()
        .filter(|arm| !arm.values.is_empty())
        .collect();
    let rows: Vec<Row> = arms
        .iter()
        .map(|arm| Row {
            name: arm.name.clone(),
            dots: arm.values.iter().map(|(_, value)| *value).collect(),
            mean: arm.metrics[0].mean,
            reach: arm.metrics[0].reach,
            ink: if arm.is_baseline {
                Ink::Other
            } else {
                Ink::Model
            },
        })
        .collect();
    let reference = arms.iter().find(|arm| arm.verdict == Verdict::Reference);
    let reference = reference.and_then(|arm| arm.metrics[0].mean);
    let caption = format!(
        "{} of every seed, and the mean with its interval over seeds. The dashed line is the reference.",
        metric.label()
    );
    let key = vec![
        ("model dot", "settings"),
        ("third dot", "single seeds"),
        ("other dot", "trivial baselines"),
    ];
    rows_chart("Settings", caption, metric, &rows, reference, key)
}

/// One row for each choice: the settings that make it, and their mean.
pub(super) fn effects(table: &Table, axes: &[String], metric: Metric) -> Result<Option<Chart>> {
    let mut rows = Vec::new();
    let mut varying = 0;
    for (place, axis) in axes.iter().enumerate() {
        let arms = table.arms.iter();
        let arms = arms.filter(|arm| !arm.is_baseline && !arm.is_model_alone);
        let arms: Vec<&Arm> = arms.filter(|arm| arm.labels.len() > place).collect();
        let mut labels: Vec<&String> = Vec::new();
        for arm in &arms {
            if !labels.contains(&&arm.labels[place]) {
                labels.push(&arm.labels[place]);
            }
        }
        if labels.len() < 2 {
            continue;
        }
        varying += 1;
        for label in labels {
            let own = arms.iter().filter(|arm| arm.labels[place] == *label);
            let dots: Vec<f64> = own.filter_map(|arm| arm.metrics[0].mean).collect();
            let count = dots.len() as f64;
            rows.push(Row {
                name: format!("{axis} {label}"),
                mean: (!dots.is_empty()).then(|| dots.iter().sum::<f64>() / count),
                reach: None,
                dots,
                ink: Ink::Model,
            });
        }
    }
    if varying < 2 {
        return Ok(None);
    }
    let caption = format!(
        "Mean {} of all settings that make a choice, and each of them. A choice whose dots lie on one side matters.",
        metric.label()
    );
    let key = vec![("model dot", "mean"), ("third dot", "settings")];
    rows_chart("Effects of the choices", caption, metric, &rows, None, key)
}

struct Row {
    name: String,
    dots: Vec<f64>,
    mean: Option<f64>,
    reach: Option<f64>,
    ink: Ink,
}

fn rows_chart(
    title: &str,
    caption: String,
    metric: Metric,
    rows: &[Row],
    line: Option<f64>,
    key: Vec<(&'static str, &'static str)>,
) -> Result<Option<Chart>> {
    // The axis counts upwards, so that the first row comes last.
    let names = rows.iter().rev().map(|row| shortened(&row.name)).collect();
    let ends = rows.iter().flat_map(|row| {
        let around = row.mean.into_iter().flat_map(|mean| {
            let reach = row.reach.unwrap_or(0.0);
            [mean - reach, mean + reach]
        });
        around.chain(row.dots.iter().copied())
    });
    let axes = (Axis::over(metric.label(), ends), Axis::of_names("", names));
    let (Some(x), Some(y)) = axes else {
        return Ok(None);
    };
    let height = 66 + 26 * u32::try_from(rows.len()).unwrap_or(1);
    let longest = rows
        .iter()
        .map(|row| shortened(&row.name).chars().count())
        .max();
    let left = 24 + 7 * u32::try_from(longest.unwrap_or(0)).unwrap_or(0);
    let svg = draw(title, (&x, &y), Layout { height, left }, |plot| {
        if let Some(line) = line {
            plot.dashes((line, y.low), (line, y.high), Ink::Third);
        }
        for (row, place) in rows.iter().rev().zip(y.ticks.iter().copied()) {
            for dot in &row.dots {
                plot.dot((*dot, place), 3.0, Ink::Third, 0.55);
            }
            let Some(mean) = row.mean else { continue };
            if let Some(reach) = row.reach {
                plot.line(
                    &[(mean - reach, place), (mean + reach, place)],
                    row.ink,
                    3.0,
                    0.55,
                );
            }
            plot.dot((mean, place), 4.5, row.ink, 1.0);
        }
    })?;
    let numbers = rows.iter().map(|row| {
        let ends = row.mean.zip(row.reach);
        vec![
            row.name.clone(),
            number(row.mean),
            number(ends.map(|(mean, reach)| mean - reach)),
            number(ends.map(|(mean, reach)| mean + reach)),
            row.dots.len().to_string(),
        ]
    });
    Ok(Some(Chart {
        title: title.into(),
        caption,
        svg,
        key,
        numbers: Numbers::new(&["", "mean", "from", "to", "dots"], numbers),
    }))
}

/// Learning curves of the same data and aspect, some in each chart.
pub(super) fn learning(curves: &[&Curve], metric: Metric) -> Result<Vec<Chart>> {
    let (baselines, arms): (Vec<&Curve>, Vec<&Curve>) =
        curves.iter().copied().partition(|curve| curve.is_baseline);
    let charts = arms
        .chunks(CURVES)
        .map(|arms| of_some(arms, &baselines, metric));
    Ok(charts
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect())
}

fn of_some(arms: &[&Curve], baselines: &[&Curve], metric: Metric) -> Result<Option<Chart>> {
    let points = || arms.iter().chain(baselines).flat_map(|curve| &curve.points);
    let heights = points().flat_map(|point| {
        let reach = point.reach.unwrap_or(0.0);
        [point.mean - reach, point.mean + reach]
    });
    let axes = (
        Axis::over(
            "training records",
            points().map(|point| point.records).chain([0.0]),
        ),
        Axis::over(metric.label(), heights),
    );
    let (Some(x), Some(y)) = axes else {
        return Ok(None);
    };
    let svg = draw("Learning curves", (&x, &y), Layout::default(), |plot| {
        for curve in baselines {
            let line: Vec<(f64, f64)> = curve.points.iter().map(|p| (p.records, p.mean)).collect();
            plot.line(&line, Ink::Muted, 1.25, 0.7);
        }
        for (curve, (ink, _)) in arms.iter().zip(INKS) {
            let points = &curve.points;
            let upper = points
                .iter()
                .map(|p| (p.records, p.mean + p.reach.unwrap_or(0.0)));
            let lower = points
                .iter()
                .rev()
                .map(|p| (p.records, p.mean - p.reach.unwrap_or(0.0)));
            let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
            plot.area(&outline, ink, 0.16);
            let line: Vec<(f64, f64)> = points.iter().map(|p| (p.records, p.mean)).collect();
            plot.line(&line, ink, 2.0, 1.0);
            for point in line {
                plot.dot(point, 3.5, ink, 1.0);
            }
        }
    })?;
    let names: Vec<String> = arms
        .iter()
        .zip(["blue", "orange", "gray"])
        .map(|(curve, color)| format!("{color}: {}", curve.arm))
        .collect();
    let thin: Vec<&str> = baselines.iter().map(|curve| curve.arm.as_str()).collect();
    let mut caption = format!("Mean over seeds with its interval. {}.", names.join("; "));
    if !thin.is_empty() {
        caption = format!("{caption} Thin lines: {}.", thin.join(", "));
    }
    let numbers = arms.iter().chain(baselines).flat_map(|curve| {
        curve.points.iter().map(|point| {
            vec![
                curve.arm.clone(),
                point.records.to_string(),
                number(Some(point.mean)),
                number(point.reach.map(|reach| point.mean - reach)),
                number(point.reach.map(|reach| point.mean + reach)),
            ]
        })
    });
    Ok(Some(Chart {
        title: "Learning curves".into(),
        caption,
        svg,
        key: Vec::new(),
        numbers: Numbers::new(&["", "records", "mean", "from", "to"], numbers),
    }))
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST {
        return name.into();
    }
    let start: String = name.chars().take(LONGEST - 1).collect();
    format!("{start}\u{2026}")
}
