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
  gradus import Some-Adapter bundle --base Qwen2.5-0.5B";

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
    /// the longest possible]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) max_length: Option<usize>,
    /// Replace a bundle that is already there
    #[arg(long)]
    pub(crate) overwrite: bool,
}
