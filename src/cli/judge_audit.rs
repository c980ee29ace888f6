//! `gradus audit`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use gradus::eval::Aggregation;

use super::groups::{BootstrapArgs, DeviceArgs, FormatArgs, OffsetArgs, PageArgs};

pub(super) const JUDGE_AUDIT_HELP: &str = "\
Answers the prompts of a file with texts that say nothing (stock phrases, refusals, hedges, copies of prompt
and context, praise of itself, the answer to another prompt, padding) and scores them beside the real
answers. A policy that is trained with the bundle as its reward finds what scores high: an answer that
wins often is what it will learn to write.

  gradus audit my-bundle test.jsonl.gz
  gradus audit my-bundle test.jsonl.gz --prompts 500 --strict --html hacks.html

`gradus data audit` is about data. What to do about a hack that wins: docs/rl.md";

/// `gradus audit`.
#[derive(Debug, Args)]
#[command(mut_arg("resamples", |argument| argument.help("Bootstrap resamples of the prompts; 0: no intervals")))]
pub(crate) struct JudgeAuditArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Records with prompts, contexts and real answers; ratings are not read
    pub(crate) data: PathBuf,
    /// Maximum number of records, drawn by the seed
    #[arg(long, value_name = "COUNT", default_value = "200")]
    pub(crate) prompts: NonZeroUsize,
    /// Aggregation of segment scores to a response score: mean, sum, min, max, product, last or
    /// softmin:TEMPERATURE [default: as stored in the bundle]
    #[arg(long)]
    pub(crate) aggregation: Option<Aggregation>,
    /// Ignore the recalibration of the bundle
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    /// Exit with code 2 if an answer that says nothing wins in half of the prompts or more
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    #[command(flatten)]
    pub(crate) offset: OffsetArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
