//! The head of the page: scores, data, counts, and what was left out and why.

use super::ReportInput;
use super::number::{count, counted};
use crate::{Aggregation, AspectCounts, Evaluation, Provenance, ScoreSource};
use maud::{Markup, html};

/// The head of the page.
pub(super) fn summary(input: &ReportInput) -> Markup {
    let evaluation = input.evaluation;
    let counts = evaluation.counts;
    let size = format!(
        "{}, {}",
        counted(counts.responses, "response"),
        counted(counts.segments, "segment")
    );
    let rest = [
        ("Size", size),
        ("Score of a response", aggregation(evaluation.aggregation)),
        ("Intervals", intervals(evaluation)),
    ];
    let unscored = counts.unscored_responses.total();
    let unscored = (unscored > 0).then(|| {
        let empty = match counts.unscored_responses.empty {
            0 => String::new(),
            empty => format!(", of which {} empty", count(empty)),
        };
        ("Without any score", counted(unscored, "response") + &empty)
    });
    html! {
        p.kicker { "Gradus evaluation" }
        h1 {
            @if let Some(provenance) = &evaluation.provenance {
                bdi { (short(provenance.scores.name())) }
                small { " on " bdi { (short(&provenance.data)) } }
            } @else { "Scores" }
        }
        dl.facts {
            @for (name, value) in evaluation.provenance.iter().flat_map(origin).chain(rest).chain(unscored) {
                dt { (name) }
                dd { (value) }
            }
        }
    }
}

/// The title of the page.
pub(super) fn title(input: &ReportInput) -> String {
    match &input.evaluation.provenance {
        Some(provenance) => {
            format!(
                "{} on {}",
                short(provenance.scores.name()),
                short(&provenance.data)
            )
        }
        None => "Scores".into(),
    }
}

/// The sources of scores, ratings and baselines.
fn origin(provenance: &Provenance) -> Vec<(&'static str, String)> {
    let (kind, name) = match &provenance.scores {
        ScoreSource::Bundle(name) => ("Bundle", name),
        ScoreSource::File(name) => ("Score file", name),
    };
    let baselines = provenance
        .baselines
        .clone()
        .unwrap_or_else(|| "none".into());
    let context = provenance.context.as_ref();
    let facts = [
        (kind, name.clone()),
        ("Data", provenance.data.clone()),
        ("Trivial baselines fitted on", baselines),
    ];
    let context = context.map(|context| ("Context", context.in_words()));
    let offset = provenance.offset;
    let offset = offset.map(|choice| ("Offset", choice.to_string()));
    facts.into_iter().chain(context).chain(offset).collect()
}

/// The last part of a path.
fn short(path: &str) -> &str {
    let end = path.trim_end_matches(['/', '\\']);
    end.rsplit(['/', '\\'])
        .next()
        .filter(|name| !name.is_empty())
        .unwrap_or(path)
}

fn aggregation(aggregation: Aggregation) -> String {
    match aggregation {
        Aggregation::Mean => "the mean of its segments, as is its rating".into(),
        Aggregation::Sum => "the sum of its segments, as is its rating".into(),
        Aggregation::Min => "the lowest of its segments, as is its rating".into(),
        Aggregation::Max => "the highest of its segments, as is its rating".into(),
        Aggregation::Product => "the product of its segments, as is its rating".into(),
        Aggregation::SoftMin { temperature } => format!(
            "the soft minimum of its segments (temperature {temperature}), as is its rating"
        ),
        Aggregation::Last => "that of its last rated segment, as is its rating".into(),
        other => format!("its segments' by {other}, as is its rating"),
    }
}

fn intervals(evaluation: &Evaluation) -> String {
    match &evaluation.bootstrap {
        Some(bootstrap) => format!(
            "{} %, from resampling whole responses {}",
            (100.0 * bootstrap.confidence * 1e6).round() / 1e6,
            counted(bootstrap.resamples, "time"),
        ),
        None => "none".into(),
    }
}

/// The counts of rated and scored units of an aspect, in sentences; `unit` is `segment` or `response`.
pub(super) fn coverage(counts: &AspectCounts, unit: &str) -> String {
    let mut scored = format!(
        "{} of {} scored",
        count(counts.scored),
        counted(counts.rated, &format!("rated {unit}")),
    );
    if unit == "segment" {
        scored = format!("{scored}, in {}", counted(counts.responses, "response"));
    }
    let mut parts = vec![scored + "."];
    let unscored = counts.unscored;
    let reasons = [
        (
            unscored.truncated,
            "truncated, because the text was too long for the model",
        ),
        (unscored.no_tokens, "without a token"),
        (unscored.missing, "absent from the score file"),
        (unscored.empty, "empty"),
        (unscored.no_segments, "without segments"),
        (
            unscored.not_finite,
            "with a score that is not a finite number",
        ),
        (unscored.unknown, "without a score or a reason"),
    ];
    let reasons: Vec<String> = reasons
        .into_iter()
        .filter(|(segments, _)| *segments > 0)
        .map(|(segments, reason)| format!("{} {reason}", count(segments)))
        .collect();
    if !reasons.is_empty() {
        let reasons = reasons.join("; ");
        parts.push(format!("Not scored, so they do not count: {reasons}."));
    }
    if counts.scored_in_shortened > 0 {
        parts.push(format!(
            "{} of the scored ones in {} that were truncated or read in windows.",
            count(counts.scored_in_shortened),
            counted(counts.responses_shortened, "response")
        ));
    }
    if counts.scored_cut > 0 {
        parts.push(format!(
            "{} scored by the part that fits.",
            counted(counts.scored_cut, "segment")
        ));
    }
    if counts.responses_partly_scored > 0 {
        parts.push(format!(
            "{} partly scored: at response level, only the scored segments count.",
            counted(counts.responses_partly_scored, "response")
        ));
    }
    if counts.ratings_not_finite > 0 {
        parts.push(format!(
            "{} not finite and left out.",
            counted(counts.ratings_not_finite, "rating")
        ));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnscoredCounts;

    #[test]
    fn a_path_is_shortened_to_its_last_part() {
        let paths = [
            "runs/my-bundle/",
            "test.jsonl.gz",
            "C:\\data\\x.jsonl",
            "-",
            "/",
        ];
        let names = ["my-bundle", "test.jsonl.gz", "x.jsonl", "-", "/"];
        assert_eq!(paths.map(short), names);
    }

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
            scored_in_shortened: 1100,
            responses_shortened: 9,
            scored_cut: 1,
        };
        let text = coverage(&counts, "segment");
        assert!(
            text.starts_with("1,197 of 1,200 rated segments scored, in 300 responses."),
            "{text}"
        );
        assert!(
            text.contains("2 truncated, because the text was too long for the model; 1 absent"),
            "{text}"
        );
        assert!(text.contains("1 response partly scored"), "{text}");
        let shortened = "1,100 of the scored ones in 9 responses that were truncated or read in windows. \
                         1 segment scored by the part that fits.";
        assert!(text.contains(shortened), "{text}");
        let whole = AspectCounts {
            rated: 1,
            scored: 1,
            responses: 1,
            ..AspectCounts::default()
        };
        let text = coverage(&whole, "segment");
        assert_eq!(text, "1 of 1 rated segment scored, in 1 response.");
        let text = coverage(&whole, "response");
        assert_eq!(text, "1 of 1 rated response scored.");
    }
}
