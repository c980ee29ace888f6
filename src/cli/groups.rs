//! Flags that several commands have.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use gradus::data::{CutSegments, Stride};
use gradus::eval::OffsetUse;
use gradus::model::Precision;

/// Bootstrap settings.
#[derive(Debug, Clone, Args)]
pub(crate) struct BootstrapArgs {
    /// Confidence level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    pub(crate) confidence: f64,
    /// Bootstrap resamples of the responses; 0: no intervals
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    pub(crate) resamples: usize,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

/// In which number format to compute.
#[derive(Debug, Clone, Args)]
pub(crate) struct PrecisionArgs {
    /// Number format of the encoder's matrix products: f32; bf16, faster; f16, for GPUs without bf16; or
    /// int8, fastest, which moves scores most: `gradus eval` shows by how much. What the device does not have is
    /// computed in f32, and said: int8 is for cpu, f16 for other devices, bf16 for those with such products
    /// [default: int8 for a bundle of `gradus quantize`, otherwise f32]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) precision: Option<Precision>,
}

/// What becomes of the offset of a bundle.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct OffsetArgs {
    /// Whether the trivial baseline that the bundle was trained beside, or is stacked with, is part of its scores: keep, for
    /// the best predictions of ratings, or drop, for the scores of the model alone, such as for the training of a
    /// policy [default: keep]
    #[arg(long, value_name = "keep|drop")]
    pub(crate) offset: Option<OffsetUse>,
}

/// Where to compute.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceArgs {
    /// Device to compute on: a name from `gradus devices`, or remote:ws://HOST:PORT of a
    /// `gradus worker` [default: the fastest]
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
}

/// Which aspects.
#[derive(Debug, Clone, Args)]
pub(crate) struct AspectsArgs {
    /// Aspects to look at, separated by commas [default: all that are scored]
    #[arg(
        id = "aspects",
        long = "aspects",
        visible_alias = "aspect",
        value_name = "NAMES",
        value_delimiter = ',', value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) names: Option<Vec<String>>,
}

impl AspectsArgs {
    /// The names, if there are any.
    pub(crate) fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }
}

/// What is low.
#[derive(Debug, Clone, Args)]
pub(crate) struct MidpointArgs {
    /// Rating up to which a segment is low, and above which it is high: a number, or ASPECT=NUMBER
    /// [default: halfway between the lowest and the highest rating]
    #[arg(
        id = "midpoint",
        long = "midpoint",
        value_name = "NUMBER",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub(crate) ratings: Vec<String>,
}

/// How responses are read that are longer than the model's input.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct StrideArgs {
    /// Score responses longer than the model's input in overlapping windows that begin at
    /// multiples of this many tokens; each segment is scored in the window with the most text
    /// before it; none: cut the response at its end [default: auto, as in training]
    #[arg(long, value_name = "TOKENS|none|auto", default_value_t = Stride::Auto, hide_default_value = true)]
    pub(crate) stride: Stride,
}

/// What becomes of segments that are too long.
#[derive(Debug, Clone, Args)]
pub(crate) struct CutArgs {
    /// Treatment of segments that do not fit completely: drop (no score), or score (score the
    /// part that fits, marked as cut) [default: as stored in the bundle]
    #[arg(id = "cut_segments", long = "cut-segments", value_name = "POLICY")]
    pub(crate) segments: Option<CutSegments>,
}

/// In which form results are printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct FormatArgs {
    /// Print JSON instead of tables
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Print Markdown instead of tables
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// A page beside the printed results.
#[derive(Debug, Clone, Args)]
pub(crate) struct PageArgs {
    /// Also write an HTML report with tables and charts; one self-contained file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Replace an existing report
    #[arg(long, requires = "html")]
    pub(crate) overwrite: bool,
}
