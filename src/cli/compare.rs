//! `gradus compare`.

use clap::Args;

use super::groups::{AspectsArgs, CutArgs, DeviceArgs, FormatArgs, StrideArgs};

pub(super) const COMPARE_HELP: &str = "\
Each system is a bundle directory or a score file of any program, joined by id; the last path is the
data. NAME=PATH names a system. Systems are compared on the segments that all of them score and, if
whole responses are rated, on the responses that all of them score. A paired bootstrap over
responses, corrected for the number of pairs, decides; paired t and Wilcoxon tests on the error per
response are shown for comparison.

  gradus compare my-bundle other-bundle test.jsonl.gz
  gradus compare ours=my-bundle theirs=scores.jsonl test.jsonl.gz --metric pearson

How to read the output: docs/compare.md";

/// `gradus compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Two or more systems (bundle directories or score files, as PATH or NAME=PATH), then the data
    #[arg(required = true, num_args = 3.., value_names = ["SYSTEM", "SYSTEM", "DATA"])]
    pub(crate) paths: Vec<String>,
    /// Metric to compare: mse, pearson, spearman, .. (an unknown name lists all)
    #[arg(long, default_value = "mse")]
    pub(crate) metric: String,
    #[command(flatten)]
    pub(crate) aspects: AspectsArgs,
    /// Significance level: probability of calling equal systems different
    #[arg(long, default_value_t = 0.05)]
    pub(crate) significance: f64,
    /// Resamples of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) resamples: usize,
    /// Seed of the resamples
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) stride: StrideArgs,
    #[command(flatten)]
    pub(crate) cut: CutArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
