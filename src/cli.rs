//! What can be typed: clap types only, no logic.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use gradus::eval::report::DEFAULT_RESPONSES;

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
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make data, train a small model from scratch, evaluate it and show a scored response
    #[command(after_help = "Needs no file and no network. Takes about two minutes on two cores.")]
    Quickstart(QuickstartArgs),
    /// Train a reward model and save it as a bundle
    #[command(after_help = TRAIN_HELP)]
    Train(Box<TrainArgs>),
    /// Fit a linear head on a frozen encoder in closed form and save both as a bundle
    #[command(after_help = PROBE_HELP)]
    Probe(Box<ProbeArgs>),
    /// Multiply the low-rank adapters of a bundle into its matrices
    Merge(MergeArgs),
    /// Hold scores, of a bundle or of any other program, against the ratings of a data set
    #[command(after_help = EVAL_HELP, allow_missing_positional = true)]
    Eval(Box<EvalArgs>),
    /// Fit how a bundle's scores become ratings, on data held out from training
    #[command(after_help = CALIBRATE_HELP)]
    Calibrate(CalibrateArgs),
    /// Run a benchmark of process reward models: processbench, prmbench or best-of-n
    #[command(after_help = PROCESS_HELP)]
    Process {
        /// Which benchmark.
        #[command(subcommand)]
        benchmark: Box<ProcessBenchmark>,
    },
    /// Compare models or score files on the same data: which is better, beyond noise?
    #[command(after_help = COMPARE_HELP)]
    Compare(CompareArgs),
    /// Show which segments make up the loss and drive the next step
    #[command(after_help = EXPLAIN_HELP, allow_missing_positional = true)]
    Explain(ExplainArgs),
    /// Score every segment of every response
    #[command(after_help = SCORE_HELP)]
    Score(ScoreArgs),
    /// Check, describe, split or make data
    Data {
        /// What to do with the data.
        #[command(subcommand)]
        command: DataCommand,
    },
    /// List the devices this build can use on this machine
    Devices {
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Serve this machine's devices to `--device remote:…` elsewhere, until Ctrl-C
    #[command(after_help = WORKER_HELP)]
    Worker(WorkerArgs),
}

const TRAIN_HELP: &str = "\
Everything can also be set in a TOML file (--config); flags win over the file. The settings that
were used are saved with the bundle as run.toml, which --config reads again.

  gradus train --encoder all-MiniLM-L6-v2 --train train.jsonl.gz --valid valid.jsonl.gz \\
      --output my-bundle --aspects factuality --epochs 2

Several devices share the work of every step: --device cuda:0,cuda:1. The losses are those of one
device with the same --batch-size.

An encoder is a Hugging Face directory: config.json, model.safetensors, tokenizer.json.
Each epoch is validated; the bundle holds the weights of the best validation.

While it runs, its state is kept in OUTPUT.checkpoints: killed at any moment, it goes on as if
nothing had happened. Ctrl-C finishes the step, saves a checkpoint and exits with 130; a second
one stops at once. docs/training.md says more.

  gradus train --resume my-bundle.checkpoints";

const PROBE_HELP: &str = "\
Each segment is pooled once; ridge regression then gives a head per aspect for each of 15 penalties,
and the validation split picks one. Prints the errors over the penalties to standard output. The
bundle scores and evaluates as any other, and training can start from its head:

  gradus probe --encoder all-MiniLM-L6-v2 --train train.jsonl.gz --valid valid.jsonl.gz \\
      --output my-probe
  gradus train --init-head my-probe --encoder all-MiniLM-L6-v2 ...";

const EVAL_HELP: &str = "\
Prints to standard output, for each aspect: errors and correlations of segments and (aggregated) of
responses with their bootstrap intervals, beside what trivial predictors reach; order and classes;
the parts of the error; calibration; the slices that do worst. A number that does not exist is
printed as `-`, with the reason below.

  gradus eval my-bundle test.jsonl.gz
  gradus eval --scores mine.jsonl test.jsonl.gz --train train.jsonl.gz
  gradus eval my-bundle test.jsonl.gz --slice domain --json > eval.json

