//! `gradus suggest`.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceArgs, PrecisionArgs, StrideArgs};

pub(super) const SUGGEST_HELP: &str = "\
Responses are picked one after the other, each time the one with the largest product of two numbers:

- spread: how far the scores of its segments lie apart between the bundles, in standard deviations of
  all scores. Give bundles that differ in their seed or training data; with one, every spread is 1.
- distance: how far its mean segment state, of length 1 and read by the first bundle, lies from the
  nearest that is rated or picked already, from 0 (the same text) to 2.

Records with a rating count as rated and are not picked, those of --rated as well. The records that are
picked are written in the order in which they should be rated.

  gradus suggest seed-0 seed-1 seed-2 --data unrated.jsonl --rated train.jsonl -n 100 -o next.jsonl
  gradus serve seed-0                      # its page rates records
  gradus train --from seed-0 --train train-and-next.jsonl --valid valid.jsonl --output better";

/// `gradus suggest`.
#[derive(Debug, Args)]
pub(crate) struct SuggestArgs {
    /// Directories of trained bundles with the same aspects
    #[arg(required = true)]
    pub(crate) bundles: Vec<PathBuf>,
    /// Records to pick from; they are read into memory
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// Records that are rated already, such as the training split
    #[arg(long, value_name = "RATED")]
    pub(crate) rated: Option<PathBuf>,
    /// Number of records to pick
    #[arg(
        short = 'n',
        long = "number",
        value_name = "COUNT",
        default_value_t = 100
    )]
    pub(crate) count: usize,
    /// File to write the picked records to; `-` is standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace the output if it exists
    #[arg(long)]
    pub(crate) overwrite: bool,
    #[command(flatten)]
    pub(crate) stride: StrideArgs,
    #[command(flatten)]
    pub(crate) precision: PrecisionArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
