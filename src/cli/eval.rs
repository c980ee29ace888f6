//! `gradus eval`.

use std::path::PathBuf;

use clap::Args;
use gradus::eval::Aggregation;
use gradus::eval::ablation::Part;
use gradus::eval::report::DEFAULT_RESPONSES;

use super::groups::{
    AspectsArgs, BootstrapArgs, CutArgs, DeviceArgs, MidpointArgs, OffsetArgs, PrecisionArgs,
    StrideArgs,
};

pub(super) const EVAL_HELP: &str = "\
Prints for each aspect: errors and correlations at segment and response level, with bootstrap
intervals and trivial baselines; ranking and classification metrics; a decomposition of the error;
calibration; and the worst slices. If records rate whole responses, response scores are compared with
these ratings too. An undefined number is printed as `-`, with the reason below.

  gradus eval my-bundle test.jsonl.gz
  gradus eval --scores mine.jsonl test.jsonl.gz --train train.jsonl.gz
  gradus eval my-bundle test.jsonl.gz --slice domain --json > eval.json
  gradus eval my-bundle test.jsonl.gz --ablate context

A score file has one record per response, joined by `id`; any program may write it:

  {\"id\":\"x1\",\"scores\":[0.7,null,0.2]}
  {\"id\":\"x1\",\"scores\":{\"factuality\":[0.7,null,0.2],\"relevance\":[0.1,0.4,0.9]}}
  {\"id\":\"x1\",\"segments\":[{\"score\":0.7},{\"score\":null},{\"score\":0.2}]}
  {\"id\":\"x1\",\"score\":0.4}

The last form scores the whole response; `score` may also accompany segment scores.

An HTML report with charts and the responses colored by score:
  gradus eval my-bundle test.jsonl.gz --html report.html

All figures and the JSON output: docs/evaluation.md";

/// `gradus eval`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct EvalArgs {
    /// Directory of a trained bundle; omit with --scores
    pub(crate) bundle: Option<PathBuf>,
    /// Data set with ratings
    pub(crate) data: PathBuf,
    /// Score file of any program, joined to the data by id; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// Training split to fit the trivial baselines on [default: the training statistics in the bundle]
    #[arg(long, value_name = "FILE")]
    pub(crate) train: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) aspects: AspectsArgs,
    #[command(flatten)]
    pub(crate) midpoint: MidpointArgs,
    /// Aggregation of segment scores to a response score: mean, sum, min, max, product, last or
    /// softmin:TEMPERATURE [default: as stored in the bundle; mean with --scores]
    #[arg(long)]
    pub(crate) aggregation: Option<Aggregation>,
    /// Also report figures for each value of this key in the records' `meta`; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) slice: Vec<String>,
    /// Score the same segments also without this part of the input, and with that of another record:
    /// context, prompt, or both separated by a comma. --seed pairs the records
    #[arg(
        long,
        value_name = "PART",
        value_delimiter = ',',
        conflicts_with = "scores"
    )]
    pub(crate) ablate: Vec<Part>,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    /// Ignore the recalibration of the bundle
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) stride: StrideArgs,
    #[command(flatten)]
    pub(crate) cut: CutArgs,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write a Markdown report; `-` prints it instead of the table
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Also write an HTML report with figures, charts and the responses colored by score; one
    /// self-contained file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Also write the figures into the model card of the bundle, its README.md
    #[arg(long, conflicts_with = "scores")]
    pub(crate) card: bool,
    /// Replace existing reports
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Maximum number of responses in the HTML report; those with the largest error are shown
    #[arg(long, value_name = "COUNT", default_value_t = DEFAULT_RESPONSES, requires = "html")]
    pub(crate) html_responses: usize,
    #[command(flatten)]
    pub(crate) precision: PrecisionArgs,
    #[command(flatten)]
    pub(crate) offset: OffsetArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
