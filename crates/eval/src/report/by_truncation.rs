//! Figures apart for texts that the model read whole and for shortened ones.

use maud::{Markup, html};

use super::figures::{label, shown};
use super::number::{count, figure};
use crate::{AspectEvaluation, Metric, PartValues};

/// A table of a row for each, where a judged text was shortened.
pub(super) fn by_truncation(aspect: &AspectEvaluation) -> Option<Markup> {
    let parts = aspect.by_truncation.as_ref()?;
    let columns = [Metric::Mse, Metric::Rmse, Metric::Pearson, Metric::Spearman];
    let rows = [
        ("read whole", &parts.whole),
        ("shortened", &parts.shortened),
    ];
    Some(html! {
        div.scroll {
            table {
                caption {
                    "By what the model read "
                    small { "segment level: texts that it read whole, and shortened ones, of which it saw a part" }
                }
                thead {
                    tr {
                        th scope="col" { "texts" }
                        th scope="col" { "responses" }
                        th scope="col" { "segments" }
                        @for metric in columns { th scope="col" { (label(metric)) } }
                        th scope="col" { "best baseline\u{2019}s Pearson" }
                    }
                }
                tbody {
                    @for (name, part) in rows {
                        tr {
                            th scope="row" { (name) }
                            td { (count(part.responses)) }
                            td { (count(part.segment.count)) }
                            @for metric in columns {
                                td { (figure(part.segment.get(metric).map(|value| shown(metric, value)))) }
                            }
                            td { (figure(best_pearson(part))) }
                        }
                    }
                }
            }
        }
    })
}

fn best_pearson(part: &PartValues) -> Option<f64> {
    let baselines = part.baselines.iter();
    let values = baselines.filter_map(|baseline| baseline.segment.get(Metric::Pearson));
    values.max_by(f64::total_cmp)
}
