//! Parts of other programs: what a program may add to those of this crate.

use std::sync::{PoisonError, RwLock};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
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

/// A part of another program as files write it: `{ kind = "my-gate", temperature = 0.5 }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnPart {
    /// Its name.
    pub kind: String,
    /// Its version; bundles have it, run configurations need not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Its settings.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

/// A part that this program knows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartInfo {
    /// Its name.
    pub kind: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Its version.
    pub version: u32,
}

/// The parts of one role that were made known.
pub(crate) struct Kinds<T>(RwLock<Vec<T>>);

impl<T: Copy> Kinds<T> {
    pub(crate) const fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn find(&self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        self.all().into_iter().find(|known| is_it(known))
    }

    /// Adds a part, or says what `meet` makes of the one that is there.
    pub(crate) fn add<E>(
        &self,
        new: T,
        is_it: impl Fn(&T) -> bool,
        meet: impl FnOnce(&T) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.iter().find(|known| is_it(known)) {
            return meet(known);
        }
        known.push(new);
        Ok(())
    }
}
