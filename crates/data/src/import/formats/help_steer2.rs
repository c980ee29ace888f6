use std::collections::BTreeMap;

use crate::import::fields::Record;
use crate::import::options::ImportOptions;
use crate::records::field::{Checked, missing, wrong_type};
use crate::{CharSpan, Example, Segment};

const ATTRIBUTES: [&str; 5] = [
    "helpfulness",
    "correctness",
    "coherence",
    "complexity",
    "verbosity",
];

/// The attributes' scale; means of several raters lie between whole numbers.
const SCALE: std::ops::RangeInclusive<f64> = 0.0..=4.0;

/// The response as a whole is the only segment, with an aspect for each attribute.
pub(in crate::import) fn parse(mut record: Record, options: &ImportOptions) -> Checked<Example> {
    let prompt = record.text("prompt")?;
    let response = record.text("response")?;
    let mut ratings = BTreeMap::new();
    for attribute in ATTRIBUTES {
        let Some(value) = record.take(attribute) else {
            return Err(missing(attribute, "a rating from 0 to 4"));
        };
        let rating = value.as_f64().filter(|rating| SCALE.contains(rating));
        let rating = rating.ok_or_else(|| wrong_type(attribute, &value, "a rating from 0 to 4"))?;
        let rating = options.rate(rating, rating, || attribute.to_owned())?;
        ratings.insert(attribute.to_owned(), rating);
    }
    let span = CharSpan::new(0, response.chars().count());
    let segments = if response.is_empty() {
        // Refused by the check of the example, which names the field.
        Vec::new()
    } else {
        vec![Segment::new(span, ratings)]
    };
    Ok(Example {
        id: record.number.to_string(),
        prompt,
        response,
        segments,
        meta: record.rest()?,
        ..Example::default()
    })
}
