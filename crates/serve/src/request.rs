//! Bodies with native records.

use axum::http::StatusCode;
use gradus_data::{Example, RecordProblem, describe_value, example_from_record, parse_value};
use gradus_eval::token_rewards::{Placement, TokenSource, TokenSpans};
use serde_json::{Map, Value};

use crate::refusal::Refusal;
use crate::settings::{SETTING_KEYS, Settings};

/// The records of a body, and how they are to be scored.
#[derive(Debug)]
pub(crate) struct ScoreRequest {
    pub(crate) records: Vec<Example>,
    /// Of each record the tokens of the policy, where it has them.
    pub(crate) tokens: Vec<Option<Alignment>>,
    pub(crate) settings: Settings,
    pub(crate) form: Form,
}

/// The tokens of a policy over a response, and how scores become their rewards.
#[derive(Debug)]
pub(crate) struct Alignment {
    pub(crate) spans: TokenSpans,
    pub(crate) placement: Placement,
}

/// How the records stand in a body; the answer has the same form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One record, settings beside its keys.
    One,
    /// A list of records.
    List,
    /// `{"records": [..]}`, settings beside the list.
    Records,
}

impl Form {
    /// What messages call a record.
    pub(crate) fn place(self, number: usize) -> String {
        match self {
            Self::One => String::new(),
            Self::List => format!("[{number}]"),
            Self::Records => format!("records[{number}]"),
        }
    }
}

impl ScoreRequest {
    /// Reads a body. `settings` are those of the URL; those of the body stand before them.
    pub(crate) fn read(body: &[u8], mut settings: Settings) -> Result<Self, Refusal> {
        let (form, values) = match read_json(body)? {
            Value::Array(values) => (Form::List, values),
            Value::Object(mut object) if object.contains_key("records") => {
                settings.update(&mut object)?;
                (Form::Records, take_records(object)?)
            }
            Value::Object(mut object) => {
                refuse_placement_alone(&object)?;
                settings.update(&mut object)?;
                refuse_look_alikes(&object)?;
                (Form::One, vec![Value::Object(object)])
            }
            other => {
                return Err(Refusal::body(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    describe_value(&other),
                    BODY,
                ));
            }
        };
        if values.is_empty() {
            return Err(Refusal::body(
                StatusCode::UNPROCESSABLE_ENTITY,
                "an empty list",
                "at least one record",
            ));
        }
        let (mut records, mut tokens) = (
            Vec::with_capacity(values.len()),
            Vec::with_capacity(values.len()),
        );
        for (number, value) in values.into_iter().enumerate() {
            // Without an id of its own, a record is known by its place.
            let (record, alignment) = read_one(value, "", settings.placement)
                .map_err(|refusal| refusal.in_place(&form.place(number)))?;
            records.push(record);
            tokens.push(alignment);
        }
        Ok(Self {
            records,
            tokens,
            settings,
            form,
        })
    }
}

const BODY: &str = "a record, a list of records, or an object with `records`";

/// The JSON of a body: status 400 where it is none.
pub(crate) fn read_json(body: &[u8]) -> Result<Value, Refusal> {
    let no_json = |found: String| Refusal::body(StatusCode::BAD_REQUEST, found, "JSON in UTF-8");
    let text = str::from_utf8(body)
        .map_err(|error| no_json(format!("no UTF-8 at byte {}", error.valid_up_to() + 1)))?;
    let start = text.len() - text.trim_start().len();
    let text = text.trim();
    if text.is_empty() {
        return Err(no_json("nothing".into()));
    }
    parse_value(text).map_err(|error| match &error.problem {
        RecordProblem::NotJson { column, reason } => {
            no_json(format!("no JSON at byte {}: {reason}", start + column))
        }
        RecordProblem::Unfinished => no_json("JSON without its end".into()),
        RecordProblem::SecondRecord { column, .. } => {
            let found = format!("a second JSON object at byte {}", start + column);
            Refusal::body(StatusCode::BAD_REQUEST, found, "one").with_hint(SEVERAL)
        }
        _ => Refusal::of_record(&error),
    })
}

const SEVERAL: &str =
    "several records are a JSON list, or lines with `content-type: application/x-ndjson`";

fn take_records(mut object: Map<String, Value>) -> Result<Vec<Value>, Refusal> {
    let records = object.shift_remove("records").unwrap_or_default();
    if let Some((key, value)) = object.iter().next() {
        let expected = format!("only records, {}", SETTING_KEYS.join(", "));
        return Err(Refusal::field(key, describe_value(value), expected));
    }
    match records {
        Value::Array(records) => Ok(records),
        other => Err(Refusal::field(
            "records",
            describe_value(&other),
            "a list of records",
        )),
    }
}

/// A record, and the tokens that it has beside its own keys.
pub(crate) fn read_one(
    value: Value,
    default_id: &str,
    placement: Option<Placement>,
) -> Result<(Example, Option<Alignment>), Refusal> {
    let Value::Object(mut record) = value else {
        return Err(Refusal::body(
            StatusCode::UNPROCESSABLE_ENTITY,
            describe_value(&value),
            "a record, which is an object",
        ));
    };
    let source = TokenSource::take(&mut record)?;
    let own = match record
        .shift_remove("placement")
        .filter(|value| !value.is_null())
    {
        None => None,
        Some(value) if source.is_none() => {
            return Err(Refusal::field(
                "placement",
                describe_value(&value),
                "`tokens` or `offsets` beside it",
            ));
        }
        Some(value) => {
            let read = value
                .as_str()
                .and_then(|name| name.parse::<Placement>().ok());
            Some(read.ok_or_else(|| {
                Refusal::field("placement", describe_value(&value), Placement::NAMES)
            })?)
        }
    };
    let example =
        example_from_record(record, default_id).map_err(|error| Refusal::of_record(&error))?;
    let alignment = source.map(|source| {
        Ok::<_, Refusal>(Alignment {
            spans: source.locate(&example.response)?,
            placement: own.or(placement).unwrap_or_default(),
        })
    });
    Ok((example, alignment.transpose()?))
}

