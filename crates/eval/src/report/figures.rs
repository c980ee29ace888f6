//! The figures of an aspect: the most important ones large, all of them in tables.

use super::number::{of_metric, plain};
use super::reading::Judged;
use crate::metrics::MetricGroup;
use crate::{AspectEvaluation, LevelValues, Metric, MetricValues};
use maud::{Markup, html};

/// The metrics in large type.
const TILES: [(&str, Metric); 5] = [
    ("Objective J", Metric::MSE),
    ("RMSE", Metric::RMSE),
    ("Pearson", Metric::PEARSON),
    ("Spearman", Metric::SPEARMAN),
    ("Pairwise accuracy", Metric::PAIRWISE_ACCURACY),
];

/// The value of a metric as text: `-` if it is undefined.
fn figure(metric: Metric, value: Option<f64>) -> String {
    value.map_or_else(
        || "-".into(),
        |value| of_metric(metric, metric.figure(value)),
    )
}

/// The most important figures, with their intervals and the best baseline.
pub(super) fn tiles(judged: &Judged) -> Markup {
    let figures = judged.figures;
    html! {
        div.tiles {
            @for (name, metric) in TILES {
                div.tile {
                    div.name { (name) }
                    div.value { (figure(metric, figures.values.get(metric))) }
                    @if let Some(range) = range(figures, metric) {
                        div.range { (range) }
                    }
                    @if let Some((name, value)) = judged.best(metric) {
                        div.beside { (name) " " (of_metric(metric, metric.figure(value))) }
                    }
                }
            }
        }
    }
}

/// The interval of a metric as text.
pub(super) fn range(level: &LevelValues, metric: Metric) -> Option<String> {
    let [low, high] = level.figure_interval(metric)?;
    Some(format!(
        "{} to {}",
        of_metric(metric, low),
        of_metric(metric, high)
    ))
}

/// Every metric at one level, with the baselines.
pub(super) fn table(
    title: &str,
    note: &str,
    level: &LevelValues,
    baselines: &[(&str, &MetricValues)],
) -> Markup {
    let cut = level.values.midpoint.map_or_else(
        || "ratings cut in two".to_owned(),
        |midpoint| format!("ratings cut at {}", plain(midpoint)),
    );
    let groups = [
        ("value", MetricGroup::Value),
        ("order", MetricGroup::Order),
        (&cut, MetricGroup::Cut),
    ];
    html! {
        div {
            div.scroll {
                table {
                    caption { (title) " " small { (note) } }
                    thead {
                        tr {
                            td {}
                            th scope="col" { "scores" }
                            @for (name, _) in baselines { th scope="col" { (name) } }
                        }
                    }
                    @for (name, group) in groups {
                        tbody {
                            tr.group { th scope="rowgroup" colspan=(2 + baselines.len()) { (name) } }
                            @for metric in Metric::all() {
                                @if metric.definition().group() == group {
                                    (row(metric, level, baselines))
                                }
                            }
                        }
                    }
                }
            }
            @if let Some(note) = absences(level) { p.note { (note) } }
        }
    }
}

fn row(metric: Metric, level: &LevelValues, baselines: &[(&str, &MetricValues)]) -> Markup {
    let model = level.values.get(metric);
    let baseline = |values: &MetricValues| values.get(metric);
    let best = baselines
        .iter()
        .filter_map(|(_, values)| baseline(values))
        .chain(model)
        .map(|value| metric.goodness(value))
        .fold(f64::NEG_INFINITY, f64::max);
    let cell = |value: Option<f64>, range: Option<String>| {
        let is_best = value.is_some_and(|value| metric.goodness(value) >= best);
        html! {
            td class=[(is_best && !baselines.is_empty()).then_some("best")] {
                (figure(metric, value))
                @if let Some(range) = range { span.range { (range) } }
            }
        }
    };
    html! {
        tr {
            th scope="row" { (metric.figure_name()) }
            (cell(model, range(level, metric)))
            @for (_, values) in baselines { (cell(baseline(values), None)) }
        }
    }
}

/// Why metrics or intervals are undefined, if some are.
fn absences(level: &LevelValues) -> Option<String> {
    let mut notes = Vec::new();
    let reasons: Vec<String> = level
        .values
        .absences
        .iter()
        .map(ToString::to_string)
        .collect();
    if !reasons.is_empty() {
        notes.push(format!(
            "Metrics shown as - are undefined: {}.",
            reasons.join("; ")
        ));
    }
    if let Some(reason) = level.intervals_absent {
        notes.push(format!("No intervals: {reason}."));
    }
    (!notes.is_empty()).then(|| notes.join(" "))
}

/// One row per aspect, if there are several.
pub(super) fn overview(aspects: &[AspectEvaluation]) -> Markup {
    let columns = [Metric::MSE, Metric::RMSE, Metric::PEARSON, Metric::SPEARMAN];
    html! {
        div.scroll {
            table {
                caption { "All aspects " small { "segment level" } }
                thead {
                    tr {
                        th scope="col" { "aspect" }
                        th scope="col" { "segments" }
                        @for metric in columns { th scope="col" { (metric.figure_name()) } }
                        th scope="col" { "best baseline\u{2019}s Pearson" }
                    }
                }
                tbody {
                    @for (index, aspect) in aspects.iter().enumerate() {
                        tr {
                            th scope="row" { a href={ "#aspect-" (index) } { bdi { (aspect.aspect) } } }
                            td { (super::number::count(aspect.segment.values.count)) }
                            @for metric in columns {
                                td {
                                    (figure(metric, aspect.segment.values.get(metric)))
                                    @if let Some(range) = range(&aspect.segment, metric) { span.range { (range) } }
                                }
                            }
                            td { (figure(Metric::PEARSON, Judged::segments(aspect).best(Metric::PEARSON).map(|(_, value)| value))) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::Interval;

    #[test]
    fn the_objective_has_its_sign_and_its_interval_runs_upwards() {
        let interval = Interval {
            estimate: 0.2,
            low: 0.1,
            high: 0.3,
            confidence: 0.95,
            resamples: 9,
            undefined: 0,
        };
        let level = LevelValues {
            values: MetricValues::default().with(Metric::MSE, Some(0.2)),
            intervals: [(Metric::MSE, interval)].into(),
            ..LevelValues::default()
        };
        assert_eq!(
            range(&level, Metric::MSE).unwrap(),
            "\u{2212}0.3000 to \u{2212}0.1000"
        );
        let baseline = MetricValues::default().with(Metric::MSE, Some(0.4));
        let html = table("Segments", "", &level, &[("train mean", &baseline)]).into_string();
        assert!(
            html.contains("<td class=\"best\">\u{2212}0.2000<span"),
            "{html}"
        );
        assert!(html.contains("<td>\u{2212}0.4000</td>"), "{html}");
        assert!(html.contains("<td>-</td>"), "{html}");
    }
}
