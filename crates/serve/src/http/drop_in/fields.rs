//! The fields of a body, by name and type.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use gradus_data::describe_value;
use serde_json::{Map, Value};

use crate::http::body;
use crate::refusal::Refusal;
use crate::request::read_json;
use crate::scoring::Service;
use crate::settings::Settings;

/// What a client asks: the fields of its body, and the settings of the URL, which the server that its route comes from
/// does not know.
pub(in crate::http) struct Asked {
    pub(super) fields: Fields,
    pub(super) settings: Settings,
}

impl FromRequest<Arc<Service>> for Asked {
    type Rejection = Refusal;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Refusal> {
        let (head, body) = request.into_parts();
        let settings = Settings::of_uri(&head.uri)?;
        let bytes = body::read(&head.headers, body, &service.limits).await?;
        let fields = Fields::read(&bytes)?;
        Ok(Self { fields, settings })
    }
}

/// The fields of a body. Those that are taken are gone.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        match read_json(body)? {
            Value::Object(fields) => Ok(Self(fields)),
            other => Err(Refusal::body(
                StatusCode::UNPROCESSABLE_ENTITY,
                describe_value(&other),
                "a JSON object",
            )),
        }
    }

    /// A field, `None` where it is absent or `null`.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name).filter(|value| !value.is_null())
    }

    /// Drops fields that have no effect here.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.0.shift_remove(*name);
        }
    }

    /// Refuses what stands in the object `parameters`, which clients of the Hugging Face Hub always send: nothing
    /// may be set there, but for names of functions that are `none`.
    pub(super) fn parameters(&mut self, functions: &[&str]) -> Result<(), Refusal> {
        let mut parameters = match self.take("parameters") {
            None => return Ok(()),
            Some(Value::Object(parameters)) => parameters,
            Some(other) => {
                let found = describe_value(&other);
                return Err(Refusal::field("parameters", found, "an object"));
            }
        };
        let is_off = |name: &str, value: &Value| functions.contains(&name) && *value == "none";
        parameters.retain(|name, value| !(value.is_null() || is_off(name, value)));
        match parameters.iter().next() {
            None => Ok(()),
            Some((name, value)) => {
                let found = format!(
                    "{}, which this server does not honor",
                    describe_value(value)
                );
                Err(Refusal::field(
                    format!("parameters.{name}"),
                    found,
                    "no such parameter",
                ))
            }
        }
    }

    /// Refuses fields that are left.
    pub(super) fn finish(self, known: &str) -> Result<(), Refusal> {
        match self.0.iter().find(|(_, value)| !value.is_null()) {
            None => Ok(()),
            Some((name, value)) => {
                let found = format!(
                    "{}, which this server does not honor",
                    describe_value(value)
                );
                Err(Refusal::field(name, found, format!("only {known}")))
            }
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        self.take(name).map(|value| text(name, value)).transpose()
    }

    pub(super) fn needed_text(&mut self, name: &str) -> Result<String, Refusal> {
        self.text(name)?
            .ok_or_else(|| Refusal::missing(name, "a text"))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        let flag = |value: Value| {
            value
                .as_bool()
                .ok_or_else(|| Refusal::field(name, describe_value(&value), "true or false"))
        };
        self.take(name).map(flag).transpose()
    }

    /// A text, or a list of texts.
    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        self.take(name).map(|value| texts(name, value)).transpose()
    }

    pub(super) fn needed_texts(&mut self, name: &str) -> Result<Vec<String>, Refusal> {
        let texts = self
            .texts(name)?
            .ok_or_else(|| Refusal::missing(name, "a list of texts"))?;
        if texts.is_empty() {
            return Err(Refusal::field(name, "an empty list", "at least one text"));
        }
        Ok(texts)
    }

    /// Refuses a field that has another value than the one that is honored.
    pub(super) fn only(&mut self, name: &str, honored: &Value) -> Result<(), Refusal> {
        match self.take(name) {
            Some(value) if value != *honored => Err(Refusal::field(
                name,
                describe_value(&value),
                format!("{honored}, or no such field"),
            )),
            _ => Ok(()),
        }
    }
}

pub(super) fn text(field: &str, value: Value) -> Result<String, Refusal> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(Refusal::field(field, describe_value(&other), "a text")),
    }
}

/// A text, or a list of texts.
pub(super) fn texts(field: &str, value: Value) -> Result<Vec<String>, Refusal> {
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(values) => {
            let values = values.into_iter().enumerate();
            values
                .map(|(place, value)| text(&format!("{field}[{place}]"), value))
                .collect()
        }
        other => Err(Refusal::field(
            field,
            describe_value(&other),
            "a text or a list of texts",
        )),
    }
}
