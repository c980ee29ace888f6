//! `gradus quickstart`, `train`, `probe` and `merge`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use gradus::data::{CutSegments, Stride};
use gradus::eval::Aggregation;
use gradus::model::{HeadConfig, LoraConfig, Pooling, TrainingPrecision};
use gradus::train::{ChatTemplateOption, Freeze, OffsetOption, RatingLoss, ScaleOption};
use gradus::{DataIn, StackOption};

use super::DeviceArgs;

pub(super) const TRAIN_HELP: &str = "\
All settings can also be in a TOML file (--config); flags override it. The bundle stores the
effective settings as run.toml, which --config accepts.

  gradus train --encoder all-MiniLM-L6-v2 --train train.jsonl.gz --valid valid.jsonl.gz \\
      --output my-bundle --aspects factuality --epochs 2

An encoder is a Hugging Face directory with config.json, model.safetensors and tokenizer.json. A build
with the feature `hub` also downloads encoders by name: --encoder Qwen/Qwen2.5-0.5B@main. Each epoch
is validated, and the bundle holds the weights of the best validation.

Several devices share the work of every step: --device cuda:0,cuda:1. The losses equal those of one
device with the same --batch-size.

Checkpoints are in OUTPUT.checkpoints. Ctrl-C completes the step, saves a checkpoint and exits with
130; a second Ctrl-C stops at once. An interrupted or killed run resumes with the same losses as an
uninterrupted one (docs/training.md):

  gradus train --resume my-bundle.checkpoints

New ratings train a bundle further. --old-test judges it on its old test data before and after:

  gradus train --from my-bundle --train new.jsonl --valid new-valid.jsonl --output my-bundle-2 \\
      --old-test test.jsonl";

pub(super) const PROBE_HELP: &str = "\
Pools each segment once, fits a ridge regression per aspect for each of 15 penalties, and keeps the
one with the lowest validation error. Prints the errors for all penalties. Of the [training] table in
--config, only the seed is used. The result is an ordinary bundle, and training can start from its
head:

  gradus probe --encoder all-MiniLM-L6-v2 --train train.jsonl.gz --valid valid.jsonl.gz \\
      --output my-probe
  gradus train --init-head my-probe --encoder all-MiniLM-L6-v2 ...";

