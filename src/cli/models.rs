//! `gradus inspect`, `export` and `import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gradus::train::ChatTemplateOption;

pub(super) const INSPECT_HELP: &str = "\
Reads configurations and the headers of weights, not the weights: an answer takes a moment for a
model of any size. A model that is not supported is no failure; the reason stands in the answer.

  gradus inspect Qwen2.5-0.5B --batch-size 4 --seq-length 1024
  gradus inspect my-bundle --json";

pub(super) const EXPORT_HELP: &str = "\
Writes config.json, model.safetensors, tokenizer.json and a README.md that says how to score in
Python: AutoModelForTokenClassification computes a value for every token and aspect, and the mean
(or last, or first) of a segment's values is its score. Bundles with other poolings or a hidden
layer in the head cannot be expressed so and are refused.

  gradus export my-bundle exported --format hf";

pub(super) const IMPORT_HELP: &str = "\
Takes a token classifier (…ForTokenClassification), or a decoder with logits on the last token
(…ForSequenceClassification), as a bundle whose scores are the classifier's values, pooled over the
tokens of a segment. Of a softmax over two labels the score is the share of the second. An adapter
of peft (adapter_config.json) is merged with the base that --base names.

  gradus import Some-Reward-Model bundle --aspects reward
  gradus import Some-Adapter bundle --base Qwen2.5-0.5B

Process reward models read a separator behind every segment and put its score there: Qwen's
(…ForProcessRewardModel), value heads (…ForPrmModel), classifiers trained by TRL, and language
models (…ForCausalLM) whose score is the share of one token of two. Texts may hold \\n and \\t.

  gradus import Qwen2.5-Math-PRM-7B bundle
  gradus import math-shepherd bundle --separator ' ки' --between '\\n' --before-response ' ' \\
      --positive-token ▁+ --negative-token ▁-
  gradus import trl-prm bundle --separator '\\n' --tokenize-apart

docs/importing-models.md has the separators of published models.";

/// `gradus inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Directory of an encoder in Hugging Face layout, or of a bundle; or org/name[@revision] of the
    /// Hugging Face Hub
    #[arg(value_name = "DIR|BUNDLE")]
    pub(crate) directory: PathBuf,
    /// Sequences a batch, for the estimate of memory
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) batch_size: usize,
    /// Tokens a sequence, for the estimate of memory [default: 512, or the longest possible]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) seq_length: Option<usize>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a bundle is exported to.
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
    /// Directory to write; it must not exist
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
    /// What the logits of a classifier are: values, a softmax, or a sigmoid each [default: as
    /// config.json says]
    #[arg(long, value_name = "TYPE", value_parser = [
        "regression", "single_label_classification", "multi_label_classification",
    ])]
    pub(crate) problem_type: Option<String>,
    /// Names of the outputs, separated by commas [default: those of the model]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) aspects: Option<Vec<String>>,
    /// How tokens become a segment vector: mean, last, first or max [default: as an export says,
    /// else mean, or last for a decoder]
    #[arg(long)]
    pub(crate) pooling: Option<String>,
    /// What is written around prompts: auto (the chat template of a decoder whose directory has
    /// one), none, or the file of a chat template [default: auto]
    #[arg(
        long,
        value_name = "auto|none|FILE",
        default_value = "auto",
        hide_default_value = true
    )]
    pub(crate) chat_template: ChatTemplateOption,
    /// How segment scores become a response score [default: as an export says, else mean]
    #[arg(long)]
    pub(crate) aggregation: Option<String>,
    /// Tokens an example may have, special tokens included [default: as an export says, else 512, or
    /// 4096 with a separator, or the longest possible]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) max_length: Option<usize>,
    /// Text that the model reads behind every segment, at whose last token the score is
    /// [default: that of Qwen's process reward models for such a model, else none]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) separator: Option<String>,
    /// Text behind the separator where another segment follows
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) between: Option<String>,
    /// Text in front of the prompt; not with a chat template
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
    /// Tokenize prompt, segments and separators one by one, as TRL trains; not with a chat template
    #[arg(long, requires = "separator")]
    pub(crate) tokenize_apart: bool,
    /// Token of a language model that says that a segment is right, as its vocabulary spells it
    #[arg(
        long,
        value_name = "TOKEN",
        allow_hyphen_values = true,
        requires = "negative_token"
    )]
    pub(crate) positive_token: Option<String>,
    /// Token that says that it is wrong
    #[arg(
        long,
        value_name = "TOKEN",
        allow_hyphen_values = true,
        requires = "positive_token"
    )]
    pub(crate) negative_token: Option<String>,
    /// How responses without segments are cut: sentence, line, paragraph, delimiter:TEXT or tokens:N
    /// [default: sentence, or line with a separator]
    #[arg(long)]
    pub(crate) segmenter: Option<String>,
    /// Replace a bundle that is already there
    #[arg(long)]
    pub(crate) overwrite: bool,
}
