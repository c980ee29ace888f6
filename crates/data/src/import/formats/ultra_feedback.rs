use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::import::fields::{Record, member, not_allowed};
use crate::import::options::ImportOptions;
use crate::records::field::{Checked, missing, text, wrong_type};
use crate::{CharSpan, Example, Segment};

/// The scale of every aspect.
const SCALE: std::ops::RangeInclusive<f64> = 1.0..=5.0;
const RATING: &str = "a number from 1 to 5, a text with one, or N/A";

/// The answers of several models to an instruction, each rated as a whole in several aspects.
pub(in crate::import) fn parse(
    mut record: Record,
    options: &ImportOptions,
) -> Checked<Vec<Example>> {
    let id = record.own_id()?;
    let prompt = record.text("instruction")?;
    let completions = record.list("completions")?;
    let meta = record.rest()?;
    let completions = completions.into_iter().enumerate();
    completions
        .map(|(k, completion)| {
            let field = format!("completions[{k}]");
            let Value::Object(mut completion) = completion else {
                return Err(wrong_type(field, &completion, "an object"));
            };
            let response = completion
                .remove("response")
                .ok_or_else(|| missing(format!("{field}.response"), "a text"))?;
            let response = text(response, &format!("{field}.response"))?;
            let ratings = ratings(&completion, &field, options)?;
            let span = CharSpan::new(0, response.chars().count());
            let mut meta = meta.clone();
            meta.extend(completion);
            Ok(Example {
                id: format!("{id}-{}", k + 1),
                prompt: prompt.clone(),
                // An empty response is refused by the check of the example, which names the field.
                segments: if response.is_empty() {
                    Vec::new()
                } else {
                    vec![Segment::new(span, ratings)]
                },
                response,
                meta,
                ..Example::default()
            })
        })
        .collect()
}

/// The rating of each aspect; one that says `N/A`, or that is null, is unrated.
fn ratings(
    completion: &Map<String, Value>,
    field: &str,
    options: &ImportOptions,
) -> Checked<BTreeMap<String, f64>> {
    let field = format!("{field}.annotations");
    let annotations = match completion.get("annotations") {
        Some(Value::Object(annotations)) => annotations,
        Some(other) => return Err(wrong_type(field, other, "an object of aspects")),
        None => return Err(missing(field, "an object of aspects")),
    };
    let mut ratings = BTreeMap::new();
    // In Parquet, an aspect that a response lacks is null.
    for (aspect, annotation) in annotations.iter().filter(|(_, value)| !value.is_null()) {
        let field = format!("{field}.{aspect}");
        let value = member(annotation, &field, "Rating", RATING)?;
        let field = format!("{field}.Rating");
        let number = match value {
            Value::String(text) if text.trim() == "N/A" => continue,
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        };
        let number = number.filter(|number: &f64| SCALE.contains(number));
        let Some(number) = number else {
            return Err(not_allowed(field, value, RATING));
        };
        let rating = options.rate(number, number, || field)?;
        ratings.insert(aspect.clone(), rating);
    }
    Ok(ratings)
}
