use std::path::Path;

use serde_json::Value;

use super::grouped::{Group, read_groups};
use crate::Result;
use crate::import::annotated::{Made, Rater, Texts};
use crate::import::fields::{Record, flag, not_allowed, position_member, text_member};
use crate::import::importer::Parsed;
use crate::import::marks::{MarkReader, Marked};
use crate::import::options::ImportOptions;
use crate::records::field::{Checked, list, wrong_type};

/// Which answers are read.
const EXPECTED: &str = "answers with all spans of a text, as of spans.manual, ner.manual or review";

/// Lines of `db-out`: one for each answer in the order in which they were saved, so those of several raters to one task
/// are put together.
pub(in crate::import) fn read(
    path: &Path,
    options: &ImportOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<Parsed>> {
    notes.push(options.mark_rule.note());
    read_groups(path, options, |record, _| answer(record, options))
}

/// The task of an answer, by its input, and what its rater did.
fn answer(mut record: Record, options: &ImportOptions) -> Checked<Group> {
    let number = record.number;
    let input = record.take("_input_hash");
    let named = ["_annotator_id", "_session_id"].map(|key| record.take(key));
    // A task has another hash for each rater who corrected it.
    record.take("_task_hash");
    let time = record.get("_timestamp").and_then(Value::as_f64);
    let time = time.unwrap_or_default();
    let answer = record.take("answer");
    let spans = record.take("spans");
    if flag(record.get("_is_binary"), || "_is_binary".to_owned())? {
        // Read as marks, a rejected span would leave a text without a fault, and an accepted one the rest of it.
        let found = "a yes or no to one suggested span";
        return Err(not_allowed("_is_binary", found, EXPECTED));
    }
    // Without an answer and without spans, it is a task that nobody has answered.
    let is_answered = answer.is_some() || spans.is_some();
    let has_declined = answer.as_ref().map_or(Ok(false), has_declined)?;
    let spans = spans.unwrap_or_else(|| Value::Array(Vec::new()));
    record.take("tokens");
    let mut fields = record.rest()?;
    let texts = Texts::take(&mut fields, "")?;
    let mut rater = Rater {
        has_declined,
        made: Some(Made {
            number: time,
            ..Made::default()
        }),
        ..Rater::default()
    };
    let reader = MarkReader::new(&texts.response, options);
    for (k, span) in list(spans, "spans")?.iter().enumerate() {
        let field = format!("spans[{k}]");
        let marked = Marked {
            start: position_member(span, &field, "start")?,
            end: position_member(span, &field, "end")?,
            text: span.get("text").and_then(Value::as_str),
        };
        let label = text_member(span, &field, "label")?;
        rater.marks.push(reader.mark(marked, label, &field)?);
    }
    let name = named
        .into_iter()
        .flatten()
        .find_map(|name| Some(name.as_str()?.to_owned()));
    rater.name = name.unwrap_or_else(|| number.to_string());
    Ok(Group {
        key: input.map_or_else(|| texts.response.clone(), |hash| hash.to_string()),
        id: number.to_string(),
        texts,
        meta: fields,
        rater: is_answered.then_some(rater),
    })
}

/// Whether an answer is that of somebody who did not mark the text.
fn has_declined(answer: &Value) -> Checked<bool> {
    match answer.as_str() {
        Some("accept") => Ok(false),
        Some("reject" | "ignore") => Ok(true),
        // Taken for either, the marks of its rater would be lost, or counted against their will.
        _ => Err(wrong_type("answer", answer, "accept, reject or ignore")),
    }
}
