//! Reading a published `config.json` key by key.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::checks;
use crate::error::ConfigProblem;

/// A `config.json` in Hugging Face layout. Keys that are not read are ignored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PublishedConfig(Map<String, Value>);

impl PublishedConfig {
    pub(crate) fn new(keys: Map<String, Value>) -> Self {
        Self(keys)
    }

    /// The value of a key; `None` if it is missing or `null`.
    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// Whether a key is present and `null`, which may differ from a missing key.
    pub(crate) fn is_null(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(Value::is_null)
    }

    /// The keys and their values, sorted by key.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value of a required key. `expected` describes valid values.
    ///
    /// # Errors
    /// If it is missing or has another type.
    pub(crate) fn required<T: DeserializeOwned>(
        &self,
        key: &str,
        expected: &str,
    ) -> Result<T, ConfigProblem> {
        let value = self
            .0
            .get(key)
            .ok_or_else(|| ConfigProblem::new(key, "missing", expected))?;
        T::deserialize(value).map_err(|_| ConfigProblem::new(key, value, expected))
    }

    /// The value of a key, or the default of transformers if it is missing. `null` is an error,
    /// because transformers refuses it or does not treat it as its default.
    ///
    /// # Errors
    /// If it has another type.
    pub(crate) fn optional<T: DeserializeOwned>(
        &self,
        key: &str,
        default: T,
        expected: &str,
    ) -> Result<T, ConfigProblem> {
        match self.0.get(key) {
            Some(_) => self.required(key, expected),
            None => Ok(default),
        }
    }

    /// The value of a key, or a default if it is missing or `null`.
    ///
    /// # Errors
    /// If it has another type.
    pub(crate) fn nullable<T: DeserializeOwned>(
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

    /// A count that may be 0, up to the maximum of any size; `expected` describes valid values.
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

    /// A size, or a default if the key is missing or `null`.
    pub(crate) fn nullable_size(&self, key: &str, default: usize) -> Result<usize, ConfigProblem> {
        let count = self.nullable(key, default, checks::SIZE)?;
        checks::at_most(key, count, checks::MAX_SIZE)?;
        Ok(count)
    }

    /// The number of layers, checked before anything is allocated for them.
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
        self.nullable(key, default, checks::PROBABILITY)
    }

    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool, ConfigProblem> {
        self.optional(key, default, "true or false")
    }

    /// Maps the name under a key with `find`, which knows the valid names.
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

    /// The object under a key; `None` if it is missing or `null`.
    ///
    /// # Errors
    /// If it has another type.
    pub(crate) fn object(&self, key: &str) -> Result<Option<Self>, ConfigProblem> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Object(keys)) => Ok(Some(Self::new(keys.clone()))),
            Some(found) => Err(ConfigProblem::new(key, found, "an object")),
        }
    }

    /// Checks that a key is missing or has the only supported value; 1 equals 1.0.
    ///
    /// # Errors
    /// If it has another value.
    pub(crate) fn only(&self, key: &str, supported: impl Into<Value>) -> Result<(), ConfigProblem> {
        let supported = supported.into();
        match self.value(key) {
            Some(found) if !same(found, &supported) => {
                Err(ConfigProblem::new(key, found, supported.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Checks that a key is missing, `null`, `{}` or `[]`. `reason` explains why other values are
    /// refused.
    ///
    /// # Errors
    /// If it has another value.
    pub(crate) fn nothing(&self, key: &str, reason: &str) -> Result<(), ConfigProblem> {
        let holds = |value: &&Value| match value {
            Value::Object(keys) => !keys.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        };
        match self.value(key).filter(holds) {
            Some(found) => Err(ConfigProblem::new(key, found, format!("null: {reason}"))),
            None => Ok(()),
        }
    }
}

/// Whether two values are equal; 1 equals 1.0.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one == other,
    }
}
