//! `gradus threshold`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use gradus::eval::threshold::Wish;

use super::groups::{
    AspectsArgs, BootstrapArgs, CutArgs, DeviceArgs, FormatArgs, MidpointArgs, PageArgs,
};

pub(super) const THRESHOLD_HELP: &str = "\
Chooses the score at or below which a segment is doubtful, on rated data that the model was not trained
on, and stores it in the bundle. From then on `score` and `serve` write \"flag\": \"doubtful\" beside such
segments, and `eval` shows what the flags are worth. A segment is low if its rating is at most the
midpoint; precision is the share of the flags on low segments, recall the share of low segments flagged.

  gradus threshold my-bundle valid.jsonl.gz --precision 0.8
  gradus threshold my-bundle valid.jsonl.gz --recall 0.9 --aspects factuality
  gradus threshold my-bundle valid.jsonl.gz --cost wrong:missed=5:1 --dry-run
  gradus threshold my-bundle valid.jsonl.gz --precision 0.8 --html threshold.html
  gradus threshold my-bundle --remove

The thresholds of aspects that --aspects leaves out stay as they are.

A wished precision or recall holds for new segments like these with the probability --confidence: the
lower bound counts responses, not segments, and allows for the choice. If no threshold is that sure,
there is none, and the bundle stays as it was. The threshold is a score before recalibration: it stays
valid if the recalibration changes. How it is chosen: docs/evaluation.md";

/// `gradus threshold`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("wish").args(["precision", "recall", "cost", "remove"]).required(true)))]
pub(crate) struct DoubtArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Rated data that the model was not trained on
    #[arg(required_unless_present = "remove", conflicts_with = "remove")]
    pub(crate) valid: Option<PathBuf>,
    /// Least precision of the flags, above 0 and below 1; of all such thresholds the highest is chosen
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    pub(crate) precision: Option<f64>,
    /// Least recall of the low segments, above 0 and below 1; of all such thresholds the lowest is
    /// chosen
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    pub(crate) recall: Option<f64>,
    /// Costs of a wrong flag and of a missed low segment, such as wrong:missed=5:1; the threshold of
    /// the least cost is chosen
    #[arg(long, value_name = "wrong:missed=A:B", allow_hyphen_values = true, value_parser = Wish::of_costs)]
    pub(crate) cost: Option<Wish>,
    #[command(flatten)]
    pub(crate) aspects: AspectsArgs,
    #[command(flatten)]
    pub(crate) midpoint: MidpointArgs,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    #[command(flatten)]
    pub(crate) cut: CutArgs,
    /// Show the thresholds without storing them
    #[arg(long, conflicts_with = "remove")]
    pub(crate) dry_run: bool,
    /// Remove the thresholds from the bundle, or those of --aspects
    #[arg(long, conflicts_with_all = ["html", "json", "markdown"])]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
