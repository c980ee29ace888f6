//! `gradus compare-generators`.

use std::path::PathBuf;

use clap::Args;
use gradus::eval::Aggregation;

use super::groups::{AspectsArgs, BootstrapArgs, DeviceArgs, FormatArgs, OffsetArgs, PageArgs};

pub(super) const GENERATORS_HELP: &str = "\
Scores the answers of several generators and compares them prompt by prompt: the mean gap of the scores with a
bootstrap interval over prompts. A judge may like one generator's style or squeeze its scores together, and
no number of answers takes that out. Rated answers do (--rated): the gap is then corrected by
prediction-powered inference, and the judge's bias is shown. `gradus compare` compares judges instead.

  gradus compare-generators my-bundle answers.jsonl --by meta.generator
  gradus compare-generators my-bundle answers.jsonl --by meta.generator --rated rated.jsonl --html generators.html

How to read the output: docs/compare.md";

/// `gradus compare-generators`.
#[derive(Debug, Args)]
#[command(mut_arg("resamples", |argument| argument.help("Bootstrap resamples of the prompts; at least 100")))]
pub(crate) struct CompareGeneratorsArgs {
    /// Directory of a trained bundle, the judge
    pub(crate) bundle: PathBuf,
    /// Answers of all generators; their ratings are not read
    pub(crate) answers: PathBuf,
    /// Key of the records' `meta` that names the generator
    #[arg(long, value_name = "meta.KEY")]
    pub(crate) by: String,
    /// Rated answers of these generators to some of the same prompts or to others like them, drawn at
    /// random; they correct the gaps
    #[arg(long, value_name = "FILE")]
    pub(crate) rated: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) aspects: AspectsArgs,
    /// Aggregation of segment scores to a response score: mean, sum, min, max, product, last or
    /// softmin:TEMPERATURE [default: as stored in the bundle]
    #[arg(long)]
    pub(crate) aggregation: Option<Aggregation>,
    /// Ignore the recalibration of the bundle
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    #[command(flatten)]
    pub(crate) offset: OffsetArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
