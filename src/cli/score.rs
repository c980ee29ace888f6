//! `gradus score`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use gradus::data::CutSegments;
use gradus::eval::Aggregation;

use super::{DeviceArgs, OffsetArgs, PrecisionArgs, StrideArgs};

pub(super) const SCORE_HELP: &str = "\
Reads native records (one JSON object per line, also .gz and .zst, or Parquet) and writes them with a `score` for
every segment and one for the response, in rating units. A response without segments is cut by the
bundle's segmenter. Memory use does not grow with the file.

A missing score is `null`, and `unscored` gives the reason: `truncated` or `no_tokens` for a segment;
these, `empty` or `no_segments` for a response. `context_tokens_dropped`, `prompt_tokens_dropped` and
`response_tokens_dropped` count tokens that did not fit into the model's input.

With a directory as output (a path that ends in /, or several inputs), every input becomes a file of
its name there, whole or absent. docs/scale.md shows many machines at once.

Inputs may lie elsewhere, in a build with the feature: hub:org/name:config/split (`hub`), s3://, gs://,
az:// and https:// (`object-store`); docs/remote-data.md.

  gradus score my-bundle answers.jsonl -o scored.jsonl
  gradus score my-bundle 'in/*.parquet' -o out/ --resume
  gradus score my-bundle answers.jsonl > scored.jsonl
  gradus score my-bundle answers.jsonl --text --offsets utf16 > for-a-web-page.jsonl
  my-program | gradus score my-bundle - --unbuffered

If the bundle has a threshold (`gradus threshold`), segments at or below it have \"flag\": \"doubtful\". If it
has prediction intervals (`gradus interval`), `low` and `high` stand beside the score of a segment.";

/// Part `number` of `total`, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    number: usize,
    total: usize,
}

impl Shard {
    /// Whether it has the piece of this index, from 0.
    pub(crate) fn has(self, index: usize) -> bool {
        index % self.total == self.number - 1
    }

    /// As part of a file name, such as `3-of-16`.
    pub(crate) fn label(self) -> String {
        format!("{}-of-{}", self.number, self.total)
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/');
        let parts = parts.and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((number, total)) if (1..=total).contains(&number) => Ok(Self { number, total }),
            _ => Err("expected K/N with K from 1 to N, such as 3/16"),
        }
    }
}

/// The unit of positions in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Offsets {
    /// Unicode characters.
    Chars,
    /// Units of UTF-16.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
}

/// `gradus score`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct ScoreArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Records to score: a file, a directory or a pattern of files; `-` reads standard input
    #[arg(required = true)]
    pub(crate) inputs: Vec<PathBuf>,
    /// File to write, compressed if it ends in .gz, Parquet if it ends in .parquet; or a directory, for
    /// one file for each of the inputs [default: standard output]
    #[arg(long, short, value_name = "FILE|DIR/")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the output if it exists
    #[arg(long, requires = "output")]
    pub(crate) overwrite: bool,
    /// Score part K of N of the inputs only, such as 3/16, into a directory: files, and row groups of
    /// Parquet files, go round
    #[arg(long, value_name = "K/N", requires = "output")]
    pub(crate) shard: Option<Shard>,
    /// Go on with a run into a directory: files that are done are passed over. Another bundle, other
    /// options and other inputs are refused
    #[arg(long, requires = "output", conflicts_with = "overwrite")]
    pub(crate) resume: bool,
    /// Maximum number of invalid records in a run into a directory; they are listed in
    /// DIR/_errors.jsonl [default: 100]
    #[arg(long, value_name = "N", requires = "output")]
    pub(crate) max_errors: Option<usize>,
    /// Aggregation of segment scores to a response score: mean, sum, min, max, product, last or
    /// softmin:TEMPERATURE [default: as stored in the bundle]
    #[arg(long)]
    pub(crate) aggregation: Option<Aggregation>,
    /// Ignore the recalibration of the bundle
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) stride: StrideArgs,
    /// Fail on a response that cannot be scored, such as an empty one [default: its `score` is null]
    #[arg(long)]
    pub(crate) strict: bool,
    /// Treatment of segments that do not fit completely: drop (no score), or score (score the
    /// part that fits, marked as cut) [default: as stored in the bundle]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    /// Also write the text of every segment
    #[arg(long)]
    pub(crate) text: bool,
    /// Also write where segments start and end in this unit: utf16 (JavaScript, Java, C#: `start_utf16`
    /// and `end_utf16`), bytes (of UTF-8: `start_bytes` and `end_bytes`), or chars (Unicode
    /// characters: `start` and `end`, which are always there)
    #[arg(long, value_enum, value_name = "UNIT", default_value_t = Offsets::Chars)]
    pub(crate) offsets: Offsets,
    /// Score every record by itself and write it at once, for a program that waits for each answer;
    /// slower than in batches. Where a record is invalid, its line has `file`, `number` and `error`,
    /// and the exit code is 2 at the end; a line longer than --max-line-bytes ends the run at once
    #[arg(long, conflicts_with = "output")]
    pub(crate) unbuffered: bool,
    /// Padded tokens per batch
    #[arg(long, value_name = "TOKENS", default_value_t = 4096)]
    pub(crate) batch_tokens: usize,
    #[command(flatten)]
    pub(crate) precision: PrecisionArgs,
    #[command(flatten)]
    pub(crate) offset: OffsetArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_one_of_several_parts() {
        let shard: Shard = "2/3".parse().unwrap();
        let own: Vec<usize> = (0..7).filter(|&index| shard.has(index)).collect();
        assert_eq!((own, shard.label()), (vec![1, 4], "2-of-3".to_owned()));
        for text in ["0/3", "4/3", "3", "/", "1/0", "a/b", "-1/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
