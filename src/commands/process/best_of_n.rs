//! `gradus process best-of-n`

use std::collections::BTreeMap;

use anyhow::Result;
use gradus::data::{Example, fold_text};
use gradus::eval::bootstrap::Interval;
use gradus::eval::process::{BestOfN, Candidate, SelectedBy, Votes};
use serde::Serialize;
use serde_json::Value;

use super::report::Report;
use super::steps::{Several, Steps, meta, meta_if_any, name_of};
use crate::cli::ProcessArgs;
use crate::commands::intervals::bracketed;
use crate::failure::Usage;
use crate::show;

/// What `--json` prints of it.
#[derive(Serialize)]
struct Figures {
    /// The key of `meta` that says what a response is worth.
    outcome: String,
    /// The key that holds the answer of a response; `null` without votes.
    answer: Option<String>,
    #[serde(flatten)]
    result: BestOfN,
}

pub(super) fn run(
    input: &ProcessArgs,
    outcome: &str,
    group: Option<&str>,
    answer: Option<&str>,
) -> Result<()> {
    let keys: Vec<&str> = [Some(outcome), group, answer]
        .into_iter()
        .flatten()
        .collect();
    let steps = Steps::load(input, Several::Refused, &keys)?;
    if let Some(key) = answer {
        refuse_unknown_answer(&steps.examples, key)?;
    }
    let mut groups: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    for (example, scores) in steps.examples.iter().zip(&steps.scores) {
        let name = match group {
            Some(key) => name_of(meta(example, key, "name one of them with --group")?),
            None => fold_text(&example.prompt),
        };
        let whole: Option<Vec<f64>> = scores.iter().copied().collect();
        groups.entry(name).or_default().push(Candidate {
            // A response that is not scored to its end cannot be chosen by its scores.
            scores: whole.unwrap_or_default(),
            value: value(example, outcome)?,
            answer: answer.map_or(Ok(None), |key| answer_of(example, key))?,
        });
    }
    let groups: Vec<Vec<Candidate>> = groups.into_values().collect();
    let mut result = BestOfN::compute(&groups);
    if result.groups == 0 {
        return Err(Usage::new(format!(
            "no group by {} has two responses that are scored to their end: {} groups, {} responses \
             without a score for every segment",
            group.unwrap_or("prompt"),
            result.groups_left_out,
            result.candidates_left_out
        ))
        .with_hint("the responses to choose from have one prompt, or one value of --group")
        .into());
    }
    result.add_intervals(&groups, &steps.bootstrap);
    if input.json {
        let figures = Figures {
            outcome: outcome.to_owned(),
            answer: answer.map(str::to_owned),
            result,
        };
        return show::json(&Report::new("best-of-n", &steps, figures));
    }
    show_result(&result, group, &steps)?;
    steps.show_remarks()
}

/// What a response is worth.
fn value(example: &Example, outcome: &str) -> Result<f64> {
    match meta(example, outcome, "name one of them with --outcome")? {
        Value::Bool(right) => Ok(f64::from(u8::from(*right))),
        other => other.as_f64().ok_or_else(|| {
            Usage::new(format!(
                "response `{}`: field `meta.{outcome}`: found {}, expected true, false or a number",
                example.id,
                show::shortened(&other.to_string(), 40)
            ))
            .into()
        }),
    }
}

/// Refuses a key that no record has.
fn refuse_unknown_answer(examples: &[Example], key: &str) -> Result<()> {
    for example in examples {
        if meta_if_any(example, key)?.is_some() {
            return Ok(());
        }
    }
    examples.first().map_or(Ok(()), |example| {
        meta(example, key, "name one of them with --answer").map(|_| ())
    })
}

/// The answer of a response; `None` if it has none, an empty one or `null`.
///
/// Texts are equal where they are the same but for white space around them, and numbers where they
/// are equal.
fn answer_of(example: &Example, key: &str) -> Result<Option<String>> {
    let answer = match meta_if_any(example, key)? {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim().to_owned(),
        // `4.0` is the number 4.
        Some(Value::Number(number)) => match number.as_f64() {
            Some(float) if number.is_f64() => float.to_string(),
            _ => number.to_string(),
        },
        Some(Value::Bool(truth)) => truth.to_string(),
        Some(other) => {
            return Err(Usage::new(format!(
                "response `{}`: field `{key}`: found {}, expected an answer as a text or a number",
                example.id,
                show::shortened(&other.to_string(), 40)
            ))
            .into());
        }
    };
    Ok(Some(answer).filter(|answer| !answer.is_empty()))
}

fn show_result(result: &BestOfN, group: Option<&str>, steps: &Steps) -> Result<()> {
    let size = result
        .mean_size
        .map_or_else(|| "-".into(), |size| format!("{size:.1}"));
    show::line(&format!(
        "{} groups by {}, {size} responses each on average\n",
        result.groups,
        group.unwrap_or("prompt"),
    ))?;
    let chosen = result.selected.iter().map(|by| row_by("highest", by));
    let votes = result.votes.iter().flat_map(vote_rows);
    let bound = |name, field, value| row(name, value, result.intervals.get(field), String::new());
    let bounds = [
        bound("random choice", "random", result.random),
        bound("best possible (pass@n)", "oracle", result.oracle),
    ];
    let header = ["chosen by", "mean outcome", "ties"];
    show::line(&show::table(&header, chosen.chain(votes).chain(bounds)))?;
    if has_ties(result) {
        show::line("where several are equally good, their mean counts")?;
    }
    if let Some(votes) = &result.votes {
        show_votes_left_out(votes)?;
    }
    steps.show_legend("groups", result.groups)?;
    if result.groups_left_out > 0 || result.candidates_left_out > 0 {
        show::line(&format!(
            "\nleft out: {} groups with fewer than two usable responses, {} responses without a \
             score for every segment",
            result.groups_left_out, result.candidates_left_out
        ))?;
    }
    Ok(())
}

fn row(name: &str, value: Option<f64>, interval: Option<&Interval>, ties: String) -> Vec<String> {
    let value = bracketed(value, interval, show::number);
    vec![name.to_owned(), value, ties]
}

fn row_by(rule: &str, by: &SelectedBy) -> Vec<String> {
    let name = format!("{rule} {}", by.aggregation);
    row(&name, by.value, by.interval.as_ref(), by.ties.to_string())
}

fn vote_rows(votes: &Votes) -> Vec<Vec<String>> {
    let majority = row(
        "majority vote",
        votes.majority,
        votes.majority_interval.as_ref(),
        votes.majority_ties.to_string(),
    );
    let weighted = votes.weighted.iter().map(|by| row_by("vote by", by));
    std::iter::once(majority).chain(weighted).collect()
}

fn has_ties(result: &BestOfN) -> bool {
    let votes = result.votes.iter();
    let by = result.selected.iter();
    let mut by = by.chain(votes.clone().flat_map(|votes| &votes.weighted));
    by.any(|by| by.ties > 0) || votes.clone().any(|votes| votes.majority_ties > 0)
}

fn show_votes_left_out(votes: &Votes) -> Result<()> {
    if votes.candidates_without_answer > 0 {
        show::line(&format!(
            "{} responses have no answer: each agrees with no other",
            votes.candidates_without_answer
        ))?;
    }
    if votes.candidates_with_negative_weight > 0 {
        show::line(&format!(
            "{} responses have a score below 0 by some aggregation: such a vote speaks against its answer",
            votes.candidates_with_negative_weight
        ))?;
    }
    Ok(())
}
