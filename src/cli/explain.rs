//! `gradus explain`.

use std::path::PathBuf;

use clap::Args;

use super::groups::{AspectsArgs, CutArgs, DeviceArgs, OffsetArgs};

pub(super) const EXPLAIN_HELP: &str = "\
Shows for each segment, on the training scale: error, share of the loss, gradient at the score, and
share of the head's gradient; largest loss first. The selected records count as one batch. Formulas:
docs/explain.md

  gradus explain my-bundle test.jsonl.gz --top 20
  gradus explain my-bundle test.jsonl.gz --id x17 --aspects factuality
  gradus explain --scores mine.jsonl test.jsonl.gz";

/// `gradus explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Directory of a trained bundle; omit with --scores
    pub(crate) bundle: Option<PathBuf>,
    /// Data set with ratings
    pub(crate) data: PathBuf,
    /// Score file of any program, joined to the data by id; the head's gradient is then unknown
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// Explain this record only
    #[arg(long)]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) aspects: AspectsArgs,
    #[command(flatten)]
    pub(crate) cut: CutArgs,
    /// Number of segments to show, largest loss first; 0 shows all [default: 10; all with --id]
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) offset: OffsetArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
