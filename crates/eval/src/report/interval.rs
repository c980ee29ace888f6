//! How many ratings lie within the prediction intervals of a bundle.

use maud::{Markup, html};

use super::number::plain;
use crate::prediction_interval::IntervalCoverage;

/// What was promised and what was found, in a sentence.
pub(super) fn interval_note(found: &IntervalCoverage) -> Markup {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    html! {
        "Prediction intervals, score ± " (plain(found.half_width)) ", learned on " bdi { (found.fitted_on) } ": "
        (percent(found.covered))
        @if let Some(interval) = &found.covered_interval {
            " [" (percent(interval.low)) " to " (percent(interval.high)) "]"
        }
        " of the ratings lie within them where each response counts alike, " (percent(found.promised))
        " were promised; " (percent(found.covered_segments)) " where each segment counts alike."
    }
}
