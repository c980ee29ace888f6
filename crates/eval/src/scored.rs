//! Scores beside the ratings they are judged by.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A response with the scores and ratings of its segments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoredResponse {
    /// The id of the record.
    pub id: String,
    /// All segments, in the order of the text.
    pub segments: Vec<ScoredSegment>,
    /// The record's `meta`, for slices.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub meta: serde_json::Map<String, serde_json::Value>,
}

/// A segment with its ratings and, if it was scored, its scores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoredSegment {
    /// First character of the segment in the response (Unicode characters, from 0).
    pub start: usize,
    /// One past its last character.
    pub end: usize,
    /// Ratings by aspect; an absent aspect is unrated.
    #[serde(default)]
    pub ratings: BTreeMap<String, f64>,
    /// Scores in rating units, one per aspect in the model's order; `None` = not scored. An aspect
    /// that alone has no score is NaN here, and `unscored` says why.
    pub scores: Option<Vec<f64>>,
    /// Why scores are absent, where that is known; `None` for a segment scored on every aspect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unscored: Option<UnscoredReason>,
}

impl ScoredSegment {
    /// A segment with scores.
    pub fn scored(
        start: usize,
        end: usize,
        ratings: BTreeMap<String, f64>,
        scores: Vec<f64>,
    ) -> Self {
        Self {
            start,
            end,
            ratings,
            scores: Some(scores),
            unscored: None,
        }
    }

    /// A segment without scores, and why.
    pub fn unscored(
        start: usize,
        end: usize,
        ratings: BTreeMap<String, f64>,
        reason: UnscoredReason,
    ) -> Self {
        Self {
            start,
            end,
            ratings,
            scores: None,
            unscored: Some(reason),
        }
    }

    /// Length in characters.
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether the segment has no characters.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Why a segment has no scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnscoredReason {
    /// It was cut off because the text did not fit the model's maximum length.
    Truncated,
    /// The tokenizer left no token for it.
    NoTokens,
    /// The score file has none for it.
    Missing,
}
