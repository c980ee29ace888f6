//! `gradus process best-of-n`

use std::collections::BTreeMap;

use anyhow::Result;
use gradus::data::Example;
use gradus::eval::bootstrap::{Bootstrap, Interval};
use gradus::eval::process::{BestOfN, Candidate, LowestIsLast};
use serde::Serialize;
use serde_json::Value;

use super::steps::{Several, Steps, meta, name_of};
use crate::cli::ProcessArgs;
use crate::commands::intervals::bracketed;
use crate::failure::Usage;
use crate::show;

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    format_version: u32,
    benchmark: &'static str,
    aspect: String,
    /// The key of `meta` that says what a response is worth.
    outcome: String,
    #[serde(flatten)]
    result: BestOfN,
    lowest_is_last: Option<LowestIsLast>,
    /// Of its share.
    lowest_is_last_interval: Option<Interval>,
    /// How intervals were computed; `null` without intervals.
    bootstrap: Option<Bootstrap>,
}

pub(super) fn run(input: &ProcessArgs, outcome: &str, group: Option<&str>) -> Result<()> {
    let steps = Steps::load(input, Several::Refused)?;
    let mut groups: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    for (example, scores) in steps.examples.iter().zip(&steps.scores) {
        let name = match group {
            Some(key) => name_of(meta(example, key, "name one of them with --group")?),
            None => example.prompt.clone(),
        };
        let whole: Option<Vec<f64>> = scores.iter().copied().collect();
        groups.entry(name).or_default().push(Candidate {
            // A response that is not scored to its end cannot be chosen by its scores.
            scores: whole.unwrap_or_default(),
            value: value(example, outcome)?,
        });
    }
    let groups: Vec<Vec<Candidate>> = groups.into_values().collect();
    let mut result = BestOfN::compute(&groups);
    result.add_intervals(&groups, &steps.bootstrap);
    if input.json {
        let (lowest_is_last, lowest_is_last_interval) = steps.lowest_is_last();
        return show::json(&Report {
            format_version: 1,
            benchmark: "best-of-n",
            lowest_is_last,
            lowest_is_last_interval,
            bootstrap: steps.bootstrap(),
            aspect: steps.aspect,
            outcome: outcome.to_owned(),
            result,
        });
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

fn show_result(result: &BestOfN, group: Option<&str>, steps: &Steps) -> Result<()> {
    let size = result
        .mean_size
        .map_or_else(|| "-".into(), |size| format!("{size:.1}"));
    show::line(&format!(
        "{} groups by {}, {size} responses each on average\n",
        result.groups,
        group.unwrap_or("prompt"),
    ))?;
    let row = |name: &str, value: Option<f64>, interval: Option<&Interval>| {
        vec![name.to_owned(), bracketed(value, interval, show::number)]
    };
    let chosen = result.selected.iter().map(|by| {
        let name = format!("highest {}", by.aggregation);
        row(&name, by.value, by.interval.as_ref())
    });
    let bound = |name, field, value| row(name, value, result.intervals.get(field));
    let bounds = [
        bound("random choice", "random", result.random),
        bound("best possible", "oracle", result.oracle),
    ];
    let header = ["chosen by", "mean outcome"];
    show::line(&show::table(&header, chosen.chain(bounds)))?;
    if result.groups == 0 {
        show::line("\nno figures: no group has two responses that are scored to their end")?;
    } else {
        steps.show_legend("groups", result.groups)?;
    }
    if result.groups_left_out > 0 || result.candidates_left_out > 0 {
        show::line(&format!(
            "\nleft out: {} groups with fewer than two usable responses, {} responses without a \
             score for every segment",
            result.groups_left_out, result.candidates_left_out
        ))?;
    }
    Ok(())
}
