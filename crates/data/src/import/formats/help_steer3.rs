use std::collections::BTreeMap;

use serde_json::Value;

use crate::import::fields::{Record, member, not_allowed, text_member};
use crate::import::options::ImportOptions;
use crate::records::field::{Checked, list, missing, wrong_type};
use crate::{CharSpan, Example, Segment, mean_rating};

const PREFERENCE: &str = "preference";
/// The scale of a comparison: -3 if the first response is much better, 3 if the second is.
const SCALE: std::ops::RangeInclusive<f64> = -3.0..=3.0;

/// Both responses to a conversation, each rated by how far it is preferred to the other.
pub(in crate::import) fn parse(
    mut record: Record,
    options: &ImportOptions,
) -> Checked<Vec<Example>> {
    let id = record.own_id()?;
    let prompt = conversation(record.list("context")?)?;
    let responses = [record.text("response1")?, record.text("response2")?];
    let scores = scores(&mut record, options)?;
    let meta = record.rest()?;
    let examples = responses.into_iter().zip([-1.0, 1.0]).enumerate();
    Ok(examples
        .map(|(k, (response, sign))| {
            // Adding zero turns -0.0 into 0.0.
            let ratings: Vec<f64> = scores.iter().map(|score| score * sign + 0.0).collect();
            let mut segment = Segment::new(
                CharSpan::new(0, response.chars().count()),
                BTreeMap::from([(PREFERENCE.to_owned(), mean_rating(&ratings))]),
            );
            if ratings.len() > 1 {
                segment.raters.insert(PREFERENCE.to_owned(), ratings);
            }
            Example {
                id: format!("{id}-{}", k + 1),
                prompt: prompt.clone(),
                // An empty response is refused by the check of the example, which names the field.
                segments: if response.is_empty() {
                    Vec::new()
                } else {
                    vec![segment]
                },
                response,
                meta: meta.clone(),
                ..Example::default()
            }
        })
        .collect())
}

/// The scores of the raters, or the overall one if none is listed.
fn scores(record: &mut Record, options: &ImportOptions) -> Checked<Vec<f64>> {
    const SINGLE: &str = "individual_preference";
    const OVERALL: &str = "overall_preference";
    let expected = "a number from -3 to 3";
    let score = |value: &Value, field: &str| {
        let score = value.as_f64().filter(|score| SCALE.contains(score));
        let score = score.ok_or_else(|| wrong_type(field, value, expected))?;
        options.rate(score, score, || field.to_owned())
    };
    let single = record.get(SINGLE).cloned().filter(|value| !value.is_null());
    let single = single.map_or_else(|| Ok(Vec::new()), |value| list(value, SINGLE))?;
    if single.is_empty() {
        let overall = record
            .get(OVERALL)
            .ok_or_else(|| missing(OVERALL, expected))?;
        return Ok(vec![score(overall, OVERALL)?]);
    }
    let single = single.iter().enumerate();
    single
        .map(|(k, rater)| {
            let field = format!("{SINGLE}[{k}]");
            score(
                member(rater, &field, "score", expected)?,
                &format!("{field}.score"),
            )
        })
        .collect()
}

/// The turns of a conversation as one text: a single turn alone, several each behind its role.
fn conversation(turns: Vec<Value>) -> Checked<String> {
    let mut texts = Vec::with_capacity(turns.len());
    for (k, turn) in turns.iter().enumerate() {
        let field = format!("context[{k}]");
        texts.push((
            text_member(turn, &field, "role")?,
            text_member(turn, &field, "content")?,
        ));
    }
    match texts[..] {
        [] => Err(not_allowed("context", "no turn", "at least one")),
        [(_, text)] => Ok(text.to_owned()),
        _ => {
            let turns = texts.iter().map(|(role, text)| format!("{role}: {text}"));
            Ok(turns.collect::<Vec<_>>().join("\n\n"))
        }
    }
}
