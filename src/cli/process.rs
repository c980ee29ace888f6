//! `gradus process`: benchmarks of process reward models.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use gradus::data::CutSegments;

use super::{BootstrapArgs, DeviceArgs, OffsetArgs, StrideArgs, figures};

pub(super) const PROCESS_HELP: &str = "\
Scores come from a bundle or, with --scores, from a score file (see `gradus eval --help`). The data is
the output of an importer:

  gradus data import processbench gsm8k.json -o gsm8k.jsonl
  gradus process processbench my-bundle gsm8k.jsonl --threshold-on valid.jsonl
  gradus process prmbench --scores mine.jsonl prmbench.jsonl --threshold 0.5
  gradus process best-of-n my-bundle candidates.jsonl --outcome correct --answer answer

Keys are looked up in a record's `meta`, or else in the record itself. Bootstrap intervals resample
responses; for best-of-n, all responses to a prompt together. The threshold stays fixed.

Details of each benchmark: docs/evaluation.md";

/// `gradus process …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProcessBenchmark {
    /// Find the first wrong step (records of `data import processbench`)
    #[command(allow_missing_positional = true, after_long_help = figures::PROCESS_FIGURES)]
    Processbench {
        #[command(flatten)]
        input: ProcessArgs,
        #[command(flatten)]
        threshold: ThresholdArgs,
        /// Key of the records' `meta` that names the subset [default: the start of their ids]
        #[arg(long, value_name = "KEY")]
        subset: Option<String>,
    },
    /// Classify steps as right or wrong (records of `data import prmbench`)
    #[command(allow_missing_positional = true, after_long_help = figures::PROCESS_FIGURES)]
    Prmbench {
        #[command(flatten)]
        input: ProcessArgs,
        #[command(flatten)]
        threshold: ThresholdArgs,
        /// Key of the records' `meta` that names the class of a solution
        #[arg(long, value_name = "KEY", default_value = "classification")]
        class: String,
        /// Aspect that scores redundancy; it alone decides in the classes redundency and circular,
        /// and is ignored in others
        #[arg(long, value_name = "NAME", requires = "aspects")]
        redundancy_aspect: Option<String>,
        /// Score of that aspect above which a step is wrong [default: 0.15, as in the benchmark]
        #[arg(
            long,
            value_name = "SCORE",
            allow_hyphen_values = true,
            requires = "redundancy_aspect"
        )]
        redundancy_threshold: Option<f64>,
    },
    /// Choose the best of several responses to a prompt, with every aggregation
    #[command(
        name = "best-of-n",
        allow_missing_positional = true,
        after_long_help = figures::PROCESS_FIGURES
    )]
    BestOfN {
        #[command(flatten)]
        input: ProcessArgs,
        /// Key of the records' `meta` with the quality of a response: true, false or a number
        #[arg(long, value_name = "KEY")]
        outcome: String,
        /// Key of the records' `meta` that groups responses [default: group by prompt]
        #[arg(long, value_name = "KEY")]
        group: Option<String>,
        /// Key of the records' `meta` with a response's final answer; adds majority and weighted votes
        #[arg(long, value_name = "KEY")]
        answer: Option<String>,
    },
}

/// Arguments of all benchmarks of process reward models.
#[derive(Debug, Args)]
pub(crate) struct ProcessArgs {
    /// Directory of a trained bundle; omit with --scores
    pub(crate) bundle: Option<PathBuf>,
    /// Records of the benchmark
    pub(crate) data: PathBuf,
    /// Score file of any program, joined to the data by id; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// Aspect whose scores are used [default: the only one]; prmbench accepts several, separated by
    /// commas, and uses the lowest score [default: all]
    #[arg(
        long,
        visible_alias = "aspect",
        value_name = "NAMES",
        value_delimiter = ',', value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) aspects: Option<Vec<String>>,
    /// Ignore the recalibration of the bundle
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) stride: StrideArgs,
    /// Treatment of steps that do not fit completely: drop (no score), or score (score the part
    /// that fits) [default: as stored in the bundle]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) offset: OffsetArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// Threshold for wrong steps.
#[derive(Debug, Args)]
pub(crate) struct ThresholdArgs {
    /// Score below which a step is wrong; in prmbench, as in its reference code, also at this score
    #[arg(
        long,
        value_name = "SCORE",
        allow_hyphen_values = true,
        required_unless_present = "threshold_on",
        conflicts_with = "threshold_on"
    )]
    pub(crate) threshold: Option<f64>,
    /// Choose the threshold on these records; they must not be the ones evaluated
    #[arg(long, value_name = "FILE")]
    pub(crate) threshold_on: Option<PathBuf>,
    /// Score file of the --threshold-on records
    #[arg(long, value_name = "FILE", requires = "threshold_on")]
    pub(crate) threshold_scores: Option<PathBuf>,
}
