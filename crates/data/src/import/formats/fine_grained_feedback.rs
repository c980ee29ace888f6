use std::collections::BTreeMap;

use serde_json::Value;

use crate::import::fields::{Record, list_member, not_allowed, position_member, text_member};
use crate::import::marks::{Mark, MarkReader, Marked, marked_spans, rate_spans};
use crate::import::options::ImportOptions;
use crate::records::field::{Checked, list, text};
use crate::{Example, RecordError, RecordProblem, Segment};

const RELEVANCE: &str = "relevance";
const FACTUALITY: &str = "factuality";
const RESPONSE: &str = "prediction 1";
const ERRORS: &str = "feedback.errors";

/// The aspect an error of this type belongs to, as in the authors' own script.
fn aspect_of(error_type: &str) -> Option<&'static str> {
    match error_type {
        "Irrelevant" | "Redundant" | "Incoherent" => Some(RELEVANCE),
        "Wrong-Grounding" | "Unverifiable" => Some(FACTUALITY),
        _ => None,
    }
}

pub(in crate::import) fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    let prompt = record.text("question")?;
    let response = record.text(RESPONSE)?;
    let context = match record.take("passages") {
        Some(passages) => Some(passages_text(passages)?),
        None => None,
    };
    let marks = marks(&record, &response, options)?;
    let spans = marked_spans(&response, marks.values().flatten(), options, RESPONSE)?;
    let relevance = rate_spans(&response, &spans, &marks[RELEVANCE], options.mark_rule);
    let factuality = rate_spans(&response, &spans, &marks[FACTUALITY], options.mark_rule);
    let segments = spans.iter().zip(relevance.into_iter().zip(factuality));
    let segments = segments.map(|(&span, (relevance, factuality))| {
        let ratings = [(RELEVANCE, relevance), (FACTUALITY, factuality)];
        let ratings = ratings.map(|(aspect, rating)| (aspect.to_owned(), rating));
        Segment::new(span, BTreeMap::from(ratings))
    });
    Ok(Example {
        id: record.number.to_string(),
        prompt,
        context,
        segments: segments.collect(),
        response,
        meta: record.rest()?,
        ..Example::default()
    })
}

fn marks(
    record: &Record,
    response: &str,
    options: &ImportOptions,
) -> Checked<BTreeMap<&'static str, Vec<Mark>>> {
    let mut marks = BTreeMap::from([(RELEVANCE, Vec::new()), (FACTUALITY, Vec::new())]);
    let Some(feedback) = record.get("feedback") else {
        return Err(RecordError::new(
            "feedback",
            RecordProblem::Missing {
                expected: "an object with `errors`",
            },
        ));
    };
    let reader = MarkReader::new(response, options);
    for (k, error) in list_member(feedback, "feedback", "errors")?
        .iter()
        .enumerate()
    {
        let field = format!("{ERRORS}[{k}]");
        let kind = text_member(error, &field, "error type")?;
        let kind_field = || format!("{field}.error type");
        let marks = aspect_of(kind).and_then(|aspect| marks.get_mut(aspect));
        let Some(marks) = marks else {
            let expected = "Irrelevant, Redundant, Incoherent, Wrong-Grounding or Unverifiable";
            return Err(not_allowed(kind_field(), format!("`{kind}`"), expected));
        };
        let marked = Marked {
            start: position_member(error, &field, "start")?,
            end: position_member(error, &field, "end")?,
            text: error.get("text").and_then(Value::as_str),
        };
        let span = reader.span(marked, &field)?;
        let rating = options.rate(kind, 0.0, kind_field)?;
        marks.push(Mark { span, rating });
    }
    Ok(marks)
}

/// Passages with their title first, parted by a blank line.
fn passages_text(passages: Value) -> Checked<String> {
    let mut context = String::new();
    for (k, passage) in list(passages, "passages")?.into_iter().enumerate() {
        let field = format!("passages[{k}]");
        if k > 0 {
            context.push_str("\n\n");
        }
        for (j, line) in list(passage, &field)?.into_iter().enumerate() {
            if j > 0 {
                context.push('\n');
            }
            context.push_str(&text(line, &format!("{field}[{j}]"))?);
        }
    }
    Ok(context)
}
