//! The table of the low and the high class, and of the segments that a bundle calls doubtful.

use maud::{Markup, html};

use super::number::{count, figure, plain};
use crate::DoubtfulFigures;
use crate::bootstrap::Interval;
use crate::threshold::{Class, ClassFigures, FlagFigures};

/// Precision, recall and F1 of both classes, and of the flags of the bundle's threshold. `None` without classes.
pub(super) fn classes(
    level: &str,
    classes: Option<&ClassFigures>,
    doubtful: Option<&DoubtfulFigures>,
) -> Option<Markup> {
    let classes = classes?;
    let cut = plain(classes.midpoint);
    let name = |class: Class| {
        let rare = if class == classes.rare { ", rare" } else { "" };
        match class {
            Class::Low => format!("low, at most {cut}{rare}"),
            Class::High => format!("high, above {cut}{rare}, positive in AUPRC and F1"),
        }
    };
    Some(html! {
        div.scroll {
            table {
                caption { "Classes " small { (level) ": ratings and scores cut in two" } }
                thead {
                    tr {
                        th scope="col" { "class" }
                        th scope="col" { "rated" }
                        th scope="col" { "scored" }
                        th scope="col" { "precision" }
                        th scope="col" { "recall" }
                        th scope="col" { "F1" }
                    }
                }
                tbody {
                    @for class in [Class::Low, Class::High] {
                        (row(&name(class), classes.of_class(class)))
                    }
                    @if let Some(found) = doubtful {
                        (row(&format!("doubtful, score at most {}", plain(found.threshold)), &found.figures))
                    }
                }
            }
        }
    })
}

/// What the threshold of doubtful segments was chosen for.
pub(super) fn doubtful_note(found: &DoubtfulFigures) -> Markup {
    html! {
        "The threshold of doubtful segments was chosen on " bdi { (found.fitted_on) } " for a " (found.wish.to_string())
        ", to find ratings of at most " (plain(found.midpoint)) ". It holds for scores before recalibration."
    }
}

fn row(name: &str, figures: &FlagFigures) -> Markup {
    let counts = &figures.counts;
    html! {
        tr {
            th scope="row" { (name) }
            td { (count(counts.meant())) }
            td { (count(counts.flagged())) }
            @for (value, interval) in figures.main() {
                td {
                    (figure(value))
                    @if let Some(Interval { low, high, .. }) = interval {
                        span.range { (plain(*low)) " to " (plain(*high)) }
                    }
                }
            }
        }
    }
}
