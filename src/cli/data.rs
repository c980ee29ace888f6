//! `gradus data`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use gradus::data::import::{Format, MarkRule, Offsets, RaterMerge, RatingMap, Unannotated};
use gradus::data::{DataError, ParquetCodec, Segmenter};
use gradus::eval::audit::ScaleRange;

use super::figures;
use super::groups::{FormatArgs, PageArgs};

const AUDIT_HELP: &str = "\
Prints how well position, length and overlap with the prompt alone predict the ratings, then its
findings, worst first. Check problems and warnings before you train; notes are for information. The
exit code is 0 even with findings, unless --strict is given.

All records are read, and none is kept: of more than 16,384 records or 8 MiB of text in a split, sizes,
ratings and shared texts are those of all, and the rest comes from a sample. The report says so.

  gradus data audit train.jsonl --valid valid.jsonl --test test.jsonl
  gradus data audit all.jsonl.gz --scale 0:1 --strict

All checks and their thresholds: docs/audit.md";

const SPLIT_HELP: &str = "\
Records with the same prompt go to the same split unless --group says otherwise. With several keys,
records that share any of them go to the same split, even if only a third record links them. Reads the
file twice, and keeps hashes of the keys only.

  gradus data split all.jsonl -o splits
  gradus data split all.jsonl -o splits --group prompt,context,response
  gradus data split all.jsonl -o splits --group meta.document";

const CONVERT_HELP: &str = "\
Reads records in any shape and writes them as native records. Nothing is lost either way: Parquet has
typed columns for everything that Gradus reads and for keys with values of one type, and a column
`extra` for all else.

  gradus data convert train.jsonl.gz train.parquet
  gradus data convert 'shards/*.parquet' all.jsonl.gz
  gradus data convert hub.parquet train.jsonl --columns prompt=question,response=answer,-image

Columns and types: docs/data-format.md";

const WEIGH_HELP: &str = "\
Multiplies the `weight` of each segment by m / (1 + (m - 1) alpha), where m raters rated it and agree with
Krippendorff's alpha over all segments: 1 for one rater, up to m for raters who agree as by chance. The
loss of `train` and `probe` counts each segment by its weight; `score` and `eval` do not. Weigh a file
once: a second time multiplies again.

  gradus data weigh train.jsonl weighed.jsonl

Several raters of a segment are a list: \"rating\": [0.2, 0.8] (docs/data-format.md)";

/// `gradus data audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Data set, or its training split
    pub(crate) data: PathBuf,
    /// Validation split
    #[arg(long, value_name = "FILE")]
    pub(crate) valid: Option<PathBuf>,
    /// Test split; fitted shortcuts are evaluated on it
    #[arg(long, value_name = "FILE")]
    pub(crate) test: Option<PathBuf>,
    /// Valid range of ratings, such as 0:1 [default: none; look for outliers instead]
    #[arg(long, value_name = "LOW:HIGH", allow_hyphen_values = true)]
    pub(crate) scale: Option<ScaleRange>,
    /// Seed of the folds and hashes
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Exit with code 2 if there is a problem or a warning
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) page: PageArgs,
}

const SEGMENT_HELP: &str = "\
Shows how responses would be cut before any model exists: for rating tools, or to choose a segmenter.
Records that already have segments keep them. `gradus score` cuts with the segmenter of its bundle.
`sentence` knows Markdown: code, formulas, headings and rows of tables are one segment each.

  gradus data segment answers.jsonl -o segmented.jsonl
  gradus data segment answers.jsonl -o - --segmenter paragraph --text
  gradus data segment answers.jsonl -o for-a-web-page.jsonl --text --offsets utf16";

/// `gradus data segment`.
#[derive(Debug, Args)]
pub(crate) struct SegmentArgs {
    /// File of native records
    pub(crate) file: PathBuf,
    /// File to write, compressed if it ends in .gz; `-` is standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace the output if it exists
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Rule that cuts: sentence, line, paragraph, delimiter:TEXT, or one that `gradus parts` lists
    #[arg(long, default_value = "sentence")]
    pub(crate) segmenter: String,
    /// Write each segment's text beside its span
    #[arg(long)]
    pub(crate) text: bool,
    /// Also write where segments start and end in this unit: utf16 (JavaScript, Java, C#: `start_utf16`
    /// and `end_utf16`), bytes (of UTF-8: `start_bytes` and `end_bytes`), or chars (Unicode
    /// characters: `start` and `end`, which are always there)
    #[arg(long, value_enum, value_name = "UNIT", default_value_t = super::Offsets::Chars)]
    pub(crate) offsets: super::Offsets,
}

