//! JSON that has one reading: no key twice, no whole number that would come back as another one.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::locate::{Step, find_number, render};
use crate::{RecordError, RecordProblem};

/// Keys whose numbers become `f64`.
pub(crate) const RATING_KEYS: [&str; 6] =
    ["rating", "ratings", "labels", "weight", "score", "scores"];

/// What is wrong with a text, and how many lines of it lie ahead of that.
pub(crate) struct JsonError {
    pub(crate) record: RecordError,
    pub(crate) lines_before: usize,
}

impl JsonError {
    /// Moves the column for a text that does not start its line.
    pub(crate) fn shift(&mut self, bytes: usize) {
        if let RecordProblem::NotJson { column, .. } | RecordProblem::SecondRecord { column, .. } =
            &mut self.record.problem
        {
            *column += bytes;
        }
    }
}

impl From<RecordError> for JsonError {
    fn from(record: RecordError) -> Self {
        Self {
            record,
            lines_before: 0,
        }
    }
}

/// The value of `key`, which comes next; `None` if a number in it may have been changed by reading.
pub(super) fn parse_value_of<'de, A: MapAccess<'de>>(
    key: &str,
    entries: &mut A,
) -> Result<Option<Value>, A::Error> {
    let state = State::default();
    let strict = Strict {
        state: &state,
        rated: RATING_KEYS.contains(&key),
    };
    let value = entries.next_value_seed(strict)?;
    Ok((!state.large.into_inner()).then_some(value))
}

/// The value that `text`, all of it, is.
pub(crate) fn parse_json(text: &str) -> Result<Value, JsonError> {
    let state = State::default();
    let mut parser = serde_json::Deserializer::from_str(text);
    let strict = Strict {
        state: &state,
        rated: false,
    };
    let parsed = strict.deserialize(&mut parser).and_then(|value| {
        parser.end()?;
        Ok(value)
    });
    if let Some((mut path, problem)) = state.problem.into_inner() {
        path.reverse();
        return Err(RecordError::new(render(&path), problem).into());
    }
    let value = parsed.map_err(|error| syntax_error(text, &error))?;
    if state.large.into_inner()
        && let Some(number) = find_number(text, is_inexact)
    {
        let found = number.token.to_owned();
        return Err(RecordError::new(number.field, RecordProblem::Inexact { found }).into());
    }
    Ok(value)
}

#[derive(Default)]
struct State {
    /// What was found wrong, and the path to it, last step first.
    problem: RefCell<Option<(Vec<Step<'static>>, RecordProblem)>>,
    /// Whether there is a number beyond the whole numbers that are kept digit by digit.
    large: RefCell<bool>,
}

impl State {
    fn refuse<E: serde::de::Error>(&self, path: Vec<Step<'static>>, problem: RecordProblem) -> E {
        *self.problem.borrow_mut() = Some((path, problem));
        E::custom("refused")
    }

