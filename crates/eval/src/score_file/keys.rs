//! Checks of a record as a whole: the texts and keys it has.

use gradus_data::Example;
use serde_json::{Map, Value};

use super::ScoreProblem;
use super::value::{Checked, wrong};

/// Refuses a prompt, context or response other than that of the example.
pub(super) fn check_texts(record: &Map<String, Value>, example: &Example) -> Checked<()> {
    let texts = [
        ("prompt", Some(example.prompt.as_str())),
        ("context", example.context.as_deref()),
        ("response", Some(example.response.as_str())),
    ];
    for (field, expected) in texts {
        // Also under another spelling of the key, such as `Response`.
        let spelled = record.get(field).or_else(|| {
            let mut others = record.iter();
            others.find_map(|(key, value)| (folded(key) == field).then_some(value))
        });
        match spelled {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if Some(text.as_str()) == expected => {}
            Some(Value::String(_)) => {
                let id = example.id.clone();
                return Err(ScoreProblem::OtherText { id, field });
            }
            Some(other) => return Err(wrong(field, other, "a text")),
        }
    }
    Ok(())
}

/// Refuses scores in two places, and keys that look like a key for scores in a record without scores.
pub(super) fn check_keys(record: &Map<String, Value>, example: &Example) -> Checked<()> {
    let id = || example.id.clone();
    let is_there =
        |object: &Map<String, Value>, key: &str| object.get(key).is_some_and(|v| !v.is_null());
    let segments = record.get("segments").and_then(Value::as_array);
    let mut segments = segments.into_iter().flatten().enumerate();
    if is_there(record, "scores") {
        let scored = segments.find(|(_, s)| s.as_object().is_some_and(|s| is_there(s, "score")));
        if let Some((k, _)) = scored {
            let field = format!("segments[{k}].score");
            return Err(ScoreProblem::TwoPlaces {
                id: id(),
                field,
                other: "scores",
            });
        }
        refuse_second(record, "", "scores", Value::is_array, &id)?;
        return refuse_look_alike(record, String::new(), "scores", &id);
    }
    if record.get("segments").is_none() {
        return refuse_look_alike(record, String::new(), "scores", &id);
    }
    for (k, segment) in segments {
        if let Some(segment) = segment.as_object() {
            let place = format!("segments[{k}].");
            if is_there(segment, "score") {
                refuse_second(segment, &place, "score", Value::is_number, &id)?;
            }
            refuse_look_alike(segment, place, "score", &id)?;
        }
    }
    refuse_unscored_data(record, &id)
}

/// Refuses a record of data: no segment has the key `score`, and neither does the record.
fn refuse_unscored_data(record: &Map<String, Value>, id: &dyn Fn() -> String) -> Checked<()> {
    let names_score = |object: &Map<String, Value>| {
        ["score", "unscored"]
            .iter()
            .any(|key| object.contains_key(*key))
    };
    let segments = record.get("segments").and_then(Value::as_array);
    let segments = segments.map(Vec::as_slice).unwrap_or_default();
    let is_data = |segment: &Value| segment.as_object().is_some_and(|s| !names_score(s));
    if segments.is_empty() || names_score(record) || !segments.iter().all(is_data) {
        return Ok(());
    }
    Err(ScoreProblem::NoSegmentScore {
        id: id(),
        segments: segments.len(),
        is_rated: segments
            .iter()
            .any(|segment| segment.get("rating").is_some()),
    })
}

/// Keys under which programs write scores, folded.
const SCORE_WORDS: [&str; 11] = [
    "logits",
    "prediction",
    "predictions",
    "pred",
    "preds",
    "reward",
    "rewards",
    "stepscores",
    "steprewards",
    "segmentscores",
    "processrewards",
];

/// Further keys that are scores where no others are, folded.
const VAGUE_WORDS: [&str; 4] = ["score", "scores", "value", "values"];

/// Refuses a second list of scores beside the one that is `read`.
fn refuse_second(
    object: &Map<String, Value>,
    place: &str,
    read: &'static str,
    could_be_one: fn(&Value) -> bool,
    id: &dyn Fn() -> String,
) -> Checked<()> {
    let mut keys = object.iter();
    let second = keys.find(|(key, value)| {
        *key != read && SCORE_WORDS.contains(&folded(key).as_str()) && could_be_one(value)
    });
    match second {
        Some((key, _)) => Err(ScoreProblem::TwoPlaces {
            id: id(),
            field: format!("{place}{key}"),
            other: read,
        }),
        None => Ok(()),
    }
}

/// Refuses other spellings of the key `read` and, if `read` is absent, other words for it.
fn refuse_look_alike(
    object: &Map<String, Value>,
    place: String,
    read: &'static str,
    id: &dyn Fn() -> String,
) -> Checked<()> {
    for key in object.keys().filter(|key| *key != read) {
        let folded = folded(key);
        let is_other_word = !object.contains_key(read)
            && (SCORE_WORDS.contains(&folded.as_str()) || VAGUE_WORDS.contains(&folded.as_str()))
            // This is the score of the whole response.
            && !(key == "score" && place.is_empty());
        if folded == read || is_other_word {
            let field = format!("{place}{key}");
            return Err(ScoreProblem::UnreadKey {
                id: id(),
                field,
                expected: read,
            });
        }
    }
    Ok(())
}

/// A key in lower case, without blanks, hyphens and underscores: the form in which keys are compared.
fn folded(key: &str) -> String {
    let counts = |char: &char| !char.is_whitespace() && !matches!(char, '_' | '-');
    key.chars()
        .filter(counts)
        .flat_map(char::to_lowercase)
        .collect()
}
