use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A part of another program as files write it: `{ kind = "my-gate", temperature = 0.5 }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl OwnPart {
    /// A part of any version without settings.
    pub fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            version: None,
            settings: Map::new(),
        }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Unit;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Gate {
        #[serde(default)]
        sharpness: f64,
    }

    fn settings(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn no_settings_are_those_of_a_unit_and_of_defaults() {
        assert_eq!(read_settings::<Unit>(Map::new()).unwrap(), Unit);
        let gate = Gate { sharpness: 0.0 };
        assert_eq!(read_settings::<Gate>(Map::new()).unwrap(), gate);
        let other = read_settings::<Gate>(settings(&json!({"sharp": 1})));
        assert!(other.unwrap_err().to_string().contains("sharp"));
        assert!(read_settings::<Unit>(settings(&json!({"a": 1}))).is_err());
    }

    #[test]
    fn a_part_is_read_back_as_it_was_written() {
        let json = json!({"kind": "gate", "version": 2, "sharpness": 1.5});
        let part: OwnPart = serde_json::from_value(json.clone()).unwrap();
        assert_eq!((part.kind.as_str(), part.version), ("gate", Some(2)));
        assert_eq!(part.settings, settings(&json!({"sharpness": 1.5})));
        assert_eq!(serde_json::to_value(&part).unwrap(), json);
    }
}
