use super::rag_truth::{FAITHFULNESS, marks};
use crate::Example;
use crate::import::fields::Record;
use crate::import::marks::marked_segments;
use crate::import::options::ImportOptions;
use crate::records::field::Checked;

/// A row with `query`, `context` and `output`, and the marks of RAGTruth as a text of JSON.
pub(in crate::import) fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    let id = record.name("id")?;
    let prompt = record.text("query")?;
    let context = record.text("context")?;
    let response = record.text("output")?;
    let marks = marks(
        &record.list_or_json("hallucination_labels")?,
        &response,
        options,
    )?;
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
