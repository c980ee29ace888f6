//! Responses and segments with scores and ratings.

use crate::Aggregation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A response with the scores and ratings of its segments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoredResponse {
    /// The id of the record.
    pub id: String,
    /// All segments, in the order of the text.
    pub segments: Vec<ScoredSegment>,
    /// Ratings of the response as a whole by aspect; an absent aspect is unrated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ratings: BTreeMap<String, f64>,
    /// The ratings of each rater of the response by aspect, where there are several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub raters: BTreeMap<String, Vec<f64>>,
    /// Scores of the response as a whole in rating units, one per aspect in the model's order, NaN
    /// for an aspect without one. `None`: they are the scores of its segments, aggregated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Vec<f64>>,
    /// Why no segment has a score, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unscored: Option<UnscoredReason>,
    /// Length of the response in characters.
    #[serde(default)]
    pub chars: usize,
    /// The record's `meta`, for slices.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub meta: serde_json::Map<String, serde_json::Value>,
    /// Whether the text is known to be truncated or read in windows.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shortened: bool,
}

impl ScoredResponse {
    /// The score of the response on an aspect, by its place: the one given for it as a whole, or
    /// else those of its segments that have one, aggregated. `None` if there is none.
    pub fn score(&self, aspect: usize, aggregation: Aggregation) -> Option<f64> {
        if let Some(scores) = &self.scores {
            return scores
                .get(aspect)
                .copied()
                .filter(|score| score.is_finite());
        }
        let scores: Vec<f64> = self.segment_scores(aspect).collect();
        aggregation.aggregate(&scores)
    }

    /// The finite scores of the segments on an aspect, by its place.
    pub fn segment_scores(&self, aspect: usize) -> impl Iterator<Item = f64> {
        let scores = self.segments.iter().filter_map(move |segment| {
            let scores = segment.scores.as_ref()?;
            scores.get(aspect).copied()
        });
        scores.filter(|score| score.is_finite())
    }
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
    /// The ratings of each rater by aspect, where there are several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub raters: BTreeMap<String, Vec<f64>>,
    /// Scores in rating units, one per aspect in the model's order; `None` = not scored. An aspect
    /// that alone has no score is NaN here, and `unscored` says why.
    pub scores: Option<Vec<f64>>,
    /// Why scores are absent, where that is known; `None` for a segment scored on every aspect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unscored: Option<UnscoredReason>,
    /// Whether the scores are those of a part of the segment, the rest of which did not fit.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cut: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
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
            ..Self::default()
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
            unscored: Some(reason),
            ..Self::default()
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

/// Why a segment, or a whole response, has no scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnscoredReason {
    /// It was truncated, because the text exceeds the model's maximum length.
    Truncated,
    /// The tokenizer left no token for it.
    NoTokens,
    /// The score file has none for it.
    Missing,
    /// The response is empty or nothing but white space.
    Empty,
    /// The response has text, but no segment: the rule that cuts it finds none.
    NoSegments,
}

impl UnscoredReason {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::NoTokens => "no_tokens",
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::NoSegments => "no_segments",
        }
    }

    /// Why a response has no score, given for each of its segments whether it has one and else why
    /// not. `None` if a segment has a score, or where no segment says why.
    ///
    /// An empty response comes first, then one without segments; a segment that was cut off stands
    /// for those that the tokenizer left without a token.
    pub fn of_response(
        response: &str,
        segments: impl IntoIterator<Item = (bool, Option<Self>)>,
    ) -> Option<Self> {
        let (mut any, mut reasons) = (false, Vec::new());
        for (scored, reason) in segments {
            if scored {
                return None;
            }
            any = true;
            reasons.extend(reason);
        }
        if response.trim().is_empty() {
            return Some(Self::Empty);
        }
        if !any {
            return Some(Self::NoSegments);
        }
        let order = [Self::Truncated, Self::NoTokens, Self::Missing];
        order.into_iter().find(|reason| reasons.contains(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_serde() {
        use UnscoredReason::{Empty, Missing, NoSegments, NoTokens, Truncated};
        for reason in [Truncated, NoTokens, Missing, Empty, NoSegments] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }

    #[test]
    fn the_reason_of_a_response_is_the_first_that_holds() {
        use UnscoredReason::{Empty, Missing, NoSegments, NoTokens, Truncated};
        let of = |text: &str, reasons: &[Option<UnscoredReason>]| {
            let segments = reasons.iter().map(|reason| (false, *reason));
            UnscoredReason::of_response(text, segments)
        };
        assert_eq!(of("", &[]), Some(Empty));
        assert_eq!(of(" \n\u{a0}", &[Some(NoTokens)]), Some(Empty));
        assert_eq!(of("###", &[]), Some(NoSegments));
        assert_eq!(
            of("a b", &[Some(NoTokens), Some(Truncated)]),
            Some(Truncated)
        );
        assert_eq!(of("a b", &[Some(NoTokens), None]), Some(NoTokens));
        assert_eq!(of("a b", &[Some(Missing)]), Some(Missing));
        assert_eq!(of("a b", &[None]), None);
        let one = [(false, Some(Truncated)), (true, None)];
        assert_eq!(UnscoredReason::of_response("a b", one), None);
    }

    #[test]
    fn a_score_of_its_own_stands_before_the_aggregated_one() {
        let segment = |score| ScoredSegment::scored(0, 1, BTreeMap::new(), vec![score, 9.0]);
        let mut response = ScoredResponse {
            segments: vec![segment(0.25), segment(f64::NAN), segment(0.75)],
            ..ScoredResponse::default()
        };
        assert_eq!(response.score(0, Aggregation::Mean), Some(0.5));
        assert_eq!(response.score(0, Aggregation::Min), Some(0.25));
        response.scores = Some(vec![0.9, f64::NAN]);
        assert_eq!(response.score(0, Aggregation::Mean), Some(0.9));
        assert_eq!(response.score(1, Aggregation::Mean), None);
        assert_eq!(ScoredResponse::default().score(0, Aggregation::Mean), None);
    }
}