/// `gradus data …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Read whole files and report every invalid record
    Validate {
        /// Files of native records, directories, or patterns of files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
    },
    /// Describe a data set: sizes, segment and response ratings, weights, lengths, repeated prompts
    #[command(after_long_help = figures::STATS_FIGURES)]
    Stats {
        /// File of native records, a directory, or a pattern of files
        file: PathBuf,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Look for shortcuts, leaks, texts shared between splits, and suspicious ratings
    #[command(after_help = AUDIT_HELP, after_long_help = figures::with(AUDIT_HELP, figures::AUDIT_FIGURES))]
    Audit(AuditArgs),
    /// Split a data set so that splits share no prompt, and nothing else that --group names
    #[command(after_help = SPLIT_HELP)]
    Split {
        /// File of native records, a directory, or a pattern of files
        file: PathBuf,
        /// Directory for train.jsonl, valid.jsonl and test.jsonl
        #[arg(long, short, value_name = "DIR")]
        output: PathBuf,
        /// Replace existing files
        #[arg(long)]
        overwrite: bool,
        /// Keys that keep records together, separated by commas: prompt, context, response, meta.KEY.
        /// Records that share any of them go to one split; case, white space and Unicode composition
        /// are ignored
        #[arg(
            long,
            value_name = "KEYS",
            value_delimiter = ',',
            default_value = "prompt"
        )]
        group: Vec<String>,
        /// Fraction of the examples in the validation split
        #[arg(long, default_value_t = 0.1)]
        valid: f64,
        /// Fraction of the examples in the test split
        #[arg(long, default_value_t = 0.1)]
        test: f64,
        /// Seed of the split
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Cut responses into segments, without a model
    #[command(after_help = SEGMENT_HELP)]
    Segment(SegmentArgs),
    /// Convert a published data set to native records
    #[command(after_help = "All formats, with example records and pitfalls: docs/importing.md")]
    Import {
        /// Name of the format, such as prmbench; an unknown name lists all
        format: Format,
        /// Published file; may be .gz or .zst
        file: PathBuf,
        /// File to write, compressed if it ends in .gz; `-` is standard output
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Replace the output if it exists
        #[arg(long)]
        overwrite: bool,
        /// Map from published labels to ratings, such as -1=0,0=0.5,1=1
        #[arg(long, value_name = "MAP", allow_hyphen_values = true)]
        rating_map: Option<RatingMap>,
        /// How to segment responses, for formats with marked errors instead of segments: a segmenter, or
        /// `marks` to cut at the borders of the marks [default: sentence]
        #[arg(long)]
        segmenter: Option<MarkCut>,
        /// How marked errors rate a segment: `any` (its worst mark counts), `any:N` (only marks with at
        /// least N characters in the segment), or `share` (mean over its characters) [default: any]
        #[arg(long, value_name = "RULE")]
        mark_rule: Option<MarkRule>,
        /// How the ratings of several raters become one: mean, any (the lowest: what any rater found wrong), or
        /// majority (that of most; of a tie, the lower) [default: mean]
        #[arg(long, value_name = "RULE")]
        raters: Option<RaterMerge>,
        /// What becomes of answers that nobody has annotated: keep (without ratings) or skip [default: keep]
        #[arg(long, value_name = "WHAT")]
        unannotated: Option<Unannotated>,
        /// What the offsets of spans count: chars (code points, as Python), utf16 (as JavaScript) or bytes
        /// (of UTF-8) [default: chars]
        #[arg(long, value_name = "UNIT")]
        offsets: Option<Offsets>,
        /// File of prompts, for formats that store them separately (RAGTruth's `source_info.jsonl`)
        #[arg(long, value_name = "FILE")]
        sources: Option<PathBuf>,
        /// Skip and count invalid records instead of stopping at the first
        #[arg(long)]
        skip_wrong: bool,
    },
    /// Convert data between JSONL and Parquet
    #[command(after_help = CONVERT_HELP)]
    Convert {
        /// Data to read: a file, a directory, a pattern of files, or a name of another place
        /// (docs/remote-data.md)
        input: PathBuf,
        /// File to write: Parquet if it ends in .parquet, else JSONL, compressed if it ends in .gz; `-`
        /// is standard output
        output: PathBuf,
        /// How a Parquet file is compressed: `zstd` makes the smallest, the others are read faster
        /// [default: zstd]
        #[arg(long, value_enum, value_name = "CODEC")]
        compression: Option<Codec>,
        /// Replace the output if it exists
        #[arg(long)]
        overwrite: bool,
    },
    /// Weigh segments in training by the number and agreement of their raters
    #[command(after_help = WEIGH_HELP)]
    Weigh {
        /// Data to read, twice: a file, a directory or a pattern of files
        input: PathBuf,
        /// File to write: Parquet if it ends in .parquet, else JSONL, compressed if it ends in .gz; `-`
        /// is standard output
        output: PathBuf,
        /// Replace the output if it exists
        #[arg(long)]
        overwrite: bool,
    },
    /// Generate synthetic data of the kind that quickstart trains on
    Generate {
        /// File to write, compressed if it ends in .gz; `-` is standard output
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

/// How a Parquet file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Codec {
    Zstd,
    Snappy,
    Lz4,
    None,
}

impl From<Codec> for ParquetCodec {
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::Zstd => Self::Zstd,
            Codec::Snappy => Self::Snappy,
            Codec::Lz4 => Self::Lz4,
            Codec::None => Self::None,
        }
    }
}

/// How responses with marked errors are cut.
#[derive(Debug, Clone)]
pub(crate) enum MarkCut {
    /// At the borders of the marks.
    AtMarks,
    Segments(Segmenter),
}

impl FromStr for MarkCut {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        match text {
            "marks" => Ok(Self::AtMarks),
            _ => text.parse().map(Self::Segments),
        }
    }
}