/// `gradus quickstart`.
#[derive(Debug, Args)]
pub(crate) struct QuickstartArgs {
    /// Directory for the bundle
    #[arg(long, value_name = "DIR", default_value = "gradus-quickstart")]
    pub(crate) output: PathBuf,
    /// Replace an existing bundle
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Seed of the data, the initial weights and the data order
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print the evaluation as JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// Arguments of both `train` and `probe`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Run configuration in TOML; flags override it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Pretrained encoder: a Hugging Face directory or, in a build with the feature `hub`,
    /// org/name[@revision] on the Hugging Face Hub
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
    /// Replace an existing bundle; in training also discard the checkpoints of an unfinished run
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Aspects to train, separated by commas [default: all that are rated]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub(crate) aspects: Option<Vec<String>>,
    /// Maximum tokens per example, including special tokens [default: 256]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) max_length: Option<usize>,
    /// Treatment of segments that do not fit completely: drop (neither learned nor scored), or
    /// score (learn and score the part that fits) [default: drop]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    /// Read responses longer than the model's input in overlapping windows that begin at multiples of
    /// this many tokens, and learn each segment once; auto: a quarter of --max-length; none: cut the
    /// response at its end [default: auto]
    #[arg(long, value_name = "TOKENS|none|auto")]
    pub(crate) stride: Option<Stride>,
    /// Read each record's context after its prompt; an error if no record has one [default: read
    /// contexts if any training record has one]
    #[arg(long)]
    pub(crate) use_context: bool,
    /// Ignore the records' contexts
    #[arg(long, conflicts_with = "use_context")]
    pub(crate) no_context: bool,
    /// Chat template for prompts: auto (a decoder's own template, if it has one), none, or a file
    /// [default: auto]
    #[arg(long, value_name = "auto|none|FILE")]
    pub(crate) chat_template: Option<ChatTemplateOption>,
    /// Pooling of token states to a segment vector, such as mean or attention; an unknown name lists
    /// all [default: mean, or last for a decoder]
    #[arg(long)]
    pub(crate) pooling: Option<Pooling>,
    /// Trivial baseline that the model is trained beside, and which is added to its scores: auto (for
    /// each aspect the one that the ratings of the validation split follow, if any), none,
    /// position+length or bag-of-words [default: none]
    #[arg(long, value_name = "BASELINE")]
    pub(crate) offset: Option<OffsetOption>,
    /// Where examples are kept: memory, disk (in their files and a cache of tokens), or auto: memory
    /// up to 64 MiB of data; the result is the same [default: auto]
    #[arg(long, value_name = "PLACE")]
    pub(crate) data_in: Option<DataIn>,
    /// Directory for the cache of tokens, which later runs read [default: DATA.tokens beside the
    /// training split]
    #[arg(long, value_name = "DIR")]
    pub(crate) token_cache: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus train`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Train this bundle further: encoder, head, aspects, scales, segmenter and template are its own, and other ones
    /// are refused; the learning rates are a fifth of those it was trained with
    #[arg(long, value_name = "BUNDLE", conflicts_with_all = ["encoder", "init_head", "resume"])]
    pub(crate) from: Option<PathBuf>,
    /// Rated test data of the bundle of --from, judged before and after with an interval of the difference
    #[arg(long, value_name = "FILE")]
    pub(crate) old_test: Option<PathBuf>,
    /// Print the plan (data, aspects, truncation, steps) with the expected time and memory, and stop
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
    /// Print the plan of --dry-run as Markdown
    #[arg(long, requires = "dry_run", conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// Also write the plan of --dry-run as an HTML report; one self-contained file
    #[arg(long, value_name = "FILE", requires = "dry_run")]
    pub(crate) html: Option<PathBuf>,
    /// Resume an interrupted run, given its checkpoints directory or its output, with the same
    /// settings and data; different ones are refused
    #[arg(long, value_name = "DIR", conflicts_with_all = ["overwrite", "checkpoints", "output"])]
    pub(crate) resume: Option<PathBuf>,
    /// Directory for checkpoints and metrics.jsonl while training [default: OUTPUT.checkpoints]
    #[arg(long, value_name = "DIR")]
    pub(crate) checkpoints: Option<PathBuf>,
    /// Save a checkpoint every N steps; 0: only after each epoch [default: 0]
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
    /// Aggregation of segment scores to a response score: mean, sum, min, max, product, last or
    /// softmin:TEMPERATURE [default: mean]
    #[arg(long)]
    pub(crate) aggregation: Option<Aggregation>,
    /// Whether the scores become weighted sums of the model's and of a trivial baseline (by aspect,
    /// where that predicts the ratings of the validation split better): auto, or none [default: auto]
    #[arg(long, value_name = "auto|none")]
    pub(crate) stack: Option<StackOption>,
    /// Epochs (passes over the training split) [default: 3]
    #[arg(long)]
    pub(crate) epochs: Option<usize>,
    /// Examples per step [default: 16]
    #[arg(long)]
    pub(crate) batch_size: Option<usize>,
    /// Examples computed at once; a step sums the gradients of its micro-batches [default: the
    /// whole batch]
    #[arg(long)]
    pub(crate) micro_batch_size: Option<usize>,
    /// Number format of the products of linear layers and attention: f32; or bf16, faster on a processor
    /// with AVX512-BF16 or a GPU with bfloat16, with weights, gradients and everything else in f32 [default: f32]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) precision: Option<TrainingPrecision>,
    /// Peak learning rate of the encoder [default: by width of the encoder, 1e-4 up to
    /// 384, 5e-5 from 768 on; with --from, a fifth of the rate of the bundle]
    #[arg(long, value_name = "RATE")]
    pub(crate) learning_rate: Option<f64>,
    /// Peak learning rate of the head [default: 1e-3]
    #[arg(long, value_name = "RATE")]
    pub(crate) head_learning_rate: Option<f64>,
    /// Loss of rated segments, such as mse or huber:0.1; an unknown name lists all [default: mse]
    #[arg(long)]
    pub(crate) loss: Option<RatingLoss>,
    /// Start from the head of this bundle, such as a probe [default: a new head]
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
    /// Seed of the data order, the initial head and dropout [default: 0]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Show Burn's terminal dashboard instead of plain progress (needs the feature `dashboard`)
    #[arg(long)]
    pub(crate) dashboard: bool,
    /// Print the training log as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `gradus probe`. Of a configuration's `[training]` table, only the seed is used.
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Print JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}

/// `gradus merge`.
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// Directory of a bundle with adapters
    pub(crate) bundle: PathBuf,
    /// Directory for the merged bundle
    pub(crate) output: PathBuf,
    /// Replace an existing bundle
    #[arg(long)]
    pub(crate) overwrite: bool,
}
