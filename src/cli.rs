//! What can be typed: clap types only, no logic.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
    /// Multiply the low-rank adapters of a bundle into its matrices
    Merge(MergeArgs),
    /// Compare a bundle's scores with the ratings of a data set
    #[command(after_help = EVAL_HELP)]
    Eval(EvalArgs),
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

const EVAL_HELP: &str = "\
Prints the table to standard output: errors and correlations per aspect, for segments and (after
aggregation) for responses, beside what trivial predictors reach. A number that does not exist is
printed as `-`.

  gradus eval my-bundle test.jsonl.gz
  gradus eval my-bundle test.jsonl.gz --train train.jsonl.gz --json > eval.json";

const SCORE_HELP: &str = "\
Reads native records (one JSON object a line, .gz and .zst too) and writes them back with a `score`
in every segment and one for the response, in rating units. A response without segments is cut as
the model's training data was. Memory does not grow with the file.

  gradus score my-bundle answers.jsonl -o scored.jsonl
  gradus score my-bundle answers.jsonl > scored.jsonl";

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
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Data set with ratings
    pub(crate) data: PathBuf,
    /// Training split to fit the trivial baselines on [default: the training statistics in the bundle]
    #[arg(long, value_name = "FILE")]
    pub(crate) train: Option<PathBuf>,
    /// How segment scores become a response score [default: as the bundle says]
    #[arg(long)]
    pub(crate) aggregation: Option<String>,
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
    /// Padded tokens a batch
    #[arg(long, value_name = "TOKENS", default_value_t = 4096)]
    pub(crate) batch_tokens: usize,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
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
