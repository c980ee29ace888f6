use serde_json::Value;

use super::rag_truth::FAITHFULNESS;
use crate::Example;
use crate::import::fields::{Record, not_allowed};
use crate::import::marks::{Mark, MarkReader, Marked, marked_segments};
use crate::import::options::ImportOptions;
use crate::records::field::Checked;

/// Around a hallucination in `annotated_span`.
const TAGS: [&str; 2] = ["[HAL]", "[/HAL]"];

/// A question about a passage, and an answer whose hallucinations are pairs of offsets.
pub(in crate::import) fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    let id = record.own_id()?;
    let prompt = record.text("question")?;
    let context = record.text("wiki_passage")?;
    let response = record.text("llm_answer")?;
    let labels = record.list_or_json("labels")?;
    let tagged = record.get("annotated_span").and_then(Value::as_str);
    let texts = tagged.and_then(|tagged| tagged_texts(tagged, &response));
    let texts = texts.filter(|texts| texts.len() == labels.len());
    let marks = marks(&labels, &response, texts.as_deref(), options)?;
    let segments = marked_segments(&response, &marks, options, FAITHFULNESS, "llm_answer")?;
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

/// Marks at pairs of offsets, compared with the tagged `texts` if there are some.
fn marks(
    labels: &[Value],
    response: &str,
    texts: Option<&[&str]>,
    options: &ImportOptions,
) -> Checked<Vec<Mark>> {
    let reader = MarkReader::new(response, options);
    let mut marks = Vec::with_capacity(labels.len());
    for (k, label) in labels.iter().enumerate() {
        let field = format!("labels[{k}]");
        let position = |value: &Value| usize::try_from(value.as_u64()?).ok();
        let ends = match label.as_array().map(Vec::as_slice) {
            Some([start, end]) => position(start).zip(position(end)),
            _ => None,
        };
        let Some((start, end)) = ends else {
            let expected = "two whole numbers of 0 or more, start and end";
            return Err(not_allowed(field, label, expected));
        };
        let text = texts.map(|texts| texts[k]);
        let span = reader.span(Marked { start, end, text }, &field)?;
        marks.push(Mark { span, rating: 0.0 });
    }
    Ok(marks)
}

/// The texts between the tags; `None` if the text without its tags is not the response.
fn tagged_texts<'a>(tagged: &'a str, response: &str) -> Option<Vec<&'a str>> {
    let [open, close] = TAGS;
    if tagged.replace(open, "").replace(close, "") != response {
        return None;
    }
    let inside = tagged.split(open).skip(1);
    inside.map(|rest| Some(rest.split_once(close)?.0)).collect()
}
