//! The figures of an aspect: the most important ones large, all of them in tables.

use super::number::{of_metric, plain};
use super::reading::Judged;
use crate::{AspectEvaluation, LevelValues, Metric, MetricValues};
use maud::{Markup, html};

/// The metrics of a table, in groups.
const VALUE: [Metric; 6] = [
    Metric::Mse,
    Metric::Rmse,
    Metric::Mae,
    Metric::Bias,
    Metric::MaxError,
    Metric::R2,
];
const ORDER: [Metric; 5] = [
    Metric::Pearson,
    Metric::Spearman,
    Metric::KendallTauB,
    Metric::Concordance,
    Metric::PairwiseAccuracy,
];
const CUT: [Metric; 3] = [Metric::Auroc, Metric::Auprc, Metric::F1];

/// What is shown large.
const TILES: [(&str, Metric); 5] = [
    ("Objective J", Metric::Mse),
    ("RMSE", Metric::Rmse),
    ("Pearson", Metric::Pearson),
    ("Spearman", Metric::Spearman),
    ("Pairwise accuracy", Metric::PairwiseAccuracy),
];

/// A metric as the tables show it: the squared error with the sign of the objective `J = -MSE`.
pub(super) fn shown(metric: Metric, value: f64) -> f64 {
    if metric == Metric::Mse { -value } else { value }
}

/// A metric as the tables show it, as text: `-` where it does not exist.
fn figure(metric: Metric, value: Option<f64>) -> String {
    value.map_or_else(
        || "-".into(),
        |value| of_metric(metric, shown(metric, value)),
    )
}

/// The name in the tables.
pub(super) fn label(metric: Metric) -> &'static str {
    if metric == Metric::Mse {
        "J"
    } else {
        metric.label()
    }
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
                        div.beside { (name) " " (of_metric(metric, shown(metric, value))) }
                    }
                }
            }
        }
    }
}

/// The interval of a metric as text.
pub(super) fn range(level: &LevelValues, metric: Metric) -> Option<String> {
    let interval = level.intervals.get(&metric)?;
    let ends = [interval.low, interval.high].map(|end| shown(metric, end));
    Some(format!(
        "{} to {}",
        of_metric(metric, ends[0].min(ends[1])),
        of_metric(metric, ends[0].max(ends[1]))
    ))
}

/// Every metric at one level, beside the baselines.
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
    let groups: [(&str, &[Metric]); 3] = [("value", &VALUE), ("order", &ORDER), (&cut, &CUT)];
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
                    @for (name, metrics) in groups {
                        tbody {
                            tr.group { th scope="rowgroup" colspan=(2 + baselines.len()) { (name) } }
                            @for &metric in metrics { (row(metric, level, baselines)) }
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
            th scope="row" { (label(metric)) }
            (cell(model, range(level, metric)))
            @for (_, values) in baselines { (cell(baseline(values), None)) }
        }
    }
}

/// Why figures and intervals do not exist, where some do not.
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
            "A figure shown as - does not exist: {}.",
            reasons.join("; ")
        ));
    }
    if let Some(reason) = level.intervals_absent {
        notes.push(format!("No intervals: {reason}."));
    }
    (!notes.is_empty()).then(|| notes.join(" "))
}

/// One line per aspect, where there are several.
pub(super) fn overview(aspects: &[AspectEvaluation]) -> Markup {
    let columns = [Metric::Mse, Metric::Rmse, Metric::Pearson, Metric::Spearman];
    html! {
        div.scroll {
            table {
                caption { "All aspects " small { "segment level" } }
                thead {
                    tr {
                        th scope="col" { "aspect" }
                        th scope="col" { "segments" }
                        @for metric in columns { th scope="col" { (label(metric)) } }
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
                            td { (figure(Metric::Pearson, Judged::segments(aspect).best(Metric::Pearson).map(|(_, value)| value))) }
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
            values: MetricValues {
                mse: Some(0.2),
                ..MetricValues::default()
            },
            intervals: [(Metric::Mse, interval)].into(),
            ..LevelValues::default()
        };
        assert_eq!(
            range(&level, Metric::Mse).unwrap(),
            "\u{2212}0.3000 to \u{2212}0.1000"
        );
        let baseline = MetricValues {
            mse: Some(0.4),
            ..MetricValues::default()
        };
        let html = table("Segments", "", &level, &[("train mean", &baseline)]).into_string();
        assert!(
            html.contains("<td class=\"best\">\u{2212}0.2000<span"),
            "{html}"
        );
        assert!(html.contains("<td>\u{2212}0.4000</td>"), "{html}");
        assert!(html.contains("<td>-</td>"), "{html}");
    }
}
