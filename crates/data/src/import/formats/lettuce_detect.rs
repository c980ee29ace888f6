use crate::Example;
use crate::import::fields::{Record, position_member, text_member};
use crate::import::marks::{MarkReader, Marked, marked_segments};
use crate::import::options::ImportOptions;
use crate::records::field::Checked;
use serde_json::Value;

use super::rag_truth::FAITHFULNESS;

/// `prompt`, `answer` and marked hallucinations in `labels`.
pub(in crate::import) fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    let id = record.own_id()?;
    let prompt = record.text("prompt")?;
    let response = record.text("answer")?;
    let labels = record.list("labels")?;
    let reader = MarkReader::new(&response, options);
    let mut marks = Vec::with_capacity(labels.len());
    for (k, label) in labels.iter().enumerate() {
        let field = format!("labels[{k}]");
        let marked = Marked {
            start: position_member(label, &field, "start")?,
            end: position_member(label, &field, "end")?,
            text: label.get("text").and_then(Value::as_str),
        };
        marks.push(reader.mark(marked, text_member(label, &field, "label")?, &field)?);
    }
    let segments = marked_segments(&response, &marks, options, FAITHFULNESS, "answer")?;
    Ok(Example {
        id,
        prompt,
        response,
        segments,
        meta: record.rest()?,
        ..Example::default()
    })
}
