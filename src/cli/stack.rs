//! `gradus stack`.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceArgs, PrecisionArgs, StrideArgs};

pub(super) const STACK_HELP: &str = "\
The score of an aspect becomes mean + a (score - mean) + c (baseline - mean) with a, c >= 0 and
a + c <= 1, where mean is the mean training rating and baseline the trivial baseline of the bundle
(position + length, or bag of words) that helps most. The weights are those of least squared error on
rated data that the model was not trained on; the validation split will do. A model that has learned
little from few ratings loses to its baselines: weighted together, they rarely do.

  gradus stack my-bundle -o my-stacked --valid valid.jsonl
  gradus eval my-stacked test.jsonl

Recalibration, thresholds and prediction intervals are not taken over: they hold for the scores of
before. The score then depends on which segments are listed, as the baseline does, and is none for
rewards: train with `training.offset` for scores without what the baseline knows.";

/// `gradus stack`.
#[derive(Debug, Args)]
pub(crate) struct StackArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Directory for the new bundle
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Rated data that the model was not trained on
    #[arg(long, value_name = "RATED")]
    pub(crate) valid: PathBuf,
    /// Replace an existing bundle
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) stride: StrideArgs,
    #[command(flatten)]
    pub(crate) precision: PrecisionArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
