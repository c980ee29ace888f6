use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::Example;
use crate::import::annotated::{Annotated, Rater, Texts, number_rating};
use crate::import::fields::{Record, position_member, text_member};
use crate::import::marks::{MarkReader, Marked};
use crate::import::options::ImportOptions;
use crate::records::field::{Checked, missing, wrong_type};

/// The answer of one user to one question.
struct Answer {
    question: String,
    /// Where it stands in the record.
    field: String,
    user: String,
    value: Value,
}

/// A record as Argilla 2 writes it: with `fields` and `responses`, or flat as on the Hub, with
/// `QUESTION.responses`.
pub(in crate::import) fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    let id = record.own_id()?;
    let (texts, answers, meta) = match record.take("fields") {
        Some(Value::Object(mut fields)) => {
            let texts = Texts::take(&mut fields, "fields")?;
            let answers = nested(record.take("responses"))?;
            let mut meta = record.rest()?;
            meta.extend(fields);
            (texts, answers, meta)
        }
        Some(other) => return Err(wrong_type("fields", &other, "an object with the texts")),
        None => {
            let mut fields = record.rest()?;
            let answers = flat(&mut fields)?;
            (Texts::take(&mut fields, "")?, answers, fields)
        }
    };
    let mut raters: BTreeMap<String, Rater> = BTreeMap::new();
    let reader = MarkReader::new(&texts.response, options);
    let mut meta = meta;
    for Answer {
        question,
        field,
        user,
        value,
    } in answers
    {
        let known = raters.entry(user.clone()).or_insert_with(|| Rater {
            name: user,
            left_marks_out: true,
            ..Rater::default()
        });
        match &value {
            Value::Array(spans) if spans.iter().all(|span| span.get("start").is_some()) => {
                known.left_marks_out = false;
                for (k, span) in spans.iter().enumerate() {
                    let field = format!("{field}[{k}]");
                    let marked = Marked {
                        start: position_member(span, &field, "start")?,
                        end: position_member(span, &field, "end")?,
                        text: span.get("text").and_then(Value::as_str),
                    };
                    let label = text_member(span, &field, "label")?;
                    known.marks.push(reader.mark(marked, label, &field)?);
                }
            }
            Value::Number(_) => {
                known
                    .whole
                    .push((question, number_rating(&value, options, &field)?));
            }
            // An answer in words or ranks rates nothing.
            _ => {
                let others = meta
                    .entry("other_answers")
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(others) = others {
                    others.push(value);
                }
            }
        }
    }
    let raters = raters.into_values().collect();
    Annotated {
        id,
        texts,
        meta,
        raters,
        replaced: 0,
    }
    .finish(options, "responses")
}

/// The submitted answers of `{"QUESTION": [{"value": .., "user_id": .., "status": ..}]}`.
fn nested(responses: Option<Value>) -> Checked<Vec<Answer>> {
    let Some(responses) = responses else {
        return Err(missing(
            "responses",
            "an object with a list for each question",
        ));
    };
    let Value::Object(questions) = responses else {
        return Err(wrong_type(
            "responses",
            &responses,
            "an object with a list for each question",
        ));
    };
    let mut answers = Vec::new();
    for (question, list) in questions {
        let field = format!("responses.{question}");
        let Value::Array(list) = list else {
            return Err(wrong_type(field, &list, "a list of answers"));
        };
        for (k, mut answer) in list.into_iter().enumerate() {
            let field = format!("{field}[{k}]");
            let Some(answer) = answer.as_object_mut() else {
                return Err(wrong_type(field, &answer, "an object with `value`"));
            };
            if !is_submitted(answer.get("status"), || format!("{field}.status"))? {
                continue;
            }
            let value = answer.remove("value");
            let Some(value) = value.filter(|value| !value.is_null()) else {
                continue;
            };
            answers.push(Answer {
                question: question.clone(),
                field: format!("{field}.value"),
                user: user(answer.get("user_id"), k),
                value,
            });
        }
    }
    Ok(answers)
}

/// Takes the submitted answers of `QUESTION.responses`, `QUESTION.responses.users` and
/// `QUESTION.responses.status` out of a flat record.
fn flat(fields: &mut Map<String, Value>) -> Checked<Vec<Answer>> {
    const END: &str = ".responses";
    let questions = fields.keys().filter_map(|key| key.strip_suffix(END));
    let questions: Vec<String> = questions.map(str::to_owned).collect();
    if questions.is_empty() {
        let expected = "`fields` and `responses`, or a key that ends in `.responses`";
        return Err(missing("responses", expected));
    }
    let mut answers = Vec::new();
    for question in questions {
        let field = format!("{question}{END}");
        let mut part = |end: &str| fields.shift_remove(&format!("{field}{end}"));
        let (values, users, states) = (part(""), part(".users"), part(".status"));
        let values = match values {
            None | Some(Value::Null) => continue,
            Some(Value::Array(values)) => values,
            Some(other) => return Err(wrong_type(field, &other, "a list of answers")),
        };
        let at = |list: &Option<Value>, k: usize| list.as_ref()?.get(k).cloned();
        for (k, value) in values.into_iter().enumerate() {
            let status_field = || format!("{field}.status[{k}]");
            if value.is_null() || !is_submitted(at(&states, k).as_ref(), status_field)? {
                continue;
            }
            answers.push(Answer {
                question: question.clone(),
                field: format!("{field}[{k}]"),
                user: user(at(&users, k).as_ref(), k),
                value: spans_of_columns(value),
            });
        }
    }
    Ok(answers)
}

/// Parquet has a list of spans as columns: `{"start": [..], "end": [..], "label": [..]}`.
fn spans_of_columns(value: Value) -> Value {
    let Some(columns) = value.as_object() else {
        return value;
    };
    let starts = columns.get("start").and_then(Value::as_array);
    let Some(count) = starts.map(Vec::len) else {
        return value;
    };
    let row = |k: usize| {
        let cells = columns
            .iter()
            .filter_map(|(name, cells)| Some((name.clone(), cells.get(k)?.clone())));
        Value::Object(cells.collect())
    };
    (0..count).map(row).collect()
}

fn is_submitted(status: Option<&Value>, field: impl FnOnce() -> String) -> Checked<bool> {
    let Some(status) = status.filter(|status| !status.is_null()) else {
        return Ok(true);
    };
    match status.as_str() {
        Some("submitted") => Ok(true),
        Some("draft" | "discarded") => Ok(false),
        // Passed over, the answer would be lost.
        _ => Err(wrong_type(field(), status, "submitted, draft or discarded")),
    }
}

fn user(user: Option<&Value>, place: usize) -> String {
    match user {
        None | Some(Value::Null) => place.to_string(),
        Some(Value::String(user)) => user.clone(),
        Some(user) => user.to_string(),
    }
}
