//! Counts of examples, ratings and truncations of the splits.

use gradus_data::{ContextCounts, TruncationCounts};
use serde::{Deserialize, Serialize};

/// Counts of examples and truncations, by split.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SplitCounts {
    /// Training split.
    pub train: EncodingCounts,
    /// Validation split.
    pub valid: EncodingCounts,
}

/// Counts of examples and truncations of a split.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EncodingCounts {
    /// Examples read.
    pub examples: usize,
    /// Omitted examples: without a rating that the objective uses (after truncation), or without a segment.
    pub examples_without_rating: usize,
    /// Omitted examples whose response is empty or white space.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub blank_responses: usize,
    /// Rated segment-aspect pairs before truncation.
    #[serde(default)]
    pub ratings: usize,
    /// Rated segment-aspect pairs after truncation.
    pub rated: usize,
    /// Records with a context, used or not.
    #[serde(default)]
    pub context: ContextCounts,
    /// Rated response-aspect pairs that the objective uses; 0 without a response loss.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rated_responses: usize,
    /// Examples that are read in several windows, because they are longer than the model reads at once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub examples_in_windows: usize,
    /// Windows of those examples in which a segment is rated.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub windows: usize,
    /// Tokens, including special tokens.
    pub tokens: usize,
    /// Counts of truncated examples, segments and tokens.
    pub truncation: TruncationCounts,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
