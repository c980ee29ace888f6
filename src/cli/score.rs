//! `gradus score`.

use std::path::PathBuf;

use clap::Args;
use gradus::data::CutSegments;
use gradus::eval::Aggregation;

use super::DeviceArgs;

pub(super) const SCORE_HELP: &str = "\
Reads native records (one JSON object per line; also .gz and .zst) and writes them with a `score` for
every segment and one for the response, in rating units. A response without segments is cut by the
bundle's segmenter. Memory use does not grow with the file.

A missing score is `null`, and `unscored` gives the reason: `truncated` or `no_tokens` for a segment;
these, `empty` or `no_segments` for a response. `context_tokens_dropped`, `prompt_tokens_dropped` and
`response_tokens_dropped` count tokens that did not fit into the model's input.

  gradus score my-bundle answers.jsonl -o scored.jsonl
  gradus score my-bundle answers.jsonl > scored.jsonl";

/// `gradus score`.
#[derive(Debug, Args)]
pub(crate) struct ScoreArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Records to score; `-` reads standard input
    pub(crate) input: PathBuf,
    /// File to write, compressed if it ends in .gz [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the output if it exists
    #[arg(long, requires = "output")]
    pub(crate) overwrite: bool,
    /// Aggregation of segment scores to a response score: mean, sum, min, max, product, last or
    /// softmin:TEMPERATURE [default: as stored in the bundle]
    #[arg(long)]
    pub(crate) aggregation: Option<Aggregation>,
    /// Ignore the recalibration of the bundle
    #[arg(long)]
    pub(crate) raw: bool,
    /// Score responses longer than the model's input in overlapping windows that begin at
    /// multiples of this many tokens; each segment is scored in the window with the most text
    /// before it [default: cut the response at its end]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) stride: Option<usize>,
    /// Fail on a response that cannot be scored, such as an empty one [default: its `score` is null]
    #[arg(long)]
    pub(crate) strict: bool,
    /// Treatment of segments that do not fit completely: drop (no score), or score (score the
    /// part that fits, marked as cut) [default: as stored in the bundle]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    /// Padded tokens per batch
    #[arg(long, value_name = "TOKENS", default_value_t = 4096)]
    pub(crate) batch_tokens: usize,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
