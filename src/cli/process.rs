//! `gradus process`: benchmarks of process reward models.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gradus::data::CutSegments;

use super::{BootstrapArgs, DeviceArgs};

pub(super) const PROCESS_HELP: &str = "\
Scores come from a bundle or, with --scores, from a file of any program (see `gradus eval --help`).
Data comes from the importers as it is:

  gradus data import processbench gsm8k.json -o gsm8k.jsonl
  gradus process processbench my-bundle gsm8k.jsonl --threshold-on valid.jsonl
  gradus process prmbench --scores mine.jsonl prmbench.jsonl --threshold 0.5
  gradus process best-of-n my-bundle candidates.jsonl --outcome correct --answer answer

Keys are looked up in a record's `meta`, or else in the record itself. Figures have bootstrap intervals: responses are drawn anew, for best-of-n all those of a prompt
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
        /// Aspect that says how superfluous a step is: alone it decides in the classes about that
        /// (redundency, circular), and nowhere else
        #[arg(long, value_name = "NAME", requires = "aspects")]
        redundancy_aspect: Option<String>,
        /// Score of that aspect above which a step is called wrong [default: 0.15, the benchmark's]
        #[arg(
            long,
            value_name = "SCORE",
            allow_hyphen_values = true,
            requires = "redundancy_aspect"
        )]
        redundancy_threshold: Option<f64>,
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
        /// Key of the records' `meta` with the final answer of a response, to vote on as well
        #[arg(long, value_name = "KEY")]
        answer: Option<String>,
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
    /// The aspect whose scores are used [default: the only one]; prmbench takes several, separated
    /// by commas, of which the lowest counts [default: all]
    #[arg(
        long,
        visible_alias = "aspect",
        value_name = "NAMES",
        value_delimiter = ','
    )]
    pub(crate) aspects: Option<Vec<String>>,
    /// Ignore the recalibration of the bundle
    #[arg(long)]
    pub(crate) raw: bool,
    /// Score responses that are too long for the model in overlapping windows that begin at
    /// multiples of this many tokens [default: the response is cut at the end]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) stride: Option<usize>,
    /// What becomes of steps of which only a part fits: drop (no score), or score (the score of
    /// that part) [default: as the bundle says]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
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
    /// Score below which a step is called wrong; in prmbench, as its own code, at it too
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