    /// Notes where the problem lies, on the way out.
    fn inside(&self, step: impl FnOnce() -> Step<'static>) {
        if let Some((path, _)) = &mut *self.problem.borrow_mut() {
            path.push(step());
        }
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    state: &'a State,
    /// Whether the value stands below one of [`RATING_KEYS`].
    rated: bool,
}

impl Strict<'_> {
    fn whole<E: serde::de::Error>(
        self,
        number: impl Into<Number>,
        exact: bool,
    ) -> Result<Value, E> {
        let number = number.into();
        if self.rated && !exact {
            let found = number.to_string();
            return Err(self
                .state
                .refuse(Vec::new(), RecordProblem::Inexact { found }));
        }
        Ok(Value::Number(number))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, which is compared"
        )]
        let exact = (value as f64) as u128 == u128::from(value);
        self.whole(value, exact)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturates, which is compared"
        )]
        let exact = (value as f64) as i128 == i128::from(value);
        self.whole(value, exact)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // From 2^63 on a whole number may have been written, which only the text tells.
        if value.abs() >= 9.2e18 {
            *self.state.large.borrow_mut() = true;
        }
        let number = Number::from_f64(value).ok_or_else(|| E::custom("number out of range"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            match list.next_element_seed(self) {
                Ok(Some(value)) => values.push(value),
                Ok(None) => return Ok(Value::Array(values)),
                Err(error) => {
                    self.state.inside(|| Step::Index(values.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                let path = vec![Step::Key(key.into())];
                return Err(self.state.refuse(path, RecordProblem::RepeatedKey));
            }
            let strict = Self {
                rated: self.rated || RATING_KEYS.contains(&key.as_str()),
                ..self
            };
            match entries.next_value_seed(strict) {
                Ok(value) => {
                    map.insert(key, value);
                }
                Err(error) => {
                    self.state.inside(|| Step::Key(key.into()));
                    return Err(error);
                }
            }
        }
        Ok(Value::Object(map))
    }
}

/// Whether a token is a whole number that neither a 64-bit integer nor an `f64` holds.
fn is_inexact(token: &str) -> bool {
    let digits = token.strip_prefix('-').unwrap_or(token);
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_whole
        && token.parse::<i64>().is_err()
        && token.parse::<u64>().is_err()
        && token
            .parse::<f64>()
            .is_ok_and(|number| format!("{number:.0}") != token && number.to_string() != token)
}

fn syntax_error(text: &str, error: &serde_json::Error) -> JsonError {
    JsonError {
        record: syntax_problem(text, error),
        lines_before: error.line().saturating_sub(1),
    }
}

fn syntax_problem(text: &str, error: &serde_json::Error) -> RecordError {
    // Positions are those of the line the error is in; a list may go over several.
    let line = text
        .split('\n')
        .nth(error.line().saturating_sub(1))
        .unwrap_or(text);
    let column = error.column();
    let is_not_finite = |token: &str| token.parse::<f64>().is_ok_and(|number| !number.is_finite());
    if error.line() == 1
        && let Some(number) = find_number(text, is_not_finite)
        && (number.start..=number.start + number.token.len() + 1).contains(&column)
    {
        let problem = RecordProblem::NotFinite {
            found: number.token.to_owned(),
        };
        return RecordError::new(number.field, problem);
    }
    // The parser saw a single record, so its own "at line 1 column 7" would mislead.
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or(&reason);
    let behind = line.get(column.saturating_sub(1)..).unwrap_or_default();
    let problem = if reason == "trailing characters" && behind.starts_with('{') {
        let ends_in_carriage_return = line[..column - 1].ends_with('\r');
        RecordProblem::SecondRecord {
            column,
            ends_in_carriage_return,
        }
    } else if error.is_eof() && text.trim_end().ends_with(['{', '[', ',']) {
        RecordProblem::Unfinished
    } else {
        RecordProblem::NotJson {
            column,
            reason: reason.to_owned(),
        }
    };
    RecordError::new("", problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(text: &str) -> String {
        parse_json(text).err().unwrap().record.to_string()
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_with_its_path() {
        for (text, field) in [
            (r#"{"a":1,"a":1}"#, "a"),
            (
                r#"{"s":[{"x":0},{"rating":0.1,"rating":0.9}]}"#,
                "s[1].rating",
            ),
            (r#"{"meta":{"k":{"b":null,"b":2}}}"#, "meta.k.b"),
            ("{\"a\":1,\"\\u0061\":1}", "a"),
        ] {
            let expected =
                format!("field `{field}`: found twice in one object, expected each key once");
            assert_eq!(message(text), expected, "{text}");
        }
    }

    #[test]
    fn whole_numbers_that_would_come_back_as_others_are_refused() {
        for (text, field) in [
            (r#"{"a":{"b":[1,12345678901234567890123]}}"#, "a.b[1]"),
            (r#"{"a":-9223372036854775809}"#, "a"),
            (r#"{"rating":9007199254740993}"#, "rating"),
            (
                r#"{"segments":[{"rating":{"x":-9007199254740993}}]}"#,
                "segments[0].rating.x",
            ),
            (r#"{"scores":[18446744073709551615]}"#, "scores[0]"),
        ] {
            let found = message(text);
            assert!(
                found.starts_with(&format!("field `{field}`: found ")),
                "{found}"
            );
            assert!(found.contains("64 bits"), "{found}");
        }
        for text in [
            r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":9007199254740993}"#,
            r#"{"rating":9007199254740992,"a":100000000000000000000}"#,
            r#"{"a":1e300,"b":1.7976931348623157e308,"rating":0.1}"#,
        ] {
            assert!(parse_json(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn text_that_is_more_or_less_than_one_record_is_told_apart() {
        assert!(message(r#"{"a":1}{"b":2}"#).contains("a second record at column 8"));
        assert!(message("{\"a\":1}\r{\"b\":2}").contains("a second record at column 9"));
        for text in ["{", "{\"a\": [", "{\"a\": 1,"] {
            assert!(
                message(text).contains("goes on behind the end of the line"),
                "{text}"
            );
        }
        assert!(message("{\"a\":1} x").contains("not JSON at column 9: trailing characters"));
        assert!(message("{\"a\":\"\u{0}\"}").contains("control character"));
        assert!(message(r#"{"a":"\ud800"}"#).contains("not JSON"));
    }

    proptest! {
        #[test]
        fn what_has_one_reading_is_read_as_by_any_parser(text in r#"[{}\[\],:"aé1.e\\-]{0,20}"#) {
            match (parse_json(&text), serde_json::from_str::<Value>(&text)) {
                (Ok(found), expected) => prop_assert_eq!(found, expected.unwrap()),
                (Err(error), Ok(_)) => {
                    let repeated = matches!(error.record.problem, RecordProblem::RepeatedKey);
                    prop_assert!(repeated, "{}", error.record);
                }
                (Err(_), Err(_)) => {}
            }
        }
    }
}
