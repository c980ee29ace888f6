//! `gradus stack`.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceArgs, PrecisionArgs, StrideArgs};

pub(super) const STACK_HELP: &str = "\
The score of an aspect becomes mean + a (score - mean) + c (baseline - mean) with a, c >= 0 and
a + c <= 1, where mean is the mean training rating and baseline the trivial baseline of the bundle
(position + length, or bag of words) that helps most. The weights are the likeliest ones after rated
data that the model was not trained on, from thirds where that says little to those of least squared
error where it says much; the validation split will do. A model that has learned little from few ratings
loses to its baselines: weighted together, they rarely do. The error on the data of the fit can rise, if
the model was chosen by the same data. `gradus train` ends with this by itself; here the weights are
fitted anew, or to other data.

  gradus stack my-bundle -o my-stacked --valid valid.jsonl
  gradus eval my-stacked test.jsonl

Recalibration, thresholds and prediction intervals are not taken over: they hold for the scores of
before. --offset drop of the commands that score gives the scores of the model alone, for rewards.";

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
    /// The training split of the bundle, to which the baselines are fitted [default: those that
    /// training stored in the bundle]
    #[arg(long, value_name = "RATED")]
    pub(crate) train: Option<PathBuf>,
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
