//! What a request may ask for beside its records.

use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use gradus_data::{Segmenter, Stride, describe_value};
use gradus_eval::Aggregation;
use gradus_eval::token_rewards::Placement;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// What a request may ask for beside its records; what it leaves out is as the bundle says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Settings {
    /// The name of the bundle; `None`: the first.
    pub(crate) model: Option<String>,
    pub(crate) scoring: ScoringSettings,
    /// How scores become rewards of tokens, where a record has tokens.
    pub(crate) placement: Option<Placement>,
}

/// How records are cut, scored and aggregated.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ScoringSettings {
    pub(crate) aggregation: Option<Aggregation>,
    /// Without the bundle's recalibration.
    pub(crate) raw: bool,
    /// Windows over long responses, or the end of a response that is cut.
    pub(crate) stride: Stride,
    /// How a response without segments is cut.
    pub(crate) segmenter: Option<Segmenter>,
}

/// The keys of settings, in the order of the documentation.
pub(crate) const SETTING_KEYS: [&str; 6] = [
    "model",
    "aggregation",
    "raw",
    "stride",
    "segmenter",
    "placement",
];

impl Settings {
    /// Takes the settings out of an object; those it has stand before those that are here. `null` is as if
    /// it was not there.
    pub(crate) fn update(&mut self, object: &mut Map<String, Value>) -> Result<(), Refusal> {
        for key in SETTING_KEYS {
            match object.shift_remove(key) {
                None | Some(Value::Null) => {}
                Some(value) => self.set(key, &value)?,
            }
        }
        Ok(())
    }

