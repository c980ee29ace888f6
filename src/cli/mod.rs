//! The command line: [`main_with`], and clap types without logic.

mod bench;
mod calibrate;
mod compare;
mod data;
mod ensemble;
mod eval;
mod experiment;
mod explain;
mod figures;
mod generators;
mod groups;
mod interval;
mod judge_audit;
mod models;
mod process;
mod score;
mod serve;
mod shell;
mod stack;
mod suggest;
mod threshold;
mod train;
mod worker;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use gradus::Registry;
use gradus::data::{ColumnMap, ReadLimits};

use crate::{commands, elsewhere, failure, records, signals};

pub(crate) use bench::{BenchArgs, BenchMode};
pub(crate) use calibrate::CalibrateArgs;
pub(crate) use compare::CompareArgs;
pub(crate) use data::{AuditArgs, Codec, DataCommand, MarkCut, SegmentArgs};
pub(crate) use ensemble::EnsembleArgs;
pub(crate) use eval::EvalArgs;
pub(crate) use experiment::{
    ExperimentArgs, ExperimentCellArgs, ExperimentCommand, ExperimentReportArgs, ReportSplit,
};
pub(crate) use explain::ExplainArgs;
pub(crate) use generators::CompareGeneratorsArgs;
pub(crate) use groups::{
    BootstrapArgs, DeviceArgs, FormatArgs, OffsetArgs, PageArgs, PrecisionArgs, StrideArgs,
};
pub(crate) use interval::IntervalArgs;
pub(crate) use judge_audit::JudgeAuditArgs;
pub(crate) use models::{
    ExportArgs, ExportFormat, ImportArgs, InspectArgs, QuantizeArgs, SoupArgs,
};
pub(crate) use process::{ProcessArgs, ProcessBenchmark, ThresholdArgs};
pub(crate) use score::{Offsets, ScoreArgs, Shard};
pub(crate) use serve::ServeArgs;
pub(crate) use shell::{CompletionsArgs, ManArgs};
pub(crate) use stack::StackArgs;
pub(crate) use suggest::SuggestArgs;
pub(crate) use threshold::DoubtArgs;
pub(crate) use train::{MergeArgs, ProbeArgs, QuickstartArgs, RunArgs, TrainArgs};
pub(crate) use worker::WorkerArgs;

/// Runs the whole command line, for the arguments of this process, with parts of another program.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     gradus::cli::main_with(gradus::Registry::new())
/// }
/// ```
pub fn main_with(registry: Registry) -> ExitCode {
    ExitCode::from(run_with(registry, std::env::args_os()))
}

/// The same for given arguments, the first of which is the name of the program; returns the exit code. Help and
/// wrong usage end the process.
pub fn run_with<A: Into<OsString> + Clone>(
    registry: Registry,
    arguments: impl IntoIterator<Item = A>,
) -> u8 {
    signals::fail_past_file_limit();
    if let Err(conflict) = registry.install() {
        return failure::report(&conflict.into());
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => failure::refuse_arguments(&error),
    };
    records::set_limits(ReadLimits {
        max_line_bytes: cli.max_line_bytes.get(),
        max_text_bytes: cli.max_text_bytes.get(),
    });
    elsewhere::install();
    if let Some(columns) = cli.columns {
        records::set_columns(columns);
    }
    match failure::guarded(|| commands::run(cli.command)) {
        Ok(()) => 0,
        Err(error) => failure::report(&error),
    }
}

