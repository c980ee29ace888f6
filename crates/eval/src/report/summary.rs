//! What was evaluated: scores, data, counts, and what was left out and why.

use super::ReportInput;
use super::number::{count, counted};
use crate::bootstrap::Interval;
use crate::{Aggregation, AspectCounts, LevelValues};
use maud::{Markup, html};

/// The head of the page.
pub(super) fn summary(input: &ReportInput) -> Markup {
    let evaluation = input.evaluation;
    let counts = evaluation.counts;
    let facts = input
        .facts
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()));
    let size = format!(
        "{}, {}",
        counted(counts.responses, "response"),
        counted(counts.segments, "segment")
    );
    let more = [
        ("Size", size),
        ("Score of a response", aggregation(evaluation.aggregation)),
        ("Intervals", intervals(input)),
    ];
    html! {
        p.kicker { "Gradus evaluation" }
        h1 { bdi { (input.system) } small { " on " } bdi { (input.data) } }
        dl.facts {
            @for (name, value) in facts.chain(more) {
                dt { (name) }
                dd { (value) }
            }
        }
    }
}

fn aggregation(aggregation: Aggregation) -> String {
    match aggregation {
        Aggregation::Mean => "the mean of its segments, as is its rating".into(),
        Aggregation::Sum => "the sum of its segments, as is its rating".into(),
        Aggregation::Min => "the lowest of its segments, as is its rating".into(),
        Aggregation::Max => "the highest of its segments, as is its rating".into(),
        Aggregation::Product => "the product of its segments, as is its rating".into(),
        Aggregation::Last => "that of its last rated segment, as is its rating".into(),
    }
}

fn intervals(input: &ReportInput) -> String {
    let of_level =
        |level: &LevelValues| -> Option<Interval> { level.intervals.values().next().copied() };
    let first = input
        .evaluation
        .aspects
        .iter()
        .find_map(|aspect| of_level(&aspect.segment).or_else(|| of_level(&aspect.response)));
    match first {
        Some(interval) => format!(
            "{} %, from resampling whole responses {} times",
            (100.0 * interval.confidence).round(),
            count(interval.resamples + interval.undefined),
        ),
        None => "none".into(),
    }
}

/// What of an aspect was rated and scored, in a sentence or two.
pub(super) fn coverage(counts: &AspectCounts) -> String {
    let mut text = format!(
        "{} of {} scored, in {}.",
        count(counts.scored),
        counted(counts.rated, "rated segment"),
        counted(counts.responses, "response"),
    );
    let unscored = counts.unscored;
    let reasons = [
        (
            unscored.truncated,
            "cut off because the text was too long for the model",
        ),
        (unscored.no_tokens, "left without a token by the tokenizer"),
        (unscored.missing, "absent from the score file"),
        (
            unscored.not_finite,
            "given a score that is no finite number",
        ),
        (unscored.unknown, "without a score, for no stated reason"),
    ];
    let reasons: Vec<String> = reasons
        .into_iter()
        .filter(|(segments, _)| *segments > 0)
        .map(|(segments, reason)| format!("{} {reason}", count(segments)))
        .collect();
    if !reasons.is_empty() {
        text += &format!(" Not scored, and in no figure: {}.", reasons.join("; "));
    }
    if counts.responses_partly_scored > 0 {
        text += &format!(
            " {} scored in part: at response level only the scored part counts.",
            counted(counts.responses_partly_scored, "response")
        );
    }
    if counts.ratings_not_finite > 0 {
        text += &format!(
            " {} not finite and left out.",
            counted(counts.ratings_not_finite, "rating")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnscoredCounts;

    #[test]
    fn what_was_left_out_is_said_with_its_reason() {
        let counts = AspectCounts {
            rated: 1200,
            scored: 1197,
            unscored: UnscoredCounts {
                truncated: 2,
                missing: 1,
                ..UnscoredCounts::default()
            },
            ratings_not_finite: 0,
            responses: 300,
            responses_partly_scored: 1,
        };
        let text = coverage(&counts);
        assert!(
            text.starts_with("1,197 of 1,200 rated segments scored, in 300 responses."),
            "{text}"
        );
        assert!(
            text.contains("2 cut off because the text was too long for the model; 1 absent"),
            "{text}"
        );
        assert!(text.contains("1 response scored in part"), "{text}");
        let whole = coverage(&AspectCounts {
            rated: 1,
            scored: 1,
            responses: 1,
            ..AspectCounts::default()
        });
        assert_eq!(whole, "1 of 1 rated segment scored, in 1 response.");
    }
}
