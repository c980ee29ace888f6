//! `gradus calibrate`.

use std::path::PathBuf;

use clap::Args;
use gradus::eval::calibration::RecalibrationKind;

use super::groups::{CutArgs, DeviceArgs};

pub(super) const CALIBRATE_HELP: &str = "\
Fits a non-decreasing map from scores to ratings for each aspect, stores it in the bundle, and shows
errors and calibration before and after on the same file. From then on `score` and `eval` apply it,
unless --raw is given. The order of scores never changes, but scores on a flat part of an isotonic map
become equal. If the data rates whole responses, response scores get a map of their own.

  gradus calibrate my-bundle valid.jsonl.gz
  gradus calibrate my-bundle valid.jsonl.gz --kind linear
  gradus calibrate my-bundle --remove";

/// `gradus calibrate`.
#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Rated data that the model was not trained on
    #[arg(required_unless_present = "remove", conflicts_with = "remove")]
    pub(crate) valid: Option<PathBuf>,
    /// Map to fit: isotonic (any non-decreasing map; needs hundreds of segments) or linear
    #[arg(long, default_value = "isotonic")]
    pub(crate) kind: RecalibrationKind,
    #[command(flatten)]
    pub(crate) cut: CutArgs,
    /// Remove the recalibration from the bundle
    #[arg(long)]
    pub(crate) remove: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