/// Train, evaluate and run segment-level reward models: models that score every segment of a
/// response with a real number, learned from segment ratings by regression.
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
    /// Maximum size in bytes, after decompression, of a line, a JSON list element or a table row;
    /// longer ones are refused
    #[arg(
        long,
        global = true,
        value_name = "BYTES",
        default_value = "16777216",
        help_heading = "Limits"
    )]
    pub(crate) max_line_bytes: NonZeroUsize,
    /// Maximum size in bytes of a prompt, context or response; records with longer ones are refused
    #[arg(
        long,
        global = true,
        value_name = "BYTES",
        default_value = "1048576",
        help_heading = "Limits"
    )]
    pub(crate) max_text_bytes: NonZeroUsize,
    /// Read keys of data files under other names, and leave some out: prompt=question,-image reads
    /// `question` as `prompt` and leaves out `image`
    #[arg(
        long,
        global = true,
        value_name = "MAP",
        allow_hyphen_values = true,
        help_heading = "Data files"
    )]
    pub(crate) columns: Option<ColumnMap>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Generate data, train a small model from scratch, evaluate it and show a scored response
    #[command(after_help = "Needs no files and no network. Takes about a minute on two cores.")]
    Quickstart(QuickstartArgs),
    /// Train a reward model and save it as a bundle
    #[command(after_help = train::TRAIN_HELP)]
    Train(Box<TrainArgs>),
    /// Fit a linear head on a frozen encoder in closed form and save both as a bundle
    #[command(after_help = train::PROBE_HELP, after_long_help = figures::with(train::PROBE_HELP, figures::PROBE_FIGURES))]
    Probe(Box<ProbeArgs>),
    /// Run many trainings from one plan, and compare settings over seeds
    #[command(after_help = experiment::EXPERIMENT_HELP)]
    Experiment(Box<ExperimentArgs>),
    /// Merge the low-rank adapters of a bundle into its weights
    Merge(MergeArgs),
    /// Make a bundle of a quarter of the size, whose weights are in bytes, and measure how its scores move
    #[command(after_help = models::QUANTIZE_HELP)]
    Quantize(QuantizeArgs),
    /// Average the weights of several bundles of the same encoder to one, and compare it with them
    #[command(after_help = models::SOUP_HELP)]
    Soup(SoupArgs),
    /// Average what several bundles gave the same records as scores, and say how far they lie apart
    #[command(after_help = ensemble::ENSEMBLE_HELP)]
    Ensemble(EnsembleArgs),
    /// Weigh a bundle's scores and a trivial baseline together, by their errors on held-out data
    #[command(after_help = stack::STACK_HELP)]
    Stack(StackArgs),
    /// Pick the responses to rate next: those that models disagree on and that are unlike each other
    #[command(after_help = suggest::SUGGEST_HELP)]
    Suggest(Box<SuggestArgs>),
    /// Evaluate scores (from a bundle or any other program) against rated data
    #[command(after_help = eval::EVAL_HELP, after_long_help = figures::with(eval::EVAL_HELP, figures::EVAL_FIGURES), allow_missing_positional = true)]
    Eval(Box<EvalArgs>),
    /// Fit a map from a bundle's scores to ratings, on data held out from training
    #[command(after_help = calibrate::CALIBRATE_HELP, after_long_help = figures::with(calibrate::CALIBRATE_HELP, figures::CALIBRATE_FIGURES))]
    Calibrate(CalibrateArgs),
    /// Choose the score below which segments are doubtful, by precision, recall or cost
    #[command(after_help = threshold::THRESHOLD_HELP, after_long_help = figures::with(threshold::THRESHOLD_HELP, figures::THRESHOLD_FIGURES))]
    Threshold(Box<DoubtArgs>),
    /// Learn how far ratings lie from a bundle's scores: intervals that hold a promised share of them
    #[command(after_help = interval::INTERVAL_HELP)]
    Interval(Box<IntervalArgs>),
    /// Score answers that say nothing beside real ones: what training against a bundle would exploit
    #[command(after_help = judge_audit::JUDGE_AUDIT_HELP, after_long_help = figures::with(judge_audit::JUDGE_AUDIT_HELP, figures::JUDGE_AUDIT_FIGURES))]
    Audit(JudgeAuditArgs),
    /// Run a benchmark of process reward models: processbench, prmbench or best-of-n
    #[command(after_help = process::PROCESS_HELP, after_long_help = figures::with(process::PROCESS_HELP, figures::PROCESS_FIGURES))]
    Process {
        /// Which benchmark.
        #[command(subcommand)]
        benchmark: Box<ProcessBenchmark>,
    },
    /// Test whether one model or score file is significantly better than another on the same data
    #[command(after_help = compare::COMPARE_HELP, after_long_help = figures::with(compare::COMPARE_HELP, figures::COMPARE_FIGURES))]
    Compare(CompareArgs),
    /// Compare generators of answers prompt by prompt, corrected by rated answers
    #[command(after_help = generators::GENERATORS_HELP, after_long_help = figures::with(generators::GENERATORS_HELP, figures::GENERATORS_FIGURES))]
    CompareGenerators(Box<CompareGeneratorsArgs>),
    /// Show each segment's share of the loss and of the next gradient
    #[command(after_help = explain::EXPLAIN_HELP, after_long_help = figures::with(explain::EXPLAIN_HELP, figures::EXPLAIN_FIGURES), allow_missing_positional = true)]
    Explain(ExplainArgs),
    /// Score every segment of every response
    #[command(after_help = score::SCORE_HELP)]
    Score(ScoreArgs),
    /// Score over HTTP: an API, routes for training loops, and a page to score and rate in
    #[command(after_help = serve::SERVE_HELP)]
    Serve(Box<ServeArgs>),
    /// Measure how fast this build scores and trains on this machine
    #[command(after_help = bench::BENCH_HELP)]
    Bench(BenchArgs),
    /// Validate, describe, audit, split, segment, import or generate data
    Data {
        /// What to do with the data.
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Describe an encoder or bundle: whether it is supported and how much memory it needs
    #[command(after_help = models::INSPECT_HELP)]
    Inspect(InspectArgs),
    /// Export a bundle to a directory that Python's transformers loads
    #[command(after_help = models::EXPORT_HELP)]
    Export(ExportArgs),
    /// Convert a reward model in Hugging Face layout to a bundle
    #[command(after_help = models::IMPORT_HELP)]
    Import(Box<ImportArgs>),
    /// List the devices this build can use on this machine
    Devices {
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// List the parts that this program knows by name: losses, poolings, heads, encoders, segmenters, data formats, metrics
    Parts {
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Print a script that completes the command line in a shell
    #[command(after_help = shell::COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Write the man pages of all commands into a directory
    #[command(after_help = shell::MAN_HELP)]
    Man(ManArgs),
    /// Serve this machine's devices to other hosts (`--device remote:…`) until Ctrl-C
    #[command(after_help = worker::WORKER_HELP)]
    Worker(WorkerArgs),
}