A score file of any program has one record per response, joined by `id`:

  {\"id\":\"x1\",\"scores\":[0.7,null,0.2]}
  {\"id\":\"x1\",\"scores\":{\"factuality\":[0.7,null,0.2],\"relevance\":[0.1,0.4,0.9]}}
  {\"id\":\"x1\",\"segments\":[{\"score\":0.7},{\"score\":null},{\"score\":0.2}]}

What each figure means, and the JSON: docs/evaluation.md

A page to look at, with charts and the responses coloured by score:
  gradus eval my-bundle test.jsonl.gz --html report.html";

const CALIBRATE_HELP: &str = "\
Fits a curve that never falls from scores to ratings, for each aspect, stores it in the bundle, and
shows what it changes on the same file. From then on `score` and `eval` apply it, unless --raw says
otherwise. The order of scores stays; isotonic curves have flat stretches, where scores become equal.

  gradus calibrate my-bundle valid.jsonl.gz
  gradus calibrate my-bundle valid.jsonl.gz --kind linear
  gradus calibrate my-bundle --remove";

const PROCESS_HELP: &str = "\
Scores come from a bundle or, with --scores, from a file of any program (see `gradus eval --help`).
Data comes from the importers as it is:

  gradus data import processbench gsm8k.json -o gsm8k.jsonl
  gradus process processbench my-bundle gsm8k.jsonl --threshold-on valid.jsonl
  gradus process prmbench --scores mine.jsonl prmbench.jsonl --threshold 0.5
  gradus process best-of-n my-bundle candidates.jsonl --outcome correct";

const COMPARE_HELP: &str = "\
Each system is a bundle directory or a file of scores made by any program and joined by id; the last
path is the data. NAME=PATH names a system. All are judged on the segments that all of them score.
The verdict rests on a paired bootstrap over responses, corrected for the number of pairs; paired t
and Wilcoxon tests on the error per response stand beside it.

  gradus compare my-bundle other-bundle test.jsonl.gz
  gradus compare ours=my-bundle theirs=scores.jsonl test.jsonl.gz --metric pearson

docs/compare.md says how to read it.";

const EXPLAIN_HELP: &str = "\
Takes the squared error apart, segment by segment, on the scale that the model is trained on: error,
share of the loss, gradient at the score and share of the gradient at the head, worst first. What is
explained together counts as one batch. docs/explain.md has the formulas.

  gradus explain my-bundle test.jsonl.gz --top 20
  gradus explain my-bundle test.jsonl.gz --id x17 --aspect factuality
  gradus explain --scores mine.jsonl test.jsonl.gz";

const SCORE_HELP: &str = "\
Reads native records (one JSON object a line, .gz and .zst too) and writes them back with a `score`
in every segment and one for the response, in rating units. A response without segments is cut as
the model's training data was. Memory does not grow with the file.

  gradus score my-bundle answers.jsonl -o scored.jsonl
  gradus score my-bundle answers.jsonl > scored.jsonl";

const AUDIT_HELP: &str = "\
Reads the splits together and prints what place, length and overlap with the prompt alone tell of
the ratings, and what it found, worst first: problems and warnings are worth stopping for, notes
are good to know. The exit code is 0 whatever is found, unless --strict is given.

  gradus data audit train.jsonl --valid valid.jsonl --test test.jsonl
  gradus data audit all.jsonl.gz --scale 0:1 --strict

What is looked for, with the thresholds: docs/audit.md";

const WORKER_HELP: &str = "\
Needs a build with `--features remote`. Prints the names that --device takes elsewhere, one a line.
Training, evaluation and scoring then run there and read and write their files here.

  gradus worker --listen 0.0.0.0:3000 --token-file token.txt            # on the host `gpu`
  GRADUS_WORKER_TOKEN=$(cat token.txt) gradus score --device remote:ws://gpu:3000 my-bundle a.jsonl

The connection is not encrypted: who can read it reads texts, ratings and weights, and the token.
On a network that others use, leave --listen as it is and reach it through an SSH tunnel.";

/// Where to compute.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceArgs {
    /// Device to compute on, as `gradus devices` names them, or remote:ws://HOST:PORT where a
    /// `gradus worker` listens [default: the fastest]
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
}

/// `gradus quickstart`.
#[derive(Debug, Args)]
pub(crate) struct QuickstartArgs {
    /// Directory for the bundle; a bundle that is there already is replaced
    #[arg(long, value_name = "DIR", default_value = "gradus-quickstart")]
    pub(crate) output: PathBuf,
    /// Seed of the data, the weights and the order
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print the evaluation as JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus train`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct TrainArgs {
    /// Run configuration in TOML; flags win over it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Pretrained encoder: a Hugging Face directory
    #[arg(long, value_name = "DIR")]
    pub(crate) encoder: Option<PathBuf>,
    /// Training split
    #[arg(long, value_name = "FILE")]
    pub(crate) train: Option<PathBuf>,
    /// Validation split, scored after each epoch
    #[arg(long, value_name = "FILE")]
    pub(crate) valid: Option<PathBuf>,
    /// Directory for the bundle
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the bundle if the output directory holds one, and the checkpoints of an unfinished run
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Go on with a run that was interrupted: its directory of checkpoints, or its output. Settings
    /// and data are those of the run; others are refused
    #[arg(long, value_name = "DIR", conflicts_with_all = ["overwrite", "checkpoints", "output"])]
    pub(crate) resume: Option<PathBuf>,
    /// Directory for checkpoints and metrics.jsonl while training [default: OUTPUT.checkpoints]
    #[arg(long, value_name = "DIR")]
    pub(crate) checkpoints: Option<PathBuf>,
    /// Steps between checkpoints; there is always one at the end of an epoch [default: 0, no others]
    #[arg(long, value_name = "STEPS")]
    pub(crate) checkpoint_every: Option<usize>,
    /// Aspects to learn, separated by commas [default: all that are rated]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) aspects: Option<Vec<String>>,
    /// Scale of the targets: identity, standardized, or minmax:LOW:HIGH [default: identity]
    #[arg(long)]
    pub(crate) scale: Option<String>,
    /// Tokens an example may have, special tokens included [default: 256]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) max_length: Option<usize>,
    /// Read the record's context after its prompt
    #[arg(long)]
    pub(crate) use_context: bool,
    /// How tokens become a segment vector: mean, last, first, max or attention [default: mean]
    #[arg(long)]
    pub(crate) pooling: Option<String>,
    /// Layers from a segment vector to its scores: `linear`, or `mlp:D_HIDDEN[:DROPOUT]`
    /// [default: linear]
    #[arg(long)]
    pub(crate) head: Option<String>,
    /// Learn low-rank adapters of the encoder's query and value matrices instead of the matrices
    #[arg(long, value_name = "RANK[:ALPHA]")]
    pub(crate) lora: Option<String>,
    /// How segment scores become a response score: mean, sum, min, max, product or last
    /// [default: mean]
    #[arg(long)]
    pub(crate) aggregation: Option<String>,
    /// Passes over the training split [default: 3]
    #[arg(long)]
    pub(crate) epochs: Option<usize>,
    /// Examples a step [default: 16]
    #[arg(long)]
    pub(crate) batch_size: Option<usize>,
    /// Examples computed at once; a step adds up its pieces [default: the whole batch]
    #[arg(long)]
    pub(crate) micro_batch_size: Option<usize>,
    /// Peak learning rate of the encoder [default: 5e-5]
    #[arg(long, value_name = "RATE")]
    pub(crate) learning_rate: Option<f64>,
    /// Peak learning rate of the head [default: 1e-3]
    #[arg(long, value_name = "RATE")]
    pub(crate) head_learning_rate: Option<f64>,
    /// Loss: mse, mae, huber:DELTA, or bce for targets in [0, 1] [default: mse]
    #[arg(long)]
    pub(crate) loss: Option<String>,
    /// Start from the head of this bundle, that of a probe for instance [default: a fresh head]
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) init_head: Option<PathBuf>,
    /// Part of the encoder that is not learned: none, embeddings, layers:N or encoder
    /// [default: none]
    #[arg(long, value_name = "PART")]
    pub(crate) freeze: Option<String>,
    /// Epochs, also part of one, before the encoder is learned [default: 0]
    #[arg(long, value_name = "EPOCHS")]
    pub(crate) freeze_epochs: Option<f64>,
    /// Learning rate of a layer relative to the one above it [default: 1]
    #[arg(long, value_name = "FACTOR")]
    pub(crate) layer_decay: Option<f64>,
    /// Seed of the order, the initial head and dropout [default: 0]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Show Burn's terminal dashboard instead of plain progress
    #[arg(long)]
    pub(crate) dashboard: bool,
    /// Print the run's log as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus probe`.
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// Run configuration in TOML, of whose [training] table only the seed counts; flags win over it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Pretrained encoder: a Hugging Face directory
    #[arg(long, value_name = "DIR")]
    pub(crate) encoder: Option<PathBuf>,
    /// Training split
    #[arg(long, value_name = "FILE")]
    pub(crate) train: Option<PathBuf>,
    /// Validation split, which picks the penalty
    #[arg(long, value_name = "FILE")]
    pub(crate) valid: Option<PathBuf>,
    /// Directory for the bundle
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the bundle if the output directory holds one
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Aspects to fit, separated by commas [default: all that are rated]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) aspects: Option<Vec<String>>,
    /// Tokens an example may have, special tokens included [default: 256]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) max_length: Option<usize>,
    /// How tokens become a segment vector: mean, last, first or max [default: mean]
    #[arg(long)]
    pub(crate) pooling: Option<String>,
    /// Print the curves as JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus merge`.
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// Directory of a bundle with adapters
    pub(crate) bundle: PathBuf,
    /// Directory for the bundle without
    pub(crate) output: PathBuf,
    /// Replace the bundle if the output directory holds one
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// `gradus eval`.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Directory of a trained bundle; left out with --scores
    pub(crate) bundle: Option<PathBuf>,
    /// Data set with ratings
    pub(crate) data: PathBuf,
    /// Scores of any program, joined to the data by id; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// Training split to fit the trivial baselines on [default: the training statistics in the bundle]
    #[arg(long, value_name = "FILE")]
    pub(crate) train: Option<PathBuf>,
    /// Aspects to evaluate, separated by commas [default: all that are scored]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) aspects: Option<Vec<String>>,
    /// Where ratings are cut in two for AUROC, AUPRC and F1: a number, or ASPECT=NUMBER
    /// [default: half way between the lowest and the highest rating]
    #[arg(
        long,
        value_name = "NUMBER",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub(crate) midpoint: Vec<String>,
    /// How segment scores become a response score [default: as the bundle says, mean with --scores]
    #[arg(long)]
    pub(crate) aggregation: Option<String>,
    /// Key of the records' `meta` to sort by, beside position and length; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) slice: Vec<String>,
    /// Share of intervals that hold the truth
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub(crate) confidence: f64,
    /// Bootstrap resamples of the responses; 0 leaves intervals out
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub(crate) resamples: usize,
    /// Seed of the resamples
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Leave the bundle's recalibration out
    #[arg(long)]
    pub(crate) raw: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a page of Markdown too; `-` prints it instead of the table
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write a page to look at too: figures, charts, and the responses coloured by score, in one
    /// HTML file that fetches nothing
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Responses on that page at most, those with the largest error first
    #[arg(long, value_name = "COUNT", default_value_t = DEFAULT_RESPONSES, requires = "html")]
    pub(crate) html_responses: usize,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus calibrate`.
#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Rated data that the model was not trained on
    #[arg(required_unless_present = "remove", conflicts_with = "remove")]
    pub(crate) valid: Option<PathBuf>,
    /// What is fitted: isotonic (any curve that never falls; hundreds of segments) or linear
    #[arg(long, default_value = "isotonic")]
    pub(crate) kind: String,
    /// Take the recalibration out of the bundle
    #[arg(long)]
    pub(crate) remove: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

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

/// `gradus compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Two or more systems (bundle directories or score files, as PATH or NAME=PATH), then the data
    #[arg(required = true, num_args = 3.., value_names = ["SYSTEM", "SYSTEM", "DATA"])]
    pub(crate) paths: Vec<String>,
    /// Metric the verdict is about: mse, pearson, spearman, .. (an unknown one lists all)
    #[arg(long, default_value = "mse")]
    pub(crate) metric: String,
    /// Compare this aspect only [default: all that the systems score]
    #[arg(long, value_name = "NAME")]
    pub(crate) aspect: Option<String>,
    /// Largest chance of calling equal systems different
    #[arg(long, default_value_t = 0.05)]
    pub(crate) significance: f64,
    /// Resamples of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) resamples: usize,
    /// Seed of the resamples
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print JSON instead of tables
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Print Markdown tables
    #[arg(long)]
    pub(crate) markdown: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Directory of a trained bundle; left out with --scores
    pub(crate) bundle: Option<PathBuf>,
    /// Data set with ratings
    pub(crate) data: PathBuf,
    /// Scores of any program, joined to the data by id; nothing is known of their head
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// Explain this record only
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Explain this aspect only [default: all that are scored]
    #[arg(long, value_name = "NAME")]
    pub(crate) aspect: Option<String>,
    /// Segments to show, the worst first; 0 shows all [default: 10, all with --id]
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus score`.
#[derive(Debug, Args)]
pub(crate) struct ScoreArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Records to score; `-` reads standard input
    pub(crate) input: PathBuf,
    /// File to write, compressed when it ends in .gz or .zst [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How segment scores become a response score [default: as the bundle says]
    #[arg(long)]
    pub(crate) aggregation: Option<String>,
    /// Leave the bundle's recalibration out
    #[arg(long)]
    pub(crate) raw: bool,
    /// Padded tokens a batch
    #[arg(long, value_name = "TOKENS", default_value_t = 4096)]
    pub(crate) batch_tokens: usize,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus data audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Data set, or the split that models are trained on
    pub(crate) data: PathBuf,
    /// Validation split
    #[arg(long, value_name = "FILE")]
    pub(crate) valid: Option<PathBuf>,
    /// Test split; fitted shortcuts are judged by it
    #[arg(long, value_name = "FILE")]
    pub(crate) test: Option<PathBuf>,
    /// Range that every rating should lie in, as 0:1 [default: look for ratings far from all others]
    #[arg(long, value_name = "LOW:HIGH", allow_hyphen_values = true)]
    pub(crate) scale: Option<String>,
    /// Seed of the folds and hashes
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Exit with 2 when there is a problem or a warning
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// `gradus worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Address to listen on; port 0 takes any free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:3000")]
    pub(crate) listen: String,
    /// Device to serve, as `gradus devices` names them; give it again for more of the same backend
    /// [default: the fastest]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) device: Vec<String>,
    /// File with the token that clients have to give in `GRADUS_WORKER_TOKEN`
    /// [default: that variable here, or no token]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// `gradus data …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Read a whole file and report every record that is wrong
    Validate {
        /// Files of native records
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Describe a data set: sizes, ratings, lengths, repeated prompts
    Stats {
        /// File of native records
        file: PathBuf,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Look for shortcuts, leaks, shared prompts and wrong ratings before training
    #[command(after_help = AUDIT_HELP)]
    Audit(AuditArgs),
    /// Split a data set so that no prompt is in two splits
    Split {
        /// File of native records
        file: PathBuf,
        /// Directory for train.jsonl, valid.jsonl and test.jsonl
        #[arg(long, short, value_name = "DIR")]
        output: PathBuf,
        /// Share of the examples that goes to the validation split
        #[arg(long, default_value_t = 0.1)]
        valid: f64,
        /// Share of the examples that goes to the test split
        #[arg(long, default_value_t = 0.1)]
        test: f64,
        /// Seed of the split
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Turn a public data set in its published form into native records
    #[command(after_help = "The formats, with a record of each and its traps: docs/importing.md")]
    Import {
        /// Published format, prmbench for instance; an unknown one lists all
        format: String,
        /// The published file, `.gz` and `.zst` too
        file: PathBuf,
        /// File to write
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Published rating to rating, as in -1=0,0=0.5,1=1
        #[arg(long, value_name = "MAP", allow_hyphen_values = true)]
        rating_map: Option<String>,
        /// How responses are cut where the format does not say
        #[arg(long, default_value = "sentence")]
        segmenter: String,
        /// File of prompts, for formats that keep them apart (RAGTruth's `source_info.jsonl`)
        #[arg(long, value_name = "FILE")]
        sources: Option<PathBuf>,
        /// Leave wrong records out and count them, instead of stopping at the first
        #[arg(long)]
        skip_wrong: bool,
    },
    /// Make the synthetic data set that quickstart trains on
    Generate {
        /// File to write
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Number of examples
        #[arg(long, default_value_t = 1000)]
        examples: usize,
        /// Seed of the examples
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
}
