use std::collections::BTreeMap;

use serde_json::Value;

use super::math_shepherd::split_first_step;
use crate::import::fields::{Record, not_allowed, text_member};
use crate::import::options::ImportOptions;
use crate::import::steps::{Step, join_steps};
use crate::records::field::Checked;
use crate::{DEFAULT_ASPECT, Example};

/// A conversation in turns: a step of the user, and `+` or `-` of the assistant. The first step has the question ahead
/// of it.
pub(in crate::import) fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    const TURNS: &str = "conversations";
    let id = record.own_id()?;
    let turns = record.list(TURNS)?;
    let mut prompt = None;
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
        let text = if k == 0 {
            let (question, step) = split_first_step(text, &field)?;
            prompt = Some(question.to_owned());
            step
        } else {
            text
        };
        steps.push(Step {
            field,
            text: text.to_owned(),
            ratings: BTreeMap::from([(DEFAULT_ASPECT.to_owned(), rating)]),
        });
    }
    let Some(prompt) = prompt else {
        return Err(not_allowed(
            TURNS,
            "no turn",
            "a step and its label, at least once",
        ));
    };
    let (response, segments) = join_steps(steps)?;
    Ok(Example {
        id,
        prompt,
        response,
        segments,
        meta: record.rest()?,
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
