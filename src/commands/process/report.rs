//! What `--json` prints, the same frame around the figures of every benchmark.

use gradus::eval::bootstrap::{Bootstrap, Interval};
use gradus::eval::process::LowestIsLast;
use serde::Serialize;

use super::steps::Steps;

/// What `--json` prints of a benchmark.
#[derive(Serialize)]
pub(super) struct Report<R> {
    format_version: u32,
    benchmark: &'static str,
    aspect: String,
    #[serde(flatten)]
    result: R,
    lowest_is_last: Option<LowestIsLast>,
    /// Of its share.
    lowest_is_last_interval: Option<Interval>,
    /// How intervals were computed; `null` without intervals.
    bootstrap: Option<Bootstrap>,
}

impl<R> Report<R> {
    /// The `result` of a benchmark on these steps.
    pub(super) fn new(benchmark: &'static str, steps: &Steps, result: R) -> Self {
        let (lowest_is_last, lowest_is_last_interval) = steps.lowest_is_last();
        Self {
            format_version: 1,
            benchmark,
            aspect: steps.aspect.clone(),
            result,
            lowest_is_last,
            lowest_is_last_interval,
            bootstrap: steps.bootstrap(),
        }
    }
}
