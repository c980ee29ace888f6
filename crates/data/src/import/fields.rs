use std::borrow::Cow;
use std::cell::RefCell;

use serde_json::{Map, Value};

use crate::records::field::{Checked, list, missing, take, text, wrong_type};
use crate::records::fold;
use crate::{RecordError, RecordProblem};

/// A published record while its fields are taken out of it. Each way to take one has the error of a field
/// that is missing or of another type.
pub struct Record {
    /// Its line, or its place in a list, from 1; the id of a record without one.
    pub number: usize,
    fields: Map<String, Value>,
    /// The keys that were asked for.
    read: RefCell<Vec<&'static str>>,
}

impl Record {
    pub(super) fn new(number: usize, fields: Map<String, Value>) -> Self {
        Self {
            number,
            fields,
            read: RefCell::default(),
        }
    }

    /// Takes a field out; `None` where it is missing or `null`.
    pub fn take(&mut self, key: &'static str) -> Option<Value> {
        self.read.get_mut().push(key);
        take(&mut self.fields, key)
    }

    /// A field that stays where it is.
    pub fn get(&self, key: &'static str) -> Option<&Value> {
        self.read.borrow_mut().push(key);
        self.fields.get(key)
    }

    /// Takes out a text.
    ///
    /// # Errors
    /// If the field is missing or has another type.
    pub fn text(&mut self, key: &'static str) -> Checked<String> {
        let value = self.take(key).ok_or_else(|| missing(key, "a text"))?;
        text(value, key)
    }

    /// Takes out a list.
    ///
    /// # Errors
    /// If the field is missing or has another type.
    pub fn list(&mut self, key: &'static str) -> Checked<Vec<Value>> {
        let value = self.take(key).ok_or_else(|| missing(key, "a list"))?;
        list(value, key)
    }

    /// Takes out a list of texts.
    ///
    /// # Errors
    /// If the field is missing or has another type.
    pub fn texts(&mut self, key: &'static str) -> Checked<Vec<String>> {
        let values = self.list(key)?.into_iter().enumerate();
        values
            .map(|(k, value)| text(value, &format!("{key}[{k}]")))
            .collect()
    }

    /// Takes out a name that may be written as a whole number.
    ///
    /// # Errors
    /// If the field is missing or has another type.
    pub fn name(&mut self, key: &'static str) -> Checked<String> {
        const EXPECTED: &str = "a text or a whole number";
        match self.take(key).ok_or_else(|| missing(key, EXPECTED))? {
            Value::String(name) => Ok(name),
            Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
            other => Err(wrong_type(key, &other, EXPECTED)),
        }
    }

    /// Takes out `id`; without one, the number of the record.
    ///
    /// # Errors
    /// If it is neither a text nor a whole number.
    pub fn own_id(&mut self) -> Checked<String> {
        match self.get("id") {
            None | Some(Value::Null) => Ok(self.number.to_string()),
            Some(_) => self.name("id"),
        }
    }

    /// Takes out a list that may also be a text of JSON with one, as in a column of Parquet.
    ///
    /// # Errors
    /// If the field is missing, or is neither.
    pub fn list_or_json(&mut self, key: &'static str) -> Checked<Vec<Value>> {
        let value = match self.take(key) {
            Some(Value::String(text)) => serde_json::from_str(&text).map_err(|error| {
                not_allowed(key, format!("a text that is no JSON ({error})"), "JSON")
            })?,
            Some(value) => value,
            None => return Err(missing(key, "a list, or a text of JSON with one")),
        };
        list(value, key)
    }

    /// Takes out a whole number.
    ///
    /// # Errors
    /// If the field is missing or has another type.
    pub fn integer(&mut self, key: &'static str) -> Checked<i64> {
        let value = self
            .take(key)
            .ok_or_else(|| missing(key, "a whole number"))?;
        integer(&value, || key.to_owned())
    }

    /// Takes out a number.
    ///
    /// # Errors
    /// If the field is missing or has another type.
    pub fn float(&mut self, key: &'static str) -> Checked<f64> {
        let value = self.take(key).ok_or_else(|| missing(key, "a number"))?;
        let number = value.as_f64();
        number.ok_or_else(|| wrong_type(key, &value, "a number"))
    }

    /// What was not taken out. A key among it that is one of the read ones but for case, blanks
    /// and hyphens is refused, be that one there or not: its value would be lost in `meta`.
    ///
    /// # Errors
    /// For such a key.
    pub fn rest(self) -> Checked<Map<String, Value>> {
        let read = self.read.into_inner();
        for key in self
            .fields
            .keys()
            .filter(|key| !read.contains(&key.as_str()))
        {
            let folded = fold(key);
            if let Some(read) = read.iter().find(|read| fold(read) == folded) {
                let expected = format!("`{read}`, as the format has it");
                return Err(not_allowed("", format!("the key `{key}`"), expected));
            }
        }
        Ok(self.fields)
    }
}

pub(super) fn integer(value: &Value, field: impl FnOnce() -> String) -> Checked<i64> {
    value
        .as_i64()
        .ok_or_else(|| wrong_type(field(), value, "a whole number"))
}

/// A value that says yes or no; `false` where it is missing or `null`.
pub(super) fn flag(value: Option<&Value>, field: impl FnOnce() -> String) -> Checked<bool> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => Err(wrong_type(field(), other, "true or false")),
    }
}

/// A key that an object inside a record needs.
pub(super) fn member<'a>(
    value: &'a Value,
    field: &str,
    key: &str,
    expected: &'static str,
) -> Checked<&'a Value> {
    let Value::Object(object) = value else {
        return Err(wrong_type(field, value, "an object"));
    };
    match object.get(key) {
        Some(value) if !value.is_null() => Ok(value),
        _ => Err(missing(format!("{field}.{key}"), expected)),
    }
}

pub(super) fn text_member<'a>(value: &'a Value, field: &str, key: &str) -> Checked<&'a str> {
    let value = member(value, field, key, "a text")?;
    value
        .as_str()
        .ok_or_else(|| wrong_type(format!("{field}.{key}"), value, "a text"))
}

pub(super) fn list_member<'a>(value: &'a Value, field: &str, key: &str) -> Checked<&'a [Value]> {
    let value = member(value, field, key, "a list")?;
    match value {
        Value::Array(list) => Ok(list),
        other => Err(wrong_type(format!("{field}.{key}"), other, "a list")),
    }
}

pub(super) fn position_member(value: &Value, field: &str, key: &str) -> Checked<usize> {
    const EXPECTED: &str = "a whole number of characters, 0 or more";
    let value = member(value, field, key, EXPECTED)?;
    let position = value
        .as_u64()
        .and_then(|position| usize::try_from(position).ok());
    position.ok_or_else(|| wrong_type(format!("{field}.{key}"), value, EXPECTED))
}

/// A value of the right type that is not one of those that mean something.
pub(super) fn not_allowed(
    field: impl Into<String>,
    found: impl ToString,
    expected: impl Into<Cow<'static, str>>,
) -> RecordError {
    let problem = RecordProblem::NotAllowed {
        found: found.to_string(),
        expected: expected.into(),
    };
    RecordError::new(field, problem)
}
