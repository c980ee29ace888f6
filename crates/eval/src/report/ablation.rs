//! The table of an ablation: figures without a part of the input, and with that of another record.

use maud::{Markup, html};

use super::number::{counted, figure, of_metric, plain};
use crate::ablation::{AblatedFigures, Ablation};
use crate::{Metric, MetricValues};

pub(super) fn ablation(found: &Ablation) -> Markup {
    let part = found.part;
    html! {
        div.scroll {
            table {
                caption {
                    "Ablation of the " (part) " "
                    small {
                        (counted(found.segments, "segment")) " in " (counted(found.responses, "response"))
                        ", scored as they are, without their " (part) ", and with that of another record; what the figures "
                        "keep is read from the rest of the input"
                    }
                }
                thead {
                    tr {
                        th scope="col" { "input" }
                        @for metric in Ablation::METRICS { th scope="col" { (metric.figure_name()) } }
                        th scope="col" { "mean score" }
                        th scope="col" { "mean change" }
                    }
                }
                tbody {
                    (row("as it is", &found.as_it_is, None))
                    (row(&format!("without {part}"), &found.without.values, Some(&found.without)))
                    (row(&format!("{part} of another record"), &found.swapped.values, Some(&found.swapped)))
                }
            }
        }
    }
}

fn row(name: &str, values: &MetricValues, changed: Option<&AblatedFigures>) -> Markup {
    let shown = |metric: Metric| {
        let value = values.get(metric);
        value.map_or_else(
            || "-".into(),
            |value| of_metric(metric, metric.figure(value)),
        )
    };
    let difference = |metric: Metric| {
        let interval = changed?.differences.get(&metric)?;
        let ends = [interval.low, interval.high].map(|end| metric.figure(end));
        Some(ends_of([ends[0].min(ends[1]), ends[0].max(ends[1])]))
    };
    let of_score = changed.and_then(|changed| changed.score_difference.as_ref());
    html! {
        tr {
            th scope="row" { (name) }
            @for metric in Ablation::METRICS {
                td {
                    (shown(metric))
                    @if let Some(ends) = difference(metric) { span.range { (ends) } }
                }
            }
            td {
                (figure(values.prediction_mean))
                @if let Some(interval) = of_score {
                    span.range { (ends_of([interval.low, interval.high])) }
                }
            }
            td { (figure(changed.and_then(|changed| changed.mean_change))) }
        }
    }
}

/// The ends of the interval of a difference.
fn ends_of([low, high]: [f64; 2]) -> String {
    let signed = |end: f64| {
        let sign = if end > 0.0 { "+" } else { "" };
        format!("{sign}{}", plain(end))
    };
    format!("{} to {}", signed(low), signed(high))
}
