//! The table of metrics of complete and of truncated texts.

use maud::{Markup, html};

use super::number::{count, figure};
use crate::{AspectEvaluation, Metric, MetricValues, ResponseRatings};

/// A row: the kind of texts, their numbers of responses and segments, and the metrics of the model and of the
/// baselines.
struct Row<'a> {
    name: &'static str,
    counts: Vec<usize>,
    values: &'a MetricValues,
    baselines: Vec<&'a MetricValues>,
}

const WHOLE: &str = "whole";
const TRUNCATED: &str = "truncated";

/// The table of segments; `None` if the model read all texts completely and at once.
pub(super) fn by_truncation(aspect: &AspectEvaluation) -> Option<Markup> {
    let parts = aspect.by_truncation.as_ref()?;
    let rows = [(WHOLE, &parts.whole), (TRUNCATED, &parts.shortened)].map(|(name, part)| Row {
        name,
        counts: vec![part.responses, part.segment.count],
        values: &part.segment,
        baselines: part.baselines.iter().map(|one| &one.segment).collect(),
    });
    Some(table("segment level", &["responses", "segments"], &rows))
}

/// The table of responses rated as a whole.
pub(super) fn responses_by_truncation(found: &ResponseRatings) -> Option<Markup> {
    let parts = found.by_truncation.as_ref()?;
    let rows = [(WHOLE, &parts.whole), (TRUNCATED, &parts.shortened)].map(|(name, part)| Row {
        name,
        counts: vec![part.values.count],
        values: &part.values,
        baselines: part.baselines.iter().map(|one| &one.values).collect(),
    });
    Some(table("response ratings", &["responses"], &rows))
}

fn table(level: &str, counted: &[&str], rows: &[Row]) -> Markup {
    let columns = [Metric::MSE, Metric::RMSE, Metric::PEARSON, Metric::SPEARMAN];
    html! {
        div.scroll {
            table {
                caption {
                    "By truncation "
                    small { (level) ": texts that the model read completely, and texts that were truncated or read in windows" }
                }
                thead {
                    tr {
                        th scope="col" { "texts" }
                        @for unit in counted { th scope="col" { (unit) } }
                        @for metric in columns { th scope="col" { (metric.figure_name()) } }
                        th scope="col" { "best baseline\u{2019}s Pearson" }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (row.name) }
                            @for &number in &row.counts { td { (count(number)) } }
                            @for metric in columns {
                                td { (figure(row.values.get(metric).map(|value| metric.figure(value)))) }
                            }
                            td { (figure(best_pearson(&row.baselines))) }
                        }
                    }
                }
            }
        }
    }
}

fn best_pearson(baselines: &[&MetricValues]) -> Option<f64> {
    let values = baselines
        .iter()
        .filter_map(|values| values.get(Metric::PEARSON));
    values.max_by(f64::total_cmp)
}
