//! `gradus bench`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gradus::model::LoraConfig;
use gradus::train::Freeze;

use super::{DeviceArgs, PrecisionArgs};

pub(super) const BENCH_HELP: &str = "\
All rows have exactly the given length, without padding. A quarter of a row is the prompt; every 20
tokens of the rest form a segment. A training step is complete: forward, loss, backward, clipping,
AdamW. Without --bundle or --encoder, the model has the size of MiniLM-L6 and random weights.

  gradus bench
  gradus bench --mode score --length 128,256,512 --threads 1 --json
  gradus bench --bundle my-bundle --dropout
  gradus bench --encoder qwen2.5-0.5b --mode train --batch-size 4 --lora 8

Peak memory (Linux only) is that of the process during a row of the table. Earlier rows leave memory
allocated, so measure a row alone where this matters.";

/// `gradus bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Measure a trained bundle
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: Option<PathBuf>,
    /// Measure a pretrained encoder (a Hugging Face directory) with a new head
    #[arg(long, value_name = "DIR", conflicts_with = "bundle")]
    pub(crate) encoder: Option<PathBuf>,
    /// Train low-rank adapters of the query and value matrices instead of the encoder
    #[arg(long, value_name = "RANK[:ALPHA]", conflicts_with = "bundle")]
    pub(crate) lora: Option<LoraConfig>,
    /// Part of the encoder to freeze: none, embeddings, layers:N or encoder
    #[arg(long, value_name = "PART", default_value = "none")]
    pub(crate) freeze: Freeze,
    /// What to measure, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "score,train")]
    pub(crate) mode: Vec<BenchMode>,
    /// Tokens per row, separated by commas
    #[arg(
        long,
        value_name = "TOKENS",
        value_delimiter = ',',
        default_value = "256"
    )]
    pub(crate) length: Vec<usize>,
    /// Rows per batch, separated by commas
    #[arg(long, value_name = "ROWS", value_delimiter = ',', default_value = "16")]
    pub(crate) batch_size: Vec<usize>,
    /// Dropout probability of hidden states in training
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub(crate) hidden_dropout: f64,
    /// Dropout probability of attention weights in training
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub(crate) attention_dropout: f64,
    /// Use the model's own dropout
    #[arg(long, conflicts_with_all = ["hidden_dropout", "attention_dropout"])]
    pub(crate) dropout: bool,
    /// Timed repetitions; the output has their median and range
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    pub(crate) repetitions: usize,
    /// Minimum duration of a repetition, filled with whole batches
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub(crate) at_least: f64,
    /// CPU threads [default: `RAYON_NUM_THREADS`, or one per core]
    #[arg(long, value_name = "COUNT")]
    pub(crate) threads: Option<usize>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) precision: PrecisionArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// Measurements of `gradus bench`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchMode {
    /// Scoring of tokenized rows
    Score,
    /// Training steps
    Train,
}