/// Refuses a placement of rewards for tokens that are not given.
fn refuse_placement_alone(object: &Map<String, Value>) -> Result<(), Refusal> {
    let is_given = |key: &str| object.get(key).is_some_and(|value| !value.is_null());
    match object.get("placement") {
        Some(value) if !value.is_null() && !["tokens", "offsets"].into_iter().any(is_given) => {
            Err(Refusal::field(
                "placement",
                describe_value(value),
                "`tokens` or `offsets` beside it",
            ))
        }
        _ => Ok(()),
    }
}

/// Keys that most records have; they are no setting, however near one they are spelled.
const RECORD_KEYS: [&str; 6] = ["id", "prompt", "context", "response", "segments", "meta"];

/// Refuses a key beside a record that is a setting but for its spelling: it would be kept as the
/// record's own, and the setting would silently have no effect.
fn refuse_look_alikes(object: &Map<String, Value>) -> Result<(), Refusal> {
    for (key, value) in object {
        if RECORD_KEYS.contains(&key.as_str()) {
            continue;
        }
        let plain = key.to_lowercase().replace(['-', '_', ' '], "");
        let like = SETTING_KEYS.iter().find(|setting| {
            // One letter has at most four bytes.
            let is_near = key.len() > 3 && key.len().abs_diff(setting.len()) <= 4;
            plain == **setting || (is_near && strsim::osa_distance(key, setting) == 1)
        });
        if let Some(setting) = like {
            let found = format!("{}, which is not read", describe_value(value));
            return Err(Refusal::field(
                key,
                found,
                format!("the setting `{setting}`, or another name"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<ScoreRequest, Refusal> {
        ScoreRequest::read(body.as_bytes(), Settings::default())
    }

    fn message(body: &str) -> String {
        read(body).unwrap_err().error.message
    }

    #[test]
    fn one_record_a_list_and_a_list_with_settings_are_read() {
        let record = r#"{"prompt":"p","response":"r"}"#;
        let one = read(r#"{"prompt":"p","response":"r","model":"a","score":1}"#).unwrap();
        assert_eq!((one.form, one.records.len()), (Form::One, 1));
        assert_eq!(one.settings.model.as_deref(), Some("a"));
        let list = read(&format!("[{record},\n{record}]")).unwrap();
        assert_eq!((list.form, list.records.len()), (Form::List, 2));
        let records = read(&format!(r#"{{"records":[{record}],"raw":true}}"#)).unwrap();
        assert_eq!(records.form, Form::Records);
        assert!(records.settings.scoring.raw);
    }

    #[test]
    fn a_key_of_a_record_in_a_list_is_no_setting() {
        let list =
            read(r#"[{"prompt":"p","response":"r","model":"the one that wrote it"}]"#).unwrap();
        assert_eq!(list.settings, Settings::default());
    }

    #[test]
    fn what_is_wrong_is_named_from_the_top() {
        assert_eq!(message(" "), "found nothing, expected JSON in UTF-8");
        assert_eq!(
            message(" {"),
            "found JSON without its end, expected JSON in UTF-8"
        );
        let twice = " {\"prompt\":\"p\"}\n{";
        assert_eq!(
            message(twice),
            "found a second JSON object at byte 17, expected one"
        );
        assert_eq!(
            message("\n{\"prompt\":\n\"p\", oh}"),
            "found no JSON at byte 18: key must be a string, expected JSON in UTF-8"
        );
        assert_eq!(
            message("3"),
            "found the number 3, expected a record, a list of records, or an object with `records`"
        );
        assert_eq!(
            message("[]"),
            "found an empty list, expected at least one record"
        );
        assert_eq!(
            message("[1]"),
            "field `[0]`: found the number 1, expected a record, which is an object"
        );
        assert_eq!(
            message(
                r#"{"records":[{"prompt":"p","response":"abc"},{"prompt":"p","response":"abc","segments":[{"start":0,"end":9}]}]}"#
            ),
            "field `records[1].segments[0].end`: found character 9, past the end of the response, expected at most 3, its length in characters"
        );
        assert_eq!(
            message(r#"{"records":[],"sttings":1}"#),
            "field `sttings`: found the number 1, expected only records, model, aggregation, raw, stride, segmenter, placement"
        );
        assert!(
            message(r#"{"prompt":"p","response":"r","agregation":"min"}"#)
                .contains("`aggregation`")
        );
        assert!(message(r#"{"prompt":"p","response":"r","Model":"a"}"#).contains("`model`"));
        assert!(message(r#"{"prompt":"p","prompt":"q","response":"r"}"#).contains("twice"));
        let deep = "[".repeat(100_000);
        assert!(
            message(&deep).contains("recursion limit"),
            "{}",
            message(&deep)
        );
        let bad = ScoreRequest::read(b"{\"a\":\"\xff\"}", Settings::default()).unwrap_err();
        assert_eq!(bad.status, StatusCode::BAD_REQUEST);
        assert!(
            bad.error.message.starts_with("found no UTF-8 at byte 7,"),
            "{}",
            bad.error.message
        );
    }
}
