//! `gradus process`: benchmarks of process reward models.

mod best_of_n;
mod prmbench;
mod processbench;
mod report;
mod steps;
mod threshold;

use anyhow::Result;

use crate::cli::ProcessBenchmark;

pub(crate) fn run(benchmark: &ProcessBenchmark) -> Result<()> {
    match benchmark {
        ProcessBenchmark::Processbench {
            input,
            threshold,
            subset,
        } => processbench::run(input, threshold, subset.as_deref()),
        ProcessBenchmark::Prmbench {
            input,
            threshold,
            class,
            redundancy_aspect,
            redundancy_threshold,
        } => {
            let redundancy = prmbench::RedundancyChoice::of(
                redundancy_aspect.as_deref(),
                *redundancy_threshold,
            )?;
            prmbench::run(input, threshold, class, redundancy.as_ref())
        }
        ProcessBenchmark::BestOfN {
            input,
            outcome,
            group,
            answer,
        } => best_of_n::run(input, outcome, group.as_deref(), answer.as_deref()),
    }
}
