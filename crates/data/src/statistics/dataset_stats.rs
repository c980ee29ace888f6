use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{CohensKappa, ExampleReader, Histogram, RaterAgreement, Result, StatsCollector};

/// Maximum number of repeated ids that [`DatasetStats`] lists. All are counted.
pub const REPEATED_IDS_LISTED: usize = 10;

/// Up to so many distinct ratings of an aspect are counted one by one, and more in groups of close ones.
pub const MOST_DISTINCT_RATINGS: usize = 1 << 17;

/// Statistics of a data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatasetStats {
    /// Number of examples.
    pub examples: usize,
    /// Number of examples with a context that is not blank.
    pub examples_with_context: usize,
    /// Number of examples whose response is empty or white space, so there is nothing to score.
    #[serde(default)]
    pub blank_responses: usize,
    /// Number of examples without segments.
    pub examples_without_segments: usize,
    /// Number of segments.
    pub segments: usize,
    /// Number of segments without any rating.
    pub unrated_segments: usize,
    /// Ratings by aspect, in rating units.
    pub aspects: BTreeMap<String, RatingStats>,
    /// Ratings of whole responses by aspect, in rating units; empty if no response has one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_aspects: BTreeMap<String, RatingStats>,
    /// The weights of segments; `None` if all are 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightStats>,
    /// Length of the responses in characters; `None` without an example.
    pub response_chars: Option<LengthStats>,
    /// Length of the segments in characters; `None` without a segment.
    pub segment_chars: Option<LengthStats>,
    /// Segments per response; `None` without an example.
    pub segments_per_response: Option<LengthStats>,
    /// Number of distinct prompts, after [`fold_text`](crate::fold_text).
    pub distinct_prompts: usize,
    /// Number of prompts that two or more examples have.
    pub repeated_prompts: usize,
    /// Number of examples with the id of an earlier example.
    pub repeated_ids: usize,
    /// The first [`REPEATED_IDS_LISTED`] of these.
    pub repeated_id_list: Vec<RepeatedId>,
}

impl DatasetStats {
    /// Reads a whole file in one pass. [`StatsCollector`] describes the memory it needs.
    ///
    /// # Errors
    /// The first error of [`ExampleReader`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let mut reader = ExampleReader::open(path)?;
        let mut collector = StatsCollector::new();
        while let Some(example) = reader.next() {
            collector.add(&example?, reader.number());
        }
        Ok(collector.finish())
    }
}

/// The ratings of one aspect, in rating units. There is at least one.
///
/// Displayed as one line: `1104 ratings from 0 to 1, mean 0.713, sd 0.402`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RatingStats {
    /// Number of ratings.
    pub count: u64,
    /// Number of distinct ratings.
    pub distinct: usize,
    /// Whether there are more than [`MOST_DISTINCT_RATINGS`] distinct ones, so that their number (within about 2 %), the
    /// standard deviation and the histogram are estimates.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approximate: bool,
    /// Lowest rating.
    pub min: f64,
    /// Mean rating.
    pub mean: f64,
    /// Highest rating.
    pub max: f64,
    /// Standard deviation, dividing by the number of ratings; 0 for a constant.
    pub sd: f64,
    /// Histogram of the ratings from `min` to `max`.
    pub histogram: Histogram,
    /// Agreement of the raters, if texts have several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raters: Option<RaterAgreement>,
    /// Cohen's kappa of the pairs of raters, if their names are in the `meta` of the records, where imports write them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kappa: Option<CohensKappa>,
}

impl RatingStats {
    /// The number of distinct ratings as text, behind a `~` where it is an estimate.
    pub fn distinct_text(&self) -> String {
        let sign = if self.approximate { "~" } else { "" };
        format!("{sign}{}", self.distinct)
    }
}

impl fmt::Display for RatingStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            count,
            min,
            max,
            mean,
            sd,
            ..
        } = self;
        write!(
            f,
            "{count} ratings from {min} to {max}, mean {mean:.3}, sd {sd:.3}"
        )
    }
}

/// The weights of the segments with a weight other than 1. There is at least one.
///
/// Displayed as one line: `312 segments from 0 to 2.5`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WeightStats {
    /// Number of such segments.
    pub segments: usize,
    /// Smallest of their weights.
    pub min: f64,
    /// Largest of their weights.
    pub max: f64,
}

impl fmt::Display for WeightStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.segments == 1 {
            "segment"
        } else {
            "segments"
        };
        write!(
            f,
            "{} {noun} from {} to {}",
            self.segments, self.min, self.max
        )
    }
}

/// Lengths or counts. There is at least one.
///
/// Displayed as one line: `12 to 512, mean 87.3`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LengthStats {
    /// Smallest length.
    pub min: usize,
    /// Mean length.
    pub mean: f64,
    /// Largest length.
    pub max: usize,
}

impl fmt::Display for LengthStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}, mean {:.1}", self.min, self.max, self.mean)
    }
}

/// An example with the id of an earlier example. Displayed as ``id `x1` on lines 3 and 9``.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RepeatedId {
    /// The id.
    pub id: String,
    /// Line of the first example with this id.
    pub first_line: usize,
    /// Line of this example.
    pub line: usize,
}

impl fmt::Display for RepeatedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "id `{}` on lines {} and {}",
            self.id, self.first_line, self.line
        )
    }
}
