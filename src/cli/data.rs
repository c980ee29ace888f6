//! `gradus data`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

const AUDIT_HELP: &str = "\
Reads the splits together and prints what place, length and overlap with the prompt alone tell of
the ratings, and what it found, worst first: problems and warnings are worth stopping for, notes
are good to know. The exit code is 0 whatever is found, unless --strict is given.

  gradus data audit train.jsonl --valid valid.jsonl --test test.jsonl
  gradus data audit all.jsonl.gz --scale 0:1 --strict

What is looked for, with the thresholds: docs/audit.md";

const SPLIT_HELP: &str = "\
Records with the same prompt stay together unless --group says otherwise, and several keys count
together: two records with the same prompt, or with the same context, are in one split, and so are
two that belong with a third one.

  gradus data split all.jsonl -o splits
  gradus data split all.jsonl -o splits --group prompt,context,response
  gradus data split all.jsonl -o splits --group meta.document";

/// `gradus data audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Data set, or the split that models are trained on
    pub(crate) data: PathBuf,
    /// Validation split
    #[arg(long, value_name = "FILE")]
    pub(crate) valid: Option<PathBuf>,
    /// Test split; fitted shortcuts are judged by it
    #[arg(long, value_name = "FILE")]
    pub(crate) test: Option<PathBuf>,
    /// Range that every rating should lie in, as 0:1 [default: look for ratings far from all others]
    #[arg(long, value_name = "LOW:HIGH", allow_hyphen_values = true)]
    pub(crate) scale: Option<String>,
    /// Seed of the folds and hashes
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Exit with 2 when there is a problem or a warning
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// `gradus data …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Read a whole file and report every record that is wrong
    Validate {
        /// Files of native records
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Describe a data set: sizes, ratings of segments and of responses, weights, lengths, repeated
    /// prompts
    Stats {
        /// File of native records
        file: PathBuf,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Look for shortcuts, leaks, texts that splits share and wrong ratings before training
    #[command(after_help = AUDIT_HELP)]
    Audit(AuditArgs),
    /// Split a data set so that no prompt is in two splits, nor anything else that --group names
    #[command(after_help = SPLIT_HELP)]
    Split {
        /// File of native records
        file: PathBuf,
        /// Directory for train.jsonl, valid.jsonl and test.jsonl
        #[arg(long, short, value_name = "DIR")]
        output: PathBuf,
        /// Replace those of them that exist
        #[arg(long)]
        overwrite: bool,
        /// What keeps records together, separated by commas: prompt, context, response, meta.KEY.
        /// Records that have any of them in common go to one split; case, blanks and the composition
        /// of accents do not count
        #[arg(
            long,
            value_name = "KEYS",
            value_delimiter = ',',
            default_value = "prompt"
        )]
        group: Vec<String>,
        /// Share of the examples that goes to the validation split
        #[arg(long, default_value_t = 0.1)]
        valid: f64,
        /// Share of the examples that goes to the test split
        #[arg(long, default_value_t = 0.1)]
        test: f64,
        /// Seed of the split
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Turn a public data set in its published form into native records
    #[command(after_help = "The formats, with a record of each and its traps: docs/importing.md")]
    Import {
        /// Published format, prmbench for instance; an unknown one lists all
        format: String,
        /// The published file, `.gz` and `.zst` too
        file: PathBuf,
        /// File to write, compressed when it ends in .gz or .zst; `-` is standard output
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Replace the output if it exists
        #[arg(long)]
        overwrite: bool,
        /// Published rating to rating, as in -1=0,0=0.5,1=1
        #[arg(long, value_name = "MAP", allow_hyphen_values = true)]
        rating_map: Option<String>,
        /// How responses are cut where the format does not say
        #[arg(long, default_value = "sentence")]
        segmenter: String,
        /// What marked errors make of a segment: `any` mark of it counts (`any:N`: with N characters or
        /// more inside of it), or the `share` of its characters that is not marked
        #[arg(long, value_name = "RULE", default_value = "any")]
        mark_rule: String,
        /// File of prompts, for formats that keep them apart (RAGTruth's `source_info.jsonl`)
        #[arg(long, value_name = "FILE")]
        sources: Option<PathBuf>,
        /// Leave wrong records out and count them, instead of stopping at the first
        #[arg(long)]
        skip_wrong: bool,
    },
    /// Make the synthetic data set that quickstart trains on
    Generate {
        /// File to write, compressed when it ends in .gz or .zst; `-` is standard output
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Replace the output if it exists
        #[arg(long)]
        overwrite: bool,
        /// Number of examples
        #[arg(long, default_value_t = 1000)]
        examples: usize,
        /// Seed of the examples
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
}
