//! The table of an aspect's slices, worst first.

use super::number::{count, figure};
use crate::Metric;
use crate::slices::Slice;
use maud::{Markup, html};

/// Number of slices shown at first; the rest is folded.
const SHOWN: usize = 12;

/// The slices with the largest RMSE; the rest is folded. `overall` is the RMSE of all segments.
pub(super) fn slice_table(slices: &[Slice], overall: Option<f64>) -> Markup {
    let (worst, rest) = slices.split_at(SHOWN.min(slices.len()));
    let highest = slices
        .iter()
        .filter_map(|slice| slice.values.get(Metric::RMSE))
        .chain(overall)
        .fold(0.0, f64::max);
    html! {
        (table(worst, overall, highest))
        @if !rest.is_empty() {
            details {
                summary { "All " (count(slices.len())) " slices" }
                (table(rest, overall, highest))
            }
        }
    }
}

fn table(slices: &[Slice], overall: Option<f64>, highest: f64) -> Markup {
    html! {
        div.scroll {
            table.slices {
                thead {
                    tr {
                        th scope="col" { "slice" }
                        th scope="col" { "segments" }
                        th scope="col" { "RMSE" }
                        th.bar { span.hidden { "RMSE as a bar" } }
                        th scope="col" { "bias" }
                        th scope="col" { "Pearson" }
                    }
                }
                tbody { @for slice in slices { (row(slice, overall, highest)) } }
            }
        }
    }
}

fn row(slice: &Slice, overall: Option<f64>, highest: f64) -> Markup {
    let values = &slice.values;
    html! {
        tr {
            th scope="row" { span.part-of { (slice.key) } " " bdi { (slice.part) } }
            td { (count(values.count)) }
            td { (figure(values.get(Metric::RMSE))) }
            td.bar { (bar(values.get(Metric::RMSE), overall, highest)) }
            td { (figure(values.get(Metric::BIAS))) }
            td { (figure(values.get(Metric::PEARSON))) }
        }
    }
}

/// The RMSE as a bar, with a mark at the RMSE of all segments.
fn bar(rmse: Option<f64>, overall: Option<f64>, highest: f64) -> Markup {
    let share = |value: f64| format!("{:.1}", 100.0 * value / highest);
    let drawn = |value: &f64| highest > 0.0 && value.is_finite();
    html! {
        svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            @if let Some(rmse) = rmse.filter(drawn) {
                rect.fill x="0" y="1" width=(share(rmse)) height="8" {}
            }
            @if let Some(overall) = overall.filter(drawn) {
                line.mark x1=(share(overall)) x2=(share(overall)) y1="0" y2="10" {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MetricValues;
    use crate::slices::SliceKey;

    #[test]
    fn many_slices_are_folded_not_dropped_and_names_are_text() {
        let slice = |index: usize| Slice {
            key: SliceKey::Meta("topic".into()),
            part: format!("<b>{index}</b>"),
            responses: 1,
            values: MetricValues {
                count: 20,
                ..MetricValues::default().with(Metric::RMSE, Some(0.0))
            },
        };
        let slices: Vec<Slice> = (0..15).map(slice).collect();
        let html = slice_table(&slices, Some(0.0)).into_string();
        assert_eq!(html.matches("&lt;b&gt;").count(), 15);
        assert!(
            html.contains("All 15 slices") && !html.contains("NaN") && !html.contains("<b>"),
            "{html}"
        );
    }
}
