use serde_json::Value;

use super::rag_truth::{FAITHFULNESS, marks};
use crate::Example;
use crate::import::fields::{Record, json_text};
use crate::import::marks::marked_segments;
use crate::import::options::ImportOptions;
use crate::records::field::{Checked, list, missing};

/// A row with `query`, `context` and `output`, and the marks of RAGTruth as a text of JSON.
pub(in crate::import) fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    const LABELS: &str = "hallucination_labels";
    let id = record.name("id")?;
    let prompt = record.text("query")?;
    let context = record.text("context")?;
    let response = record.text("output")?;
    let labels = match record.take(LABELS) {
        Some(Value::String(text)) => json_text(&text, LABELS)?,
        Some(labels) => labels,
        None => return Err(missing(LABELS, "a list, or a text of JSON with one")),
    };
    let marks = marks(&list(labels, LABELS)?, &response, options)?;
    let segments = marked_segments(&response, &marks, options, FAITHFULNESS, "output")?;
    Ok(Example {
        id,
        prompt,
        context: (!context.is_empty()).then_some(context),
        response,
        segments,
        meta: record.rest()?,
        ..Example::default()
    })
}
