//! `gradus interval`.

use std::path::PathBuf;

use clap::Args;

use super::groups::{AspectsArgs, CutArgs, DeviceArgs, OffsetArgs, PrecisionArgs, StrideArgs};

pub(super) const INTERVAL_HELP: &str = "\
Learns how far ratings lie from scores, on rated data that the model was not trained on, and stores it in
the bundle. From then on `score` and `serve` write `low` and `high` beside the score of a segment, and
`eval` shows how many ratings lie between them.

  gradus interval my-bundle valid.jsonl.gz
  gradus interval my-bundle valid.jsonl.gz --coverage 0.8 --dry-run
  gradus interval my-bundle valid.jsonl.gz --offset drop
  gradus interval my-bundle --remove

An interval is the score, and the same width on either side for every segment of an aspect (split
conformal prediction). Of the segments of a new response like those in the data, the share --coverage is
rated within it, averaged over responses; each response counts alike, as segments of one are not
independent. It holds for scores that come about in the same way: other choices of --raw, --offset,
--precision, --stride or --cut-segments get no interval, and `score` and `eval` say so. `calibrate` and
`quantize` remove it. How it is learned: docs/evaluation.md";

/// `gradus interval`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct IntervalArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Rated data that the model was not trained on
    #[arg(required_unless_present = "remove", conflicts_with = "remove")]
    pub(crate) valid: Option<PathBuf>,
    /// Share of ratings within the intervals, above 0 and below 1
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.9,
        allow_hyphen_values = true
    )]
    pub(crate) coverage: f64,
    #[command(flatten)]
    pub(crate) aspects: AspectsArgs,
    /// Learn it for scores without the bundle's recalibration
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) stride: StrideArgs,
    #[command(flatten)]
    pub(crate) cut: CutArgs,
    /// Show the intervals without storing them
    #[arg(long, conflicts_with = "remove")]
    pub(crate) dry_run: bool,
    /// Remove the intervals from the bundle, or those of --aspects
    #[arg(long)]
    pub(crate) remove: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) precision: PrecisionArgs,
    #[command(flatten)]
    pub(crate) offset: OffsetArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
