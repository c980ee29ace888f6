//! `gradus ensemble`.

use std::path::PathBuf;

use clap::Args;

pub(super) const ENSEMBLE_HELP: &str = "\
Reads what `gradus score` wrote of the same records with several bundles, such as those of several seeds.
Every score becomes the mean of theirs, with their standard deviation beside it as `spread`, in rating
units: how far the models disagree. A score that one of them lacks is null. The mean has never a larger
squared error than its parts have on average.

  gradus score seed-0 data.jsonl -o 0.jsonl         # the same for seed-1 and seed-2
  gradus ensemble 0.jsonl 1.jsonl 2.jsonl -o mean.jsonl
  gradus eval --scores mean.jsonl data.jsonl

Distillation: one model that learns the means, at the price of one (docs/results.md has what it keeps).

  gradus ensemble 0.jsonl 1.jsonl 2.jsonl --as-ratings -o taught.jsonl
  gradus train --encoder DIR --train taught.jsonl --valid valid.jsonl --output student";

/// `gradus ensemble`.
#[derive(Debug, Args)]
pub(crate) struct EnsembleArgs {
    /// Scored records, one file for each bundle, with the same records in the same order
    #[arg(required = true, num_args = 2..)]
    pub(crate) inputs: Vec<PathBuf>,
    /// File to write, compressed if it ends in .gz, Parquet if it ends in .parquet; `-` is standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Write the means as the ratings of the segments, in place of other ratings, to be learned by a model
    #[arg(long)]
    pub(crate) as_ratings: bool,
    /// Replace the output if it exists
    #[arg(long)]
    pub(crate) overwrite: bool,
}
