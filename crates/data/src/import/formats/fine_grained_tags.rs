use std::collections::BTreeMap;

use crate::import::fields::{Record, not_allowed};
use crate::import::options::ImportOptions;
use crate::import::steps::Step;
use crate::records::field::Checked;
use crate::{CharSpan, DEFAULT_ASPECT, Example, RecordError, RecordProblem, Segment};

const SEPARATOR: &str = "</s>";
const QUESTION: &str = "question:";
const CONTEXT: &str = "context:";
const ANSWER: &str = "answer:";

/// The tag of a segment stands on the separator ahead of it.
pub(in crate::import) fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    let id = record.name("id")?;
    let words = record.texts("text")?;
    let tags = record.texts("feedback_tags")?;
    if words.len() != tags.len() {
        return Err(not_allowed(
            "feedback_tags",
            format!("{} tags", tags.len()),
            format!("{}, one for each word of `text`", words.len()),
        ));
    }
    // An answer starts with a separator, which tells it from the same word in a passage.
    let is_answer = |pair: &[String]| pair[0] == ANSWER && pair[1] == SEPARATOR;
    let Some(answer) = words.windows(2).rposition(is_answer) else {
        return Err(not_allowed(
            "text",
            "no answer",
            format!("`{ANSWER}` and `{SEPARATOR}` ahead of it"),
        ));
    };
    if words.first().is_none_or(|word| word != QUESTION) {
        return Err(not_allowed(
            "text[0]",
            "another word",
            format!("`{QUESTION}`"),
        ));
    }
    let asked = &words[1..answer];
    let context = asked.iter().position(|word| word == CONTEXT);
    let prompt = asked[..context.unwrap_or(asked.len())].join(" ");
    let context = context.map(|at| asked[at + 1..].join(" "));
    let first = answer + 1;
    let (response, segments) = join_words(pieces(&words, &tags, first, options)?)?;
    Ok(Example {
        id,
        prompt,
        context,
        response,
        segments,
        meta: record.rest()?,
        ..Example::default()
    })
}

fn pieces(
    words: &[String],
    tags: &[String],
    first: usize,
    options: &ImportOptions,
) -> Checked<Vec<Step>> {
    let mut pieces: Vec<Step> = Vec::new();
    for (k, (word, tag)) in words.iter().zip(tags).enumerate().skip(first) {
        let field = format!("feedback_tags[{k}]");
        if word != SEPARATOR {
            if tag != "Ignore" {
                let expected = format!("Ignore, as only `{SEPARATOR}` carries a rating");
                return Err(not_allowed(field, format!("`{tag}`"), expected));
            }
            if let Some(piece) = pieces.last_mut() {
                if !piece.text.is_empty() {
                    piece.text.push(' ');
                }
                piece.text.push_str(word);
            }
            continue;
        }
        let default = match tag.as_str() {
            "O" => Some(1.0),
            "F-ERR" | "NF-ERR" => Some(0.0),
            "Ignore" => None,
            _ => {
                let expected = "O, F-ERR, NF-ERR or Ignore";
                return Err(not_allowed(field, format!("`{tag}`"), expected));
            }
        };
        let mut ratings = BTreeMap::new();
        if let Some(default) = default {
            let rating = options.rate(tag.as_str(), default, || field)?;
            ratings.insert(DEFAULT_ASPECT.to_owned(), rating);
        }
        pieces.push(Step {
            field: format!("text[{k}]"),
            text: String::new(),
            ratings,
        });
    }
    Ok(pieces)
}

/// Segments of one text, a blank between them as between its words.
fn join_words(pieces: Vec<Step>) -> Checked<(String, Vec<Segment>)> {
    let mut response = String::new();
    let mut segments = Vec::with_capacity(pieces.len());
    let mut num_chars = 0;
    for piece in pieces {
        if piece.text.is_empty() {
            return Err(RecordError::new(piece.field, RecordProblem::EmptyText));
        }
        if !response.is_empty() {
            response.push(' ');
            num_chars += 1;
        }
        let start = num_chars;
        num_chars += piece.text.chars().count();
        response.push_str(&piece.text);
        segments.push(Segment::new(CharSpan::new(start, num_chars), piece.ratings));
    }
    Ok((response, segments))
}
