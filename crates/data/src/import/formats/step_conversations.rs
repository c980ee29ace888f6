use std::collections::BTreeMap;

use serde_json::Value;

use super::math_shepherd::split_first_step;
use crate::import::fields::{Record, not_allowed, text_member};
use crate::import::importer::Parser;
use crate::import::options::ImportOptions;
use crate::import::steps::{Step, join_steps};
use crate::records::field::Checked;
use crate::{DEFAULT_ASPECT, Example, Result};

/// The key of `meta` that is `true` where the question is part of the first segment.
const QUESTION_IN_STEP: &str = "question_in_first_step";

/// A conversation in turns: a step of the user, and `+` or `-` of the assistant. The first step has the question ahead
/// of it. Where no `Step 1:` parts the two, as in steps that are paragraphs, the first turn stays one segment: that is
/// what was rated, and a border would be a guess.
#[expect(
    clippy::unnecessary_wraps,
    reason = "others of its kind may refuse their options"
)]
pub(in crate::import) fn prepare(
    options: &ImportOptions,
    notes: &mut Vec<String>,
) -> Result<Parser> {
    notes.push(format!(
        "where no `Step 1:` follows the question, it stays in the first step, with an empty prompt and \
         `meta.{QUESTION_IN_STEP}`"
    ));
    let options = options.clone();
    Ok(Box::new(move |record| parse(record, &options)))
}

fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    const TURNS: &str = "conversations";
    let id = record.own_id()?;
    let turns = record.list(TURNS)?;
    if turns.is_empty() {
        return Err(not_allowed(
            TURNS,
            "no turn",
            "a step and its label, at least once",
        ));
    }
    let mut question = None;
    let mut steps = Vec::new();
    for (k, pair) in turns.chunks(2).enumerate() {
        let field = format!("{TURNS}[{}]", 2 * k);
        let [step, label] = pair else {
            let expected = "an even number of turns, each step with its label behind it";
            return Err(not_allowed(
                TURNS,
                format!("{} turns", turns.len()),
                expected,
            ));
        };
        let text = content(step, &field, "user")?;
        let label_field = format!("{TURNS}[{}]", 2 * k + 1);
        let label = content(label, &label_field, "assistant")?.trim();
        let default = match label {
            "+" => 1.0,
            "-" => 0.0,
            other => {
                let field = format!("{label_field}.content");
                return Err(not_allowed(field, format!("{other:?}"), "+ or -"));
            }
        };
        let rating = options.rate(label, default, || format!("{label_field}.content"))?;
        let field = format!("{field}.content");
        let first = (k == 0).then(|| split_first_step(text, &field));
        let text = match first.transpose()?.flatten() {
            Some((ahead, step)) => {
                question = Some(ahead.to_owned());
                step
            }
            None => text,
        };
        steps.push(Step {
            field,
            text: text.to_owned(),
            ratings: BTreeMap::from([(DEFAULT_ASPECT.to_owned(), rating)]),
        });
    }
    let (response, segments) = join_steps(steps)?;
    let mut meta = record.rest()?;
    if question.is_none() {
        meta.insert(QUESTION_IN_STEP.into(), true.into());
    }
    Ok(Example {
        id,
        prompt: question.unwrap_or_default(),
        response,
        segments,
        meta,
        ..Example::default()
    })
}

/// The content of a turn, which must have this role.
fn content<'a>(turn: &'a Value, field: &str, role: &'static str) -> Checked<&'a str> {
    let found = text_member(turn, field, "role")?;
    if found != role {
        return Err(not_allowed(
            format!("{field}.role"),
            format!("`{found}`"),
            format!("`{role}`"),
        ));
    }
    text_member(turn, field, "content")
}
