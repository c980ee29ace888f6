use std::collections::BTreeMap;

use serde_json::Value;

use crate::import::fields::{Record, not_allowed};
use crate::import::options::ImportOptions;
use crate::import::rating_map::Label;
use crate::import::steps::{Step, join_steps};
use crate::records::field::{Checked, missing, wrong_type};
use crate::{DEFAULT_ASPECT, Example, RecordError, RecordProblem};

/// What stands behind every step of `input`.
const TAG: &str = "\u{43a}\u{438}";
/// What the first step starts with; the question stands ahead of it.
const FIRST_STEP: &str = "Step 1:";

pub(in crate::import) fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    let input = record.text("input")?;
    let mut pieces: Vec<&str> = input.split(TAG).collect();
    let rest = pieces.pop().unwrap_or_default();
    if pieces.is_empty() || !rest.trim().is_empty() {
        let found = if pieces.is_empty() {
            "none"
        } else {
            "text behind the last one"
        };
        return Err(not_allowed(
            "input",
            found,
            format!("`{TAG}` behind each step"),
        ));
    }
    if input
        .split(TAG)
        .skip(1)
        .any(|behind| behind.starts_with(char::is_alphabetic))
    {
        let expected = format!("`{TAG}` as a word of its own behind each step");
        return Err(not_allowed(
            "input",
            format!("`{TAG}` at the start of a word"),
            expected,
        ));
    }
    let labels = labels(&mut record, &pieces, rest)?;
    let Some((prompt, first)) = split_first_step(pieces[0], "input")? else {
        let expected = format!("`{FIRST_STEP}` behind the question");
        return Err(not_allowed("input", "no first step", expected));
    };
    let prompt = prompt.to_owned();
    pieces[0] = first;
    let mut steps = Vec::with_capacity(pieces.len());
    for (text, (field, label, default)) in pieces.into_iter().zip(labels) {
        let rating = options.rate(label, default, || field)?;
        steps.push(Step {
            field: "input".into(),
            text: text.to_owned(),
            ratings: BTreeMap::from([(DEFAULT_ASPECT.to_owned(), rating)]),
        });
    }
    let (response, segments) = join_steps(steps)?;
    Ok(Example {
        id: record.number.to_string(),
        prompt,
        response,
        segments,
        meta: record.rest()?,
        ..Example::default()
    })
}

/// The question and the first step, out of a text that has both; `None` where nothing says where the step begins.
pub(super) fn split_first_step<'a>(
    text: &'a str,
    field: &str,
) -> Checked<Option<(&'a str, &'a str)>> {
    let Some(start) = text.find(FIRST_STEP) else {
        return Ok(None);
    };
    if text.matches(FIRST_STEP).count() > 1 {
        let found = format!("`{FIRST_STEP}` twice in the question and the first step");
        let expected = "it once, as the question ends there";
        return Err(not_allowed(field, found, expected));
    }
    Ok(Some((text[..start].trim(), &text[start..])))
}

/// Where a label stands, what is written there and the rating it has of itself.
type Labeled = (String, Label, f64);

/// `label` as published, a text; or a list in `value` (or `label`), as in repacked copies.
fn labels(record: &mut Record, pieces: &[&str], rest: &str) -> Checked<Vec<Labeled>> {
    let (field, value) = match (record.take("label"), record.take("value")) {
        (Some(_), Some(_)) => {
            return Err(RecordError::new(
                "value",
                RecordProblem::Conflict { other: "label" },
            ));
        }
        (Some(Value::String(label)), _) => return text_labels(&label, pieces, rest),
        (Some(label), _) => ("label", label),
        (None, Some(value)) => ("value", value),
        (None, None) => {
            return Err(missing(
                "label",
                "the text of `input` with + and - for tags",
            ));
        }
    };
    let Value::Array(values) = &value else {
        return Err(wrong_type(field, &value, "a text or a list"));
    };
    if values.len() != pieces.len() {
        let expected = format!("{}, one for each step", pieces.len());
        return Err(not_allowed(
            field,
            format!("{} labels", values.len()),
            expected,
        ));
    }
    let values = values.iter().enumerate();
    values
        .map(|(k, value)| {
            let field = format!("{field}[{k}]");
            match (value.as_str(), value.as_f64()) {
                (Some(sign @ ("+" | "-")), _) => {
                    Ok((field, sign.into(), if sign == "+" { 1.0 } else { 0.0 }))
                }
                (None, Some(number)) => Ok((field, number.into(), number)),
                _ => Err(wrong_type(field, value, "+, - or a number")),
            }
        })
        .collect()
}

/// The signs that stand in `label` where `input` has its tags.
fn text_labels(label: &str, pieces: &[&str], rest: &str) -> Checked<Vec<Labeled>> {
    let mut labels = Vec::with_capacity(pieces.len());
    let mut left = label;
    for (k, piece) in pieces.iter().enumerate() {
        let behind = left.strip_prefix(piece).ok_or_else(|| {
            let expected = "the text of `input`, with + or - for each tag";
            not_allowed("label", format!("another text in step {}", k + 1), expected)
        })?;
        let (sign, default) = match behind.chars().next() {
            Some('+') => ("+", 1.0),
            Some('-') => ("-", 0.0),
            _ => {
                let found = format!("no sign behind step {}", k + 1);
                return Err(not_allowed("label", found, "+ or -"));
            }
        };
        labels.push(("label".to_owned(), sign.into(), default));
        left = &behind[1..];
    }
    if left.trim() == rest.trim() {
        Ok(labels)
    } else {
        Err(not_allowed("label", "text behind the last step", "nothing"))
    }
}
