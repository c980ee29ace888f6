use serde_json::{Map, Value};

use crate::{RecordError, RecordProblem};

pub(crate) type Checked<T> = Result<T, RecordError>;

/// Removes a key that may be missing or `null`.
pub(crate) fn take(record: &mut Map<String, Value>, key: &str) -> Option<Value> {
    // Not `remove`, which would change the order of the keys that are kept.
    record.shift_remove(key).filter(|value| !value.is_null())
}

pub(crate) fn text(value: Value, field: &str) -> Checked<String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(wrong_type(field, &other, "a text")),
    }
}

pub(crate) fn list(value: Value, field: &str) -> Checked<Vec<Value>> {
    match value {
        Value::Array(list) => Ok(list),
        other => Err(wrong_type(field, &other, "a list")),
    }
}

pub(crate) fn missing(field: impl Into<String>, expected: &'static str) -> RecordError {
    RecordError::new(field, RecordProblem::Missing { expected })
}

pub(crate) fn unpaired(field: &str, needs: &'static str) -> RecordError {
    RecordError::new(field, RecordProblem::Unpaired { needs })
}

pub(crate) fn wrong_type(
    field: impl Into<String>,
    value: &Value,
    expected: &'static str,
) -> RecordError {
    RecordError::new(
        field,
        RecordProblem::WrongType {
            found: describe(value),
            expected,
        },
    )
}

/// A value for messages; long texts are abbreviated.
pub fn describe(value: &Value) -> String {
    const LONGEST: usize = 40;
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() > LONGEST => {
            format!(
                "the text {:?}...",
                text.chars().take(LONGEST).collect::<String>()
            )
        }
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_abbreviated_in_messages() {
        let found = describe(&Value::from("é".repeat(50)));
        assert_eq!(found, format!("the text \"{}\"...", "é".repeat(40)));
    }
}