    /// Reads the settings of a URL.
    pub(crate) fn of_uri(uri: &Uri) -> Result<Self, Refusal> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(query) = query.map_err(|error| {
            let message = format!("the query of the URL cannot be read: {error}");
            Refusal::new(StatusCode::BAD_REQUEST, message)
        })?;
        Self::of_query(&query)
    }

    /// Reads a URL in which nothing but the name of a bundle may stand.
    pub(crate) fn model_of_uri(uri: &Uri) -> Result<Option<String>, Refusal> {
        let mut settings = Self::of_uri(uri)?;
        let model = settings.model.take();
        if settings != Self::default() {
            let expected = "only `model`, as nothing is scored here";
            let refusal = Refusal::body(
                StatusCode::BAD_REQUEST,
                "settings of scoring in the query",
                expected,
            );
            return Err(refusal);
        }
        Ok(model)
    }

    /// Reads the query of a URL, where numbers and truth values are texts.
    fn of_query(query: &[(String, String)]) -> Result<Self, Refusal> {
        let mut settings = Self::default();
        for (place, (key, text)) in query.iter().enumerate() {
            if query[..place].iter().any(|(other, _)| other == key) {
                let found = "the same name twice in the query";
                return Err(
                    Refusal::field(key, found, "it once").with_status(StatusCode::BAD_REQUEST)
                );
            }
            let value = match key.as_str() {
                "stride" => text
                    .parse::<u64>()
                    .map_or_else(|_| text.as_str().into(), Value::from),
                "raw" => text
                    .parse::<bool>()
                    .map_or_else(|_| text.as_str().into(), Value::from),
                key if SETTING_KEYS.contains(&key) => text.as_str().into(),
                key => {
                    let expected = format!("one of {}", SETTING_KEYS.join(", "));
                    let refusal = Refusal::field(key, "an unknown name in the query", expected);
                    return Err(refusal.with_status(StatusCode::BAD_REQUEST));
                }
            };
            settings.set(key, &value)?;
        }
        Ok(settings)
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), Refusal> {
        let wrong = |expected: &str| Refusal::field(key, describe_value(value), expected);
        let text = || value.as_str().ok_or_else(|| wrong("a text"));
        let scoring = &mut self.scoring;
        match key {
            "model" => self.model = Some(text()?.to_owned()),
            "aggregation" => {
                let read = text()?.parse();
                scoring.aggregation = Some(read.map_err(|_| {
                    let known = Aggregation::ALL.map(Aggregation::name).join(", ");
                    wrong(&format!("one of {known}, softmin:TEMPERATURE"))
                })?);
            }
            "placement" => {
                let read = text()?.parse();
                self.placement = Some(read.map_err(|_| wrong(Placement::NAMES))?);
            }
            "raw" => scoring.raw = value.as_bool().ok_or_else(|| wrong("true or false"))?,
            "stride" => {
                // A number in quotes is a mistake in JSON, as it is for every other number.
                let quoted = value
                    .as_str()
                    .is_some_and(|text| text.parse::<f64>().is_ok());
                let stride = Stride::deserialize(value).ok().filter(|_| !quoted);
                scoring.stride = stride.ok_or_else(|| {
                    wrong("a whole number of tokens, 1 or more, \"none\" or \"auto\"")
                })?;
            }
            _ => {
                let read = text()?.parse();
                scoring.segmenter = Some(read.map_err(|_| {
                    wrong(
                        "sentence, line, paragraph, delimiter:TEXT or tokens:N with N of 1 or more",
                    )
                })?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(value: Value) -> Result<Settings, Refusal> {
        let Value::Object(mut object) = value else {
            panic!("an object")
        };
        let mut settings = Settings::default();
        settings.update(&mut object).map(|()| settings)
    }

    #[test]
    fn settings_are_taken_and_the_rest_is_left() {
        let mut object = json!({"prompt": "p", "model": "a", "raw": true, "stride": 8, "aggregation": "softmin:0.5", "segmenter": "tokens:4"});
        let object = object.as_object_mut().unwrap();
        let mut settings = Settings::default();
        settings.update(object).unwrap();
        assert_eq!(object.keys().collect::<Vec<_>>(), ["prompt"]);
        assert_eq!(settings.model.as_deref(), Some("a"));
        let expected = ScoringSettings {
            aggregation: Some(Aggregation::SoftMin { temperature: 0.5 }),
            raw: true,
            stride: "8".parse().unwrap(),
            segmenter: Some(Segmenter::Tokens(4)),
        };
        assert_eq!(settings.scoring, expected);
        assert_eq!(
            taken(json!({"raw": null, "stride": null})).unwrap(),
            Settings::default()
        );
        let query = [("raw", "true"), ("stride", "8"), ("segmenter", "line")];
        let query = query.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let settings = Settings::of_query(&query).unwrap();
        assert_eq!(
            (settings.scoring.raw, settings.scoring.stride),
            (true, "8".parse().unwrap())
        );
        let none = taken(json!({"stride": "none"})).unwrap();
        assert_eq!(none.scoring.stride, Stride::Cut);
    }

    #[test]
    fn wrong_settings_are_refused_by_name() {
        for (value, field, found) in [
            (json!({"model": 3}), "model", "the number 3"),
            (json!({"raw": "yes"}), "raw", "the text \"yes\""),
            (json!({"stride": 0}), "stride", "the number 0"),
            (
                json!({"placement": "begin"}),
                "placement",
                "the text \"begin\"",
            ),
            (json!({"stride": 1.5}), "stride", "the number 1.5"),
            (json!({"stride": "8"}), "stride", "the text \"8\""),
            (
                json!({"aggregation": "average"}),
                "aggregation",
                "the text \"average\"",
            ),
            (
                json!({"segmenter": "tokens:0"}),
                "segmenter",
                "the text \"tokens:0\"",
            ),
        ] {
            let error = taken(value.clone()).unwrap_err().error;
            assert_eq!(error.field.as_deref(), Some(field), "{value}");
            assert_eq!(error.found.as_deref(), Some(found), "{value}");
        }
        for query in [
            "/?modell=a",
            "/?model=a&model=b",
            "/?raw=true&stride=8&raw=true",
        ] {
            let refusal = Settings::of_uri(&query.parse().unwrap()).unwrap_err();
            assert_eq!(refusal.status, StatusCode::BAD_REQUEST, "{query}");
        }
    }
}
