//! `gradus process`: benchmarks of process reward models.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{BootstrapArgs, DeviceArgs};

pub(super) const PROCESS_HELP: &str = "\
Scores come from a bundle or, with --scores, from a file of any program (see `gradus eval --help`).
Data comes from the importers as it is:

  gradus data import processbench gsm8k.json -o gsm8k.jsonl
  gradus process processbench my-bundle gsm8k.jsonl --threshold-on valid.jsonl
  gradus process prmbench --scores mine.jsonl prmbench.jsonl --threshold 0.5
  gradus process best-of-n my-bundle candidates.jsonl --outcome correct

Figures have bootstrap intervals: responses are drawn anew, for best-of-n all those of a prompt
together. The threshold stays as it is.";

/// `gradus process …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProcessBenchmark {
    /// Find the first wrong step (records of `data import processbench`)
    #[command(allow_missing_positional = true)]
    Processbench {
        #[command(flatten)]
        input: ProcessArgs,
        #[command(flatten)]
        threshold: ThresholdArgs,
        /// Key of the records' `meta` that names the subset [default: what their ids start with]
        #[arg(long, value_name = "KEY")]
        subset: Option<String>,
    },
    /// Tell right steps from wrong ones (records of `data import prmbench`)
    #[command(allow_missing_positional = true)]
    Prmbench {
        #[command(flatten)]
        input: ProcessArgs,
        #[command(flatten)]
        threshold: ThresholdArgs,
        /// Key of the records' `meta` that names the class of a solution
        #[arg(long, value_name = "KEY", default_value = "classification")]
        class: String,
    },
    /// Choose the best of several responses to a prompt, by every aggregation
    #[command(name = "best-of-n", allow_missing_positional = true)]
    BestOfN {
        #[command(flatten)]
        input: ProcessArgs,
        /// Key of the records' `meta` that says what a response is worth: true, false or a number
        #[arg(long, value_name = "KEY")]
        outcome: String,
        /// Key of the records' `meta` that tells which belong together [default: the prompt]
        #[arg(long, value_name = "KEY")]
        group: Option<String>,
    },
}

/// What every benchmark of process reward models needs.
#[derive(Debug, Args)]
pub(crate) struct ProcessArgs {
    /// Directory of a trained bundle; left out with --scores
    pub(crate) bundle: Option<PathBuf>,
    /// Records of the benchmark
    pub(crate) data: PathBuf,
    /// Scores of any program, joined to the data by id; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// The aspect whose scores are used [default: the only one; prmbench takes the lowest of several]
    #[arg(long, value_name = "NAME")]
    pub(crate) aspect: Option<String>,
    /// Leave the bundle's recalibration out
    #[arg(long)]
    pub(crate) raw: bool,
    /// Score responses that are too long for the model in overlapping windows that begin at
    /// multiples of this many tokens [default: steps that do not fit have no score]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) stride: Option<usize>,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// Where a step is called wrong.
#[derive(Debug, Args)]
pub(crate) struct ThresholdArgs {
    /// Score below which a step is called wrong
    #[arg(
        long,
        value_name = "SCORE",
        allow_hyphen_values = true,
        required_unless_present = "threshold_on",
        conflicts_with = "threshold_on"
    )]
    pub(crate) threshold: Option<f64>,
    /// Other records of the benchmark to choose the threshold on; never the ones it is judged by
    #[arg(long, value_name = "FILE")]
    pub(crate) threshold_on: Option<PathBuf>,
    /// Scores of those records, where scores come from a file
    #[arg(long, value_name = "FILE", requires = "threshold_on")]
    pub(crate) threshold_scores: Option<PathBuf>,
}
