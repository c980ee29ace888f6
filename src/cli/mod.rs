//! What can be typed: clap types only, no logic.

mod bench;
mod data;
mod eval;
mod models;
mod process;
mod score;
mod train;
mod worker;

use std::num::NonZeroUsize;

use clap::{Args, Parser, Subcommand};

pub(crate) use bench::{BenchArgs, BenchMode};
pub(crate) use data::{AuditArgs, DataCommand};
pub(crate) use eval::{CalibrateArgs, CompareArgs, EvalArgs, ExplainArgs};
pub(crate) use models::{ExportArgs, ExportFormat, ImportArgs, InspectArgs};
pub(crate) use process::{ProcessArgs, ProcessBenchmark, ThresholdArgs};
pub(crate) use score::ScoreArgs;
pub(crate) use train::{MergeArgs, ProbeArgs, QuickstartArgs, RunArgs, TrainArgs};
pub(crate) use worker::WorkerArgs;

/// Train, evaluate and use segment-level reward models: models that give every segment of a
/// response its own real-valued score, learned from segment ratings by regression.
#[derive(Debug, Parser)]
#[command(
    name = "gradus",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Longest line of a data file, element of a JSON list or row of a table, in bytes after
    /// decompression; a longer one is refused
    #[arg(
        long,
        global = true,
        value_name = "BYTES",
        default_value = "16777216",
        help_heading = "Limits"
    )]
    pub(crate) max_line_bytes: NonZeroUsize,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make data, train a small model from scratch, evaluate it and show a scored response
    #[command(after_help = "Needs no file and no network. Takes about two minutes on two cores.")]
    Quickstart(QuickstartArgs),
    /// Train a reward model and save it as a bundle
    #[command(after_help = train::TRAIN_HELP)]
    Train(Box<TrainArgs>),
    /// Fit a linear head on a frozen encoder in closed form and save both as a bundle
    #[command(after_help = train::PROBE_HELP)]
    Probe(Box<ProbeArgs>),
    /// Multiply the low-rank adapters of a bundle into its matrices
    Merge(MergeArgs),
    /// Hold scores, of a bundle or of any other program, against the ratings of a data set
    #[command(after_help = eval::EVAL_HELP, allow_missing_positional = true)]
    Eval(Box<EvalArgs>),
    /// Fit how a bundle's scores become ratings, on data held out from training
    #[command(after_help = eval::CALIBRATE_HELP)]
    Calibrate(CalibrateArgs),
    /// Run a benchmark of process reward models: processbench, prmbench or best-of-n
    #[command(after_help = process::PROCESS_HELP)]
    Process {
        /// Which benchmark.
        #[command(subcommand)]
        benchmark: Box<ProcessBenchmark>,
    },
    /// Compare models or score files on the same data: which is better, beyond noise?
    #[command(after_help = eval::COMPARE_HELP)]
    Compare(CompareArgs),
    /// Show which segments make up the loss and drive the next step
    #[command(after_help = eval::EXPLAIN_HELP, allow_missing_positional = true)]
    Explain(ExplainArgs),
    /// Score every segment of every response
    #[command(after_help = score::SCORE_HELP)]
    Score(ScoreArgs),
    /// Measure how fast this build scores and trains on this machine
    #[command(after_help = bench::BENCH_HELP)]
    Bench(BenchArgs),
    /// Check, describe, split or make data
    Data {
        /// What to do with the data.
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Show what an encoder or a bundle is, what memory it takes, and whether it is supported
    #[command(after_help = models::INSPECT_HELP)]
    Inspect(InspectArgs),
    /// Write a bundle as a directory that Python's transformers loads
    #[command(after_help = models::EXPORT_HELP)]
    Export(ExportArgs),
    /// Take a reward model from a directory in Hugging Face layout as a bundle
    #[command(after_help = models::IMPORT_HELP)]
    Import(ImportArgs),
    /// List the devices this build can use on this machine
    Devices {
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Serve this machine's devices to `--device remote:…` elsewhere, until Ctrl-C
    #[command(after_help = worker::WORKER_HELP)]
    Worker(WorkerArgs),
}

/// How intervals are computed.
#[derive(Debug, Clone, Args)]
pub(crate) struct BootstrapArgs {
    /// Share of intervals that hold the truth
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub(crate) confidence: f64,
    /// Bootstrap resamples of the responses; 0 leaves intervals out
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub(crate) resamples: usize,
    /// Seed of the resamples
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

/// Where to compute.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceArgs {
    /// Device to compute on, as `gradus devices` names them, or remote:ws://HOST:PORT where a
    /// `gradus worker` listens [default: the fastest]
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
}
