//! Making models: quickstart, train, probe, merge.

use std::path::PathBuf;

use clap::Args;
use gradus::data::CutSegments;
use gradus::eval::Aggregation;
use gradus::model::{HeadConfig, LoraConfig, Pooling};
use gradus::train::{ChatTemplateOption, Freeze, RatingLoss, ScaleOption};

use super::DeviceArgs;

pub(super) const TRAIN_HELP: &str = "\
Everything can also be set in a TOML file (--config); flags win over the file. The settings that
were used are saved with the bundle as run.toml, which --config reads again.

  gradus train --encoder all-MiniLM-L6-v2 --train train.jsonl.gz --valid valid.jsonl.gz \\
      --output my-bundle --aspects factuality --epochs 2

Several devices share the work of every step: --device cuda:0,cuda:1. The losses are those of one
device with the same --batch-size.

An encoder is a Hugging Face directory: config.json, model.safetensors, tokenizer.json. A build with
the feature `hub` also fetches them by name: --encoder Qwen/Qwen2.5-0.5B@main.
Each epoch is validated; the bundle holds the weights of the best validation.

While it runs, its state is kept in OUTPUT.checkpoints: killed at any moment, it goes on as if
nothing had happened. Ctrl-C finishes the step, saves a checkpoint and exits with 130; a second
one stops at once. docs/training.md says more.

  gradus train --resume my-bundle.checkpoints";

pub(super) const PROBE_HELP: &str = "\
Each segment is pooled once; ridge regression then gives a head per aspect for each of 15 penalties,
and the validation split picks one. Prints the errors over the penalties to standard output. Of the
[training] table of --config only the seed counts. The bundle scores and evaluates as any other, and
training can start from its head:

  gradus probe --encoder all-MiniLM-L6-v2 --train train.jsonl.gz --valid valid.jsonl.gz \\
      --output my-probe
  gradus train --init-head my-probe --encoder all-MiniLM-L6-v2 ...";

/// `gradus quickstart`.
#[derive(Debug, Args)]
pub(crate) struct QuickstartArgs {
    /// Directory for the bundle
    #[arg(long, value_name = "DIR", default_value = "gradus-quickstart")]
    pub(crate) output: PathBuf,
    /// Replace a bundle that is already there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Seed of the data, the weights and the order
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print the evaluation as JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// What `train` and `probe` both need.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Run configuration in TOML; flags win over it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Pretrained encoder: a Hugging Face directory, or org/name[@revision] of the Hugging Face Hub
    /// in a build with the feature `hub`
    #[arg(long, value_name = "DIR|NAME")]
    pub(crate) encoder: Option<PathBuf>,
    /// Training split
    #[arg(long, value_name = "FILE")]
    pub(crate) train: Option<PathBuf>,
    /// Validation split
    #[arg(long, value_name = "FILE")]
    pub(crate) valid: Option<PathBuf>,
    /// Directory for the bundle
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the bundle if the output directory holds one; in training also the checkpoints of an
    /// unfinished run
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Aspects to train, separated by commas [default: all that are rated]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) aspects: Option<Vec<String>>,
    /// Tokens an example may have, special tokens included [default: 256]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) max_length: Option<usize>,
    /// Treatment of segments that the length limit cuts: drop (they are neither learned nor
    /// scored), or score (by the part that fits) [default: drop]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    /// Read each record's context after its prompt; refused where no record has one [default: read
    /// it where records have one]
    #[arg(long)]
    pub(crate) use_context: bool,
    /// Leave the records' contexts out
    #[arg(long, conflicts_with = "use_context")]
    pub(crate) no_context: bool,
    /// Chat template around prompts: auto (the chat template of a decoder whose directory has
    /// one), none, or the file of a chat template [default: auto]
    #[arg(long, value_name = "auto|none|FILE")]
    pub(crate) chat_template: Option<ChatTemplateOption>,
    /// Pooling of token states to a segment vector: mean, last, first, max, or attention (which is
    /// learned) [default: mean, or last for a decoder]
    #[arg(long)]
    pub(crate) pooling: Option<Pooling>,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus train`.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Resume an interrupted run: its directory of checkpoints, or its output. Settings
    /// and data are those of the run; others are refused
    #[arg(long, value_name = "DIR", conflicts_with_all = ["overwrite", "checkpoints", "output"])]
    pub(crate) resume: Option<PathBuf>,
    /// Directory for checkpoints and metrics.jsonl while training [default: OUTPUT.checkpoints]
    #[arg(long, value_name = "DIR")]
    pub(crate) checkpoints: Option<PathBuf>,
    /// Steps between checkpoints; 0: only at the end of each epoch [default: 0]
    #[arg(long, value_name = "STEPS")]
    pub(crate) checkpoint_every: Option<usize>,
    /// Scale of the targets: identity, standardized, or minmax:LOW:HIGH [default: identity]
    #[arg(long)]
    pub(crate) scale: Option<ScaleOption>,
    /// Layers from a segment vector to its scores: `linear`, or `mlp:D_HIDDEN[:DROPOUT]`
    /// [default: linear]
    #[arg(long)]
    pub(crate) head: Option<HeadConfig>,
    /// Train low-rank adapters of the encoder's query and value matrices instead of the encoder
    #[arg(long, value_name = "RANK[:ALPHA]")]
    pub(crate) lora: Option<LoraConfig>,
    /// How segment scores become a response score: mean, sum, min, max, product or last
    /// [default: mean]
    #[arg(long)]
    pub(crate) aggregation: Option<Aggregation>,
    /// Epochs (passes over the training split) [default: 3]
    #[arg(long)]
    pub(crate) epochs: Option<usize>,
    /// Examples per step [default: 16]
    #[arg(long)]
    pub(crate) batch_size: Option<usize>,
    /// Examples computed at once; a step adds up the gradients of its micro-batches [default: the
    /// whole batch]
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
    pub(crate) loss: Option<RatingLoss>,
    /// Start from the head of this bundle, that of a probe for instance [default: a fresh head]
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) init_head: Option<PathBuf>,
    /// Part of the encoder that stays frozen: none, embeddings, layers:N or encoder
    /// [default: none]
    #[arg(long, value_name = "PART")]
    pub(crate) freeze: Option<Freeze>,
    /// Epochs the encoder stays frozen (fractions allowed) [default: 0]
    #[arg(long, value_name = "EPOCHS")]
    pub(crate) freeze_epochs: Option<f64>,
    /// Learning rate of a layer relative to the one above it [default: 1]
    #[arg(long, value_name = "FACTOR")]
    pub(crate) layer_decay: Option<f64>,
    /// Seed of the order, the initial head and dropout [default: 0]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Show Burn's terminal dashboard instead of plain progress; in a build with the feature
    /// `dashboard`
    #[arg(long)]
    pub(crate) dashboard: bool,
    /// Print the run's log as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// `gradus probe`. Of a configuration's `[training]` table only the seed counts.
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Print the curves as JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
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
