//! A response divided at its segments; long responses are cut.

use crate::{ScoredResponse, UnscoredReason};
use serde::Serialize;

/// Maximum number of characters of a response on the page.
const RESPONSE: usize = 12_000;

/// A piece of a response. In JSON a string for the text between segments, and
/// `[text, ratings, scores, reason]` for a segment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Part {
    /// Outside every segment.
    Between(String),
    /// A segment: its text, its ratings and scores by aspect (`null` if absent), and the reason why it is not scored.
    Segment(
        String,
        Vec<Option<f64>>,
        Option<Vec<Option<f64>>>,
        Option<&'static str>,
    ),
}

/// The pieces of a response, and the number of segments left out because it is too long.
///
/// Segments that do not lie in the text in order are left out as well.
pub(super) fn parts(text: &str, response: &ScoredResponse, aspects: &[&str]) -> (Vec<Part>, usize) {
    let starts: Vec<usize> = text
        .char_indices()
        .map(|(byte, _)| byte)
        .chain([text.len()])
        .collect();
    let slice = |start: usize, end: usize| {
        let end = end.min(start + RESPONSE);
        let cut = &text[starts[start]..starts[end]];
        cut.to_owned()
    };
    let mut parts = Vec::new();
    let (mut at, mut left) = (0, 0);
    for segment in &response.segments {
        let inside =
            at <= segment.start && segment.start <= segment.end && segment.end < starts.len();
        let first = parts.is_empty();
        if !inside || (segment.end > RESPONSE && !first) {
            left += 1;
            continue;
        }
        if at < segment.start {
            parts.push(Part::Between(slice(at, segment.start)));
        }
        let mut shown = slice(segment.start, segment.end);
        if segment.len() > RESPONSE {
            shown.push('\u{2026}');
        }
        let ratings = aspects
            .iter()
            .map(|name| known(segment.ratings.get(*name).copied()));
        let scores = segment
            .scores
            .as_ref()
            .map(|scores| scores.iter().map(|&score| known(Some(score))).collect());
        let reason = reason(segment.scores.as_deref(), segment.unscored);
        parts.push(Part::Segment(shown, ratings.collect(), scores, reason));
        at = segment.end;
    }
    if left == 0 && at + 1 < starts.len() {
        parts.push(Part::Between(slice(at, starts.len() - 1)));
    }
    (parts, left)
}

/// A number that JSON can represent, rounded to the digits that a reader needs.
pub(super) fn known(value: Option<f64>) -> Option<f64> {
    let value = value.filter(|value| value.is_finite())?;
    Some(if (1e-3..1e6).contains(&value.abs()) {
        (value * 1e6).round() / 1e6
    } else {
        value
    })
}

/// Why a segment lacks a score on an aspect; `None` if it has all scores.
fn reason(scores: Option<&[f64]>, unscored: Option<UnscoredReason>) -> Option<&'static str> {
    if scores.is_some_and(|scores| scores.iter().all(|score| score.is_finite())) {
        return None;
    }
    Some(match unscored {
        Some(UnscoredReason::Truncated) => "truncated, because the text was too long for the model",
        Some(UnscoredReason::NoTokens) => "the tokenizer left no token",
        Some(UnscoredReason::Missing) => "absent from the score file",
        Some(UnscoredReason::Empty) => "the response is empty",
        Some(UnscoredReason::NoSegments) => "the response has no segments",
        None if scores.is_some() => "the score is not a finite number",
        None => "no reason was given",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScoredSegment;

    fn response(spans: &[(usize, usize)]) -> ScoredResponse {
        let segment = |&(start, end): &(usize, usize)| {
            ScoredSegment::scored(
                start,
                end,
                [("rating".into(), 0.5)].into(),
                vec![0.123_456_789],
            )
        };
        ScoredResponse {
            segments: spans.iter().map(segment).collect(),
            ..ScoredResponse::default()
        }
    }

    fn text(part: &Part) -> &str {
        match part {
            Part::Between(text) | Part::Segment(text, ..) => text,
        }
    }

    fn texts(parts: &[Part]) -> Vec<&str> {
        parts.iter().map(text).collect()
    }

    #[test]
    fn spans_count_characters_and_no_text_is_lost() {
        let (parts, left) = parts(
            "a\u{301}👩‍🚀 שלום. x",
            &response(&[(0, 2), (6, 11)]),
            &["rating"],
        );
        assert_eq!(
            (texts(&parts).concat().as_str(), left),
            ("a\u{301}👩‍🚀 שלום. x", 0)
        );
        assert_eq!(texts(&parts), ["a\u{301}", "👩‍🚀 ", "שלום.", " x"]);
        let json = serde_json::to_string(&parts[0]).unwrap();
        assert_eq!(json, "[\"a\u{301}\",[0.5],[0.123457],null]");
    }

    #[test]
    fn long_responses_are_cut_and_what_is_left_out_is_counted() {
        let text = "x".repeat(40_000);
        let (parts, left) = parts(
            &text,
            &response(&[(0, 11_000), (11_000, 13_000), (13_000, 40_000)]),
            &["rating"],
        );
        assert_eq!((parts.len(), left), (1, 2));
        let (parts, left) = super::parts(&text, &response(&[(0, 40_000)]), &["rating"]);
        assert_eq!((texts(&parts)[0].chars().count(), left), (RESPONSE + 1, 0));
    }

    #[test]
    fn spans_outside_the_text_are_counted_not_a_panic() {
        let (parts, left) = parts("short", &response(&[(0, 3), (2, 4), (4, 900)]), &["rating"]);
        assert_eq!((texts(&parts), left), (vec!["sho"], 2));
    }
}
