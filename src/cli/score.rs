//! `gradus score`.

use std::path::PathBuf;

use clap::Args;
use gradus::data::CutSegments;

use super::DeviceArgs;

pub(super) const SCORE_HELP: &str = "\
Reads native records (one JSON object a line, .gz and .zst too) and writes them back with a `score`
in every segment and one for the response, in rating units. A response without segments is cut as
the model's training data was. Memory does not grow with the file.

Where there is no score it is `null`, and `unscored` says why: `truncated` or `no_tokens` of a
segment, these or `empty` or `no_segments` of the response. `context_tokens_dropped`,
`prompt_tokens_dropped` and `response_tokens_dropped` say what was too long for the model.

  gradus score my-bundle answers.jsonl -o scored.jsonl
  gradus score my-bundle answers.jsonl > scored.jsonl";

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
    /// Replace the output if it exists
    #[arg(long, requires = "output")]
    pub(crate) overwrite: bool,
    /// How segment scores become a response score [default: as the bundle says]
    #[arg(long)]
    pub(crate) aggregation: Option<String>,
    /// Ignore the recalibration of the bundle
    #[arg(long)]
    pub(crate) raw: bool,
    /// Score responses that are too long for the model in overlapping windows that begin at
    /// multiples of this many tokens, each segment in the window that shows most of what is before
    /// it [default: the response is cut at the end]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) stride: Option<usize>,
    /// Refuse a response that cannot be scored, such as an empty one [default: its `score` is null]
    #[arg(long)]
    pub(crate) strict: bool,
    /// Treatment of segments that the length limit cuts: drop (no score), or score (that of
    /// the part that fits, marked as cut) [default: as the bundle says]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    /// Padded tokens a batch
    #[arg(long, value_name = "TOKENS", default_value_t = 4096)]
    pub(crate) batch_tokens: usize,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
