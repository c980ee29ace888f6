//! Reading a published `config.json` key by key.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::checks;
use crate::error::ConfigProblem;

/// A `config.json` in Hugging Face layout. Keys that nobody asks for are ignored.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedConfig(Map<String, Value>);

impl PublishedConfig {
    pub(crate) fn new(keys: Map<String, Value>) -> Self {
        Self(keys)
    }

    /// The value of a key; `None` where it is missing or `null`.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// The value of a key that must be there. `expected` says what it may be.
    ///
    /// # Errors
    /// If it is missing or of another type.
    pub fn required<T: DeserializeOwned>(
        &self,
        key: &str,
        expected: &str,
    ) -> Result<T, ConfigProblem> {
        let value = self
            .value(key)
            .ok_or_else(|| ConfigProblem::new(key, "missing", expected))?;
        T::deserialize(value).map_err(|_| ConfigProblem::new(key, value, expected))
    }

    /// The value of a key, or the library's default where it is missing.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn optional<T: DeserializeOwned>(
        &self,
        key: &str,
        default: T,
        expected: &str,
    ) -> Result<T, ConfigProblem> {
        match self.value(key) {
            Some(_) => self.required(key, expected),
            None => Ok(default),
        }
    }

    pub(crate) fn size(&self, key: &str) -> Result<usize, ConfigProblem> {
        let size = self.required(key, checks::SIZE)?;
        checks::at_most(key, size, checks::MAX_SIZE)?;
        Ok(size)
    }

    pub(crate) fn size_or(&self, key: &str, default: usize) -> Result<usize, ConfigProblem> {
        self.count_or(key, default, checks::SIZE)
    }

    /// A number that may be 0, as `expected` says, and no more than any size.
    pub(crate) fn count_or(
        &self,
        key: &str,
        default: usize,
        expected: &str,
    ) -> Result<usize, ConfigProblem> {
        let count = self.optional(key, default, expected)?;
        checks::at_most(key, count, checks::MAX_SIZE)?;
        Ok(count)
    }

    /// The number of layers, before anything is made for each of them.
    pub(crate) fn layers(&self) -> Result<usize, ConfigProblem> {
        let key = "num_hidden_layers";
        let num_layers = self.required(key, checks::SIZE)?;
        checks::layers(key, num_layers)?;
        Ok(num_layers)
    }

    pub(crate) fn positive(&self, key: &str) -> Result<f64, ConfigProblem> {
        self.required(key, checks::POSITIVE)
    }

    pub(crate) fn positive_or(&self, key: &str, default: f64) -> Result<f64, ConfigProblem> {
        self.optional(key, default, checks::POSITIVE)
    }

    pub(crate) fn probability_or(&self, key: &str, default: f64) -> Result<f64, ConfigProblem> {
        self.optional(key, default, checks::PROBABILITY)
    }

    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool, ConfigProblem> {
        self.optional(key, default, "true or false")
    }

    /// What the name under a key stands for, as `find` tells of names it knows.
    pub(crate) fn named<T>(
        &self,
        key: &str,
        default: &str,
        expected: &str,
        find: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigProblem> {
        let name: String = self.optional(key, default.to_owned(), expected)?;
        find(&name).ok_or_else(|| ConfigProblem::new(key, format!("{name:?}"), expected))
    }

    /// The object under a key, to be read in the same way; `None` where it is missing or `null`.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn object(&self, key: &str) -> Result<Option<Self>, ConfigProblem> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Object(keys)) => Ok(Some(Self::new(keys.clone()))),
            Some(found) => Err(ConfigProblem::new(key, found, "an object")),
        }
    }

    /// Refuses a key with another value than the one supported; a missing key has that value.
    ///
    /// # Errors
    /// If the value is another.
    pub fn only(&self, key: &str, supported: impl Into<Value>) -> Result<(), ConfigProblem> {
        let supported = supported.into();
        match self.value(key) {
            Some(found) if *found != supported => {
                Err(ConfigProblem::new(key, found, supported.to_string()))
            }
            _ => Ok(()),
        }
    }
}
