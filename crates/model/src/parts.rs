//! Parts of other programs: what a program may add to those of this crate.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

/// Two parts of one kind have the same name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{role} `{kind}`: found a second one of this name, expected a name of its own")]
pub struct PartConflict {
    /// What it is a part of, such as `loss` or `pooling`.
    pub role: &'static str,
    /// The name.
    pub kind: &'static str,
}

impl PartConflict {
    /// The conflict over a name.
    pub fn new(role: &'static str, kind: &'static str) -> Self {
        Self { role, kind }
    }
}

/// Reads the settings of a part; none are also those of a unit struct.
///
/// # Errors
/// Those of serde: a setting that is unknown, missing or of another type.
pub fn read_settings<T: DeserializeOwned>(
    settings: Map<String, Value>,
) -> Result<T, serde_json::Error> {
    if settings.is_empty()
        && let Ok(unit) = serde_json::from_value(Value::Null)
    {
        return Ok(unit);
    }
    serde_json::from_value(Value::Object(settings))
}
