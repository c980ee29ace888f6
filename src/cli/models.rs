//! `gradus inspect`, `export`, `import` and `quantize`.

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use gradus::data::Segmenter;
use gradus::eval::Aggregation;
use gradus::model::{EmbeddingFormat, Pooling, ProblemType};
use gradus::train::ChatTemplateOption;

use super::{BootstrapArgs, DeviceArgs};

pub(super) const INSPECT_HELP: &str = "\
Reads configurations and the headers of weight files only, so it is fast for a model of any size.
For an unsupported model it prints the reason and exits with 0.

  gradus inspect Qwen2.5-0.5B --batch-size 4 --seq-length 1024
  gradus inspect my-bundle --json";

pub(super) const EXPORT_HELP: &str = "\
Writes config.json, model.safetensors, tokenizer.json and a README.md that shows how to score in
Python: AutoModelForTokenClassification computes a value for every token and aspect, and the mean
(or last, or first) of a segment's values is its score. segmenter.py beside them cuts responses
exactly as this program does. This form cannot express other poolings or an MLP head, so such
bundles are refused.

  gradus export my-bundle exported --format hf";

pub(super) const IMPORT_HELP: &str = "\
Converts a token classifier (…ForTokenClassification), or a decoder with logits at the last token
(…ForSequenceClassification). Scores are the classifier's values, pooled over the tokens of a
segment; for a softmax over two labels, the probability of the second. A peft adapter
(adapter_config.json) is merged into the base that --base names.

  gradus import Some-Reward-Model bundle --aspects reward
  gradus import Some-Adapter bundle --base Qwen2.5-0.5B

Process reward models read a separator after every segment and give its score there: Qwen's
(…ForProcessRewardModel), value heads (…ForPrmModel), classifiers trained by TRL, and language
models (…ForCausalLM) that score by the probability of one of two tokens. Text flags accept the
escapes \\n and \\t.

  gradus import Qwen2.5-Math-PRM-7B bundle
  gradus import math-shepherd bundle --separator ' ки' --between '\\n' --before-response ' ' \\
      --positive-token ▁+ --negative-token ▁-
  gradus import trl-prm bundle --separator '\\n' --tokenize-apart

docs/importing-models.md has the separators of published models.";

pub(super) const QUANTIZE_HELP: &str = "\
Writes a bundle with the encoder's linear layers and embeddings in bytes, a quarter of the size. It
scores as `--precision int8` does, without the option; `--precision f32` computes in 32 bits with
the rounded weights, as devices without such products do. Its layers are exactly those of
`--precision int8` with the first bundle; with --embeddings f32, so are the scores.

Rated data that the model was not trained on is scored before and after. If scores move by more
than the limit, nothing is written and the exit code is 2. Below the default limit, the correlation
with any rating falls by a fifth of a percent at most, and no score moves by more than half of the
standard deviation.

  gradus quantize my-bundle my-bundle-int8 --data valid.jsonl
  gradus quantize my-bundle my-bundle-int8 --data valid.jsonl --embeddings f16 --limit 0.02

Thresholds and recalibration are taken over: they were fitted to the scores of before. `gradus
threshold` and `gradus calibrate` fit them to those of the new bundle. Prediction intervals are not: they
hold for the scores of before.";

/// `gradus quantize`.
#[derive(Debug, Args)]
pub(crate) struct QuantizeArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Directory for the quantized bundle
    pub(crate) output: PathBuf,
    /// Rated data that the model was not trained on, to compare the scores on
    #[arg(long, value_name = "RATED")]
    pub(crate) data: PathBuf,
    /// Number format of the embeddings: int8, with a step for each of them; f16; or f32, as they are
    #[arg(long, value_name = "FORMAT", default_value_t = EmbeddingFormat::Int8)]
    pub(crate) embeddings: EmbeddingFormat,
    /// Largest mean change of a score, in standard deviations of the scores before; that of a single
    /// score is ten times it
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0.05,
        allow_hyphen_values = true
    )]
    pub(crate) limit: f64,
    /// Replace an existing bundle
    #[arg(long)]
    pub(crate) overwrite: bool,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

pub(super) const SOUP_HELP: &str = "\
The bundles come from trainings of the same encoder on the same aspects that differ in their seed or
settings of training; a bundle that differs in anything else but its weights is refused by name. With
--data, each bundle and the average are compared on rated data, by their scores without recalibration,
with intervals of the differences from resampled responses. Recalibration, thresholds and prediction
intervals are not taken over: they hold for the scores of before.

  gradus soup seed-0 seed-1 seed-2 -o averaged --data valid.jsonl.gz";

