//! The table of metrics with and without the texts that truncation shortened.

use maud::{Markup, html};

use super::number::{count, figure};
use crate::{AspectEvaluation, Metric, MetricValues, ResponseRatings};

/// A row: what the model read of the texts, how many responses and segments they are, the model's
/// figures and those of the baselines.
struct Row<'a> {
    name: &'static str,
    counts: Vec<usize>,
    values: &'a MetricValues,
    baselines: Vec<&'a MetricValues>,
}

const WHOLE: &str = "read whole";
const SHORTENED: &str = "shortened";

/// A table of a row for each, where the text of a judged segment was shortened.
pub(super) fn by_truncation(aspect: &AspectEvaluation) -> Option<Markup> {
    let parts = aspect.by_truncation.as_ref()?;
    let rows = [(WHOLE, &parts.whole), (SHORTENED, &parts.shortened)].map(|(name, part)| Row {
        name,
        counts: vec![part.responses, part.segment.count],
        values: &part.segment,
        baselines: part.baselines.iter().map(|one| &one.segment).collect(),
    });
    Some(table("segment level", &["responses", "segments"], &rows))
}

/// The same of responses rated as a whole.
pub(super) fn responses_by_truncation(found: &ResponseRatings) -> Option<Markup> {
    let parts = found.by_truncation.as_ref()?;
    let rows = [(WHOLE, &parts.whole), (SHORTENED, &parts.shortened)].map(|(name, part)| Row {
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
                    "By what the model read "
                    small { (level) ": texts that it read whole, and shortened ones, of which it saw a part" }
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
