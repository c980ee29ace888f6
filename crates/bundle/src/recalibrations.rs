//! The recalibrations of a model's scores, one for each aspect that has one.

use std::path::Path;

use gradus_data::TextsSketch;
use gradus_model::{ConfigProblem, ModelError, Result};
use gradus_scores::{Aggregation, Recalibration, RecalibrationKind};
use serde::{Deserialize, Serialize};

use crate::{RECALIBRATION, to_json};

/// The version of the JSON that [`Recalibrations`] are written as.
const FORMAT_VERSION: u32 = 1;

/// The recalibrations of a model, as its bundle holds them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recalibrations {
    format_version: u32,
    /// What they were fitted on, as it was named.
    pub fitted_on: String,
    /// The records they were fitted on; `None` where the version that wrote it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<TextsSketch>,
    /// One entry per aspect that has one for the scores of segments.
    pub aspects: Vec<AspectRecalibration>,
    /// One entry per aspect that has one for the score of the response.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub responses: Vec<ResponseRecalibration>,
}

/// The recalibration of the response score of one aspect: the scores of the segments, recalibrated
/// where they have a map, are aggregated and then mapped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponseRecalibration {
    /// Name of the aspect.
    pub aspect: String,
    /// How segment scores became the response scores it was fitted on; it holds for no other.
    pub aggregation: Aggregation,
    /// Responses it was fitted on.
    pub responses: usize,
    /// The map from response scores to ratings of responses, both in rating units.
    pub recalibration: Recalibration,
}

/// The recalibration of one aspect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AspectRecalibration {
    /// Name of the aspect.
    pub aspect: String,
    /// Segments it was fitted on.
    pub segments: usize,
    /// The map from scores to ratings, both in rating units.
    pub recalibration: Recalibration,
}

impl Recalibrations {
    /// Recalibrations fitted on what `fitted_on` names.
    pub fn new(fitted_on: impl Into<String>, aspects: Vec<AspectRecalibration>) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            fitted_on: fitted_on.into(),
            texts: None,
            aspects,
            responses: Vec::new(),
        }
    }

    /// The recalibration of the response score of an aspect, if it has one for this aggregation.
    pub fn of_responses(&self, aspect: &str, aggregation: Aggregation) -> Option<&Recalibration> {
        let found = self
            .responses
            .iter()
            .find(|entry| entry.aspect == aspect && entry.aggregation == aggregation);
        found.map(|entry| &entry.recalibration)
    }

    /// The recalibration of an aspect, if it has one.
    pub fn of(&self, aspect: &str) -> Option<&Recalibration> {
        let found = self.aspects.iter().find(|entry| entry.aspect == aspect);
        found.map(|entry| &entry.recalibration)
    }

    /// The kind of the recalibration of an aspect.
    pub fn kind(&self, aspect: &str) -> Option<RecalibrationKind> {
        self.of(aspect).map(Recalibration::kind)
    }

    /// Reads the content of a bundle's file. `file` is its path, for messages.
    ///
    /// # Errors
    /// - [`ModelError::Json`]: it is not the JSON of recalibrations
    /// - [`ModelError::ConfigFile`]: it has another format version, or an aspect that is not one of `known`,
    ///   the model's, or occurs twice
    pub fn read(bytes: &[u8], known: &[String], file: &Path) -> Result<Self> {
        let read: Self =
            serde_json::from_slice(bytes).map_err(|error| ModelError::json(file, error))?;
        read.check(known)
            .map_err(|problem| ModelError::ConfigFile {
                path: file.to_owned(),
                problem,
            })?;
        Ok(read)
    }

    /// Checks the format version and the aspects; `known` are those of the model.
    pub(crate) fn check(&self, known: &[String]) -> Result<(), ConfigProblem> {
        if self.format_version != FORMAT_VERSION {
            let (found, expected) = (self.format_version, FORMAT_VERSION.to_string());
            return Err(ConfigProblem::new("format_version", found, expected));
        }
        let of_segments = self.aspects.iter().map(|entry| &entry.aspect).collect();
        let of_responses = self.responses.iter().map(|entry| &entry.aspect).collect();
        check_aspects("aspects", of_segments, known)?;
        check_aspects("responses", of_responses, known)
    }

    /// The content of the bundle's file.
    ///
    /// # Errors
    /// [`ModelError::Json`] if it cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        to_json(RECALIBRATION.as_ref(), self)
    }
}

/// Checks that every aspect of the list `key` is one of `known` and occurs once.
fn check_aspects(key: &str, found: Vec<&String>, known: &[String]) -> Result<(), ConfigProblem> {
    for (index, aspect) in found.iter().enumerate() {
        let problem = |expected: String| {
            let key = format!("{key}[{index}].aspect");
            Err(ConfigProblem::new(key, format!("{aspect:?}"), expected))
        };
        if !known.contains(aspect) {
            return problem(format!("one of the bundle's aspects: {}", known.join(", ")));
        }
        if found[..index].contains(aspect) {
            return problem("every aspect once".into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use gradus_scores::Linear;

    use super::*;

    fn recalibrations() -> Recalibrations {
        let entry = AspectRecalibration {
            aspect: "good".into(),
            segments: 2,
            recalibration: Recalibration::Linear(Linear::new(2.0, 1.0).unwrap()),
        };
        Recalibrations::new("valid.jsonl", vec![entry])
    }

    fn read(bytes: &[u8]) -> Result<Recalibrations> {
        let known = ["kind".to_owned(), "good".to_owned()];
        Recalibrations::read(bytes, &known, "bundle/recalibration.json".as_ref())
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut maps = recalibrations();
        maps.responses.push(ResponseRecalibration {
            aspect: "good".into(),
            aggregation: Aggregation::Sum,
            responses: 2,
            recalibration: maps.aspects[0].recalibration.clone(),
        });
        assert_eq!(read(&maps.to_json().unwrap()).unwrap(), maps);
    }

    #[test]
    fn a_foreign_file_is_refused_with_file_key_found_and_expected() {
        let json = String::from_utf8(recalibrations().to_json().unwrap()).unwrap();
        for (text, expected) in [
            (
                json.replace("\"good\"", "\"tone\""),
                "bundle/recalibration.json: `aspects[0].aspect` is \"tone\", \
                 expected one of the bundle's aspects: kind, good",
            ),
            (
                json.replace("\"format_version\": 1", "\"format_version\": 2"),
                "bundle/recalibration.json: `format_version` is 2, expected 1",
            ),
        ] {
            let message = read(text.as_bytes()).unwrap_err().to_string();
            assert_eq!(message, expected);
        }
        let mut twice = recalibrations();
        twice.aspects.push(twice.aspects[0].clone());
        let message = read(&twice.to_json().unwrap()).unwrap_err().to_string();
        assert!(
            message.ends_with("`aspects[1].aspect` is \"good\", expected every aspect once"),
            "{message}"
        );
        let ModelError::Json { path, source } = read(b"{}").unwrap_err() else {
            panic!("not a problem of JSON");
        };
        assert!(path.ends_with("recalibration.json"));
        assert!(source.to_string().contains("format_version"), "{source}");
    }
}