/// `gradus soup`.
#[derive(Debug, Args)]
pub(crate) struct SoupArgs {
    /// Directories of trained bundles
    #[arg(required = true, num_args = 2..)]
    pub(crate) bundles: Vec<PathBuf>,
    /// Directory for the averaged bundle
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Replace an existing bundle
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Rated data that no bundle was trained on, to compare them on
    #[arg(long, value_name = "RATED")]
    pub(crate) data: Option<PathBuf>,
    /// Metric to compare by, a figure of `gradus eval`
    #[arg(long, default_value = "mse", requires = "data")]
    pub(crate) metric: String,
    /// Bootstrap resamples of the responses, at least 100
    #[arg(long, value_name = "COUNT", default_value_t = 1000, requires = "data")]
    pub(crate) resamples: usize,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 0, requires = "data")]
    pub(crate) seed: u64,
    /// Print JSON instead of tables
    #[arg(long, requires = "data")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Directory of an encoder in Hugging Face layout or of a bundle, or org/name[@revision] on the
    /// Hugging Face Hub
    #[arg(value_name = "DIR|BUNDLE")]
    pub(crate) directory: PathBuf,
    /// Sequences per batch, for the memory estimate
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) batch_size: usize,
    /// Tokens per sequence, for the memory estimate [default: 512, or the model's maximum if lower]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) seq_length: Option<usize>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Export formats.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A directory that Python's transformers loads
    Hf,
}

/// `gradus export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Directory to create; it must not exist
    pub(crate) output: PathBuf,
    /// Layout of the directory
    #[arg(long, value_enum, default_value_t = ExportFormat::Hf)]
    pub(crate) format: ExportFormat,
}

/// `gradus import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Directory in Hugging Face layout, or org/name[@revision] of the Hugging Face Hub
    pub(crate) directory: PathBuf,
    /// Directory for the bundle
    pub(crate) output: PathBuf,
    /// Base of an adapter: a directory in Hugging Face layout, or org/name[@revision] of the Hub
    #[arg(long, value_name = "DIR")]
    pub(crate) base: Option<PathBuf>,
    /// How to read a classifier's logits: as values, by a softmax, or by a sigmoid each [default:
    /// from config.json]
    #[arg(long, value_name = "TYPE", value_parser = problem_type())]
    pub(crate) problem_type: Option<ProblemType>,
    /// Names of the outputs, separated by commas [default: those of the model]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub(crate) aspects: Option<Vec<String>>,
    /// Pooling of token states to a segment vector: mean, last, first or max [default: as exported,
    /// else mean, or last for a decoder]
    #[arg(long)]
    pub(crate) pooling: Option<Pooling>,
    /// Chat template for prompts: auto (that of the directory, for decoders), none, or a file
    /// [default: auto]
    #[arg(
        long,
        value_name = "auto|none|FILE",
        default_value = "auto",
        hide_default_value = true
    )]
    pub(crate) chat_template: ChatTemplateOption,
    /// Aggregation of segment scores to a response score [default: as exported, else mean]
    #[arg(long)]
    pub(crate) aggregation: Option<Aggregation>,
    /// Maximum tokens per example, including special tokens [default: as exported, else 512, or 4096
    /// with a separator, or the model's maximum if lower]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) max_length: Option<usize>,
    /// Text after every segment; its last token gives the score [default: `<extra_0>` for Qwen's
    /// process reward models, else none]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) separator: Option<String>,
    /// Text between the separator and the next segment
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) between: Option<String>,
    /// Text before the prompt; not with a chat template
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        requires = "separator"
    )]
    pub(crate) before_prompt: Option<String>,
    /// Text between prompt and response; not with a chat template
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        requires = "separator"
    )]
    pub(crate) before_response: Option<String>,
    /// Tokenize prompt, segments and separators separately, as TRL does; not with a chat template
    #[arg(long, requires = "separator")]
    pub(crate) tokenize_apart: bool,
    /// Vocabulary token by which a language model calls a segment correct
    #[arg(
        long,
        value_name = "TOKEN",
        allow_hyphen_values = true,
        requires = "negative_token"
    )]
    pub(crate) positive_token: Option<String>,
    /// Vocabulary token by which it calls a segment wrong
    #[arg(
        long,
        value_name = "TOKEN",
        allow_hyphen_values = true,
        requires = "positive_token"
    )]
    pub(crate) negative_token: Option<String>,
    /// How to segment responses that have no segments: sentence, line, paragraph, delimiter:TEXT or
    /// tokens:N [default: sentence, or line with a separator]
    #[arg(long)]
    pub(crate) segmenter: Option<Segmenter>,
    /// Replace an existing bundle
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// The words of transformers.
fn problem_type() -> impl TypedValueParser<Value = ProblemType> {
    let words = PossibleValuesParser::new([
        "regression",
        "single_label_classification",
        "multi_label_classification",
    ]);
    words.try_map(|word| word.parse())
}
