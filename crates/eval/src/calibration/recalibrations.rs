//! The recalibrations of a model's scores, one for each aspect that has one.

use serde::{Deserialize, Serialize};

use super::{Recalibration, RecalibrationKind};
use crate::{EvalError, Result, ScoredResponse};

/// The version of the JSON that [`Recalibrations`] are written as.
const FORMAT_VERSION: u32 = 1;

/// The recalibrations of a model, as its bundle holds them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recalibrations {
    format_version: u32,
    /// What they were fitted on, as it was named.
    pub fitted_on: String,
    /// One entry per aspect that has one.
    pub aspects: Vec<AspectRecalibration>,
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
    /// The file of a bundle that holds them.
    pub const FILE: &str = gradus_model::RECALIBRATION;

    /// Recalibrations fitted on what `fitted_on` names.
    pub fn new(fitted_on: impl Into<String>, aspects: Vec<AspectRecalibration>) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            fitted_on: fitted_on.into(),
            aspects,
        }
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

    /// The same responses with recalibrated scores, which stand in the order of `aspects`.
    #[must_use]
    pub fn applied(&self, raw: &[ScoredResponse], aspects: &[&str]) -> Vec<ScoredResponse> {
        let mut responses = raw.to_vec();
        let maps: Vec<Option<&Recalibration>> = aspects.iter().map(|a| self.of(a)).collect();
        let segments = responses.iter_mut().flat_map(|r| &mut r.segments);
        for scores in segments.filter_map(|segment| segment.scores.as_mut()) {
            for (score, map) in scores.iter_mut().zip(&maps) {
                if let Some(map) = map {
                    *score = map.apply(*score);
                }
            }
        }
        responses
    }

    /// What a bundle's file says.
    ///
    /// # Errors
    /// [`EvalError::Manifest`] if it does not hold recalibrations of this version, or holds some
    /// of aspects other than `known`, the model's.
    pub fn read(bytes: &[u8], known: &[String]) -> Result<Self> {
        let refused = |source| EvalError::Manifest {
            part: Self::FILE,
            source,
        };
        let read: Self = serde_json::from_slice(bytes).map_err(refused)?;
        let wrong = |message: String| Err(refused(serde::de::Error::custom(message)));
        if read.format_version != FORMAT_VERSION {
            let found = read.format_version;
            return wrong(format!(
                "format version: found {found}, expected {FORMAT_VERSION}"
            ));
        }
        for (index, AspectRecalibration { aspect, .. }) in read.aspects.iter().enumerate() {
            let known_names = known.join(", ");
            if !known.contains(aspect) {
                return wrong(format!(
                    "found the aspect `{aspect}`, expected one of: {known_names}"
                ));
            }
            if read.aspects[..index]
                .iter()
                .any(|other| other.aspect == *aspect)
            {
                return wrong(format!(
                    "found the aspect `{aspect}` twice, expected it once"
                ));
            }
        }
        Ok(read)
    }

    /// The content of the bundle's file.
    ///
    /// # Errors
    /// [`EvalError::Manifest`] if it cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(self).map_err(|source| EvalError::Manifest {
            part: Self::FILE,
            source,
        })?;
        json.push(b'\n');
        Ok(json)
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // The expected values are exact.
mod tests {
    use super::*;
    use crate::ScoredSegment;
    use std::collections::BTreeMap;

    fn recalibrations() -> Recalibrations {
        let fit = Recalibration::fit(RecalibrationKind::Linear, &[0.0, 1.0], &[1.0, 3.0]);
        let entry = AspectRecalibration {
            aspect: "good".into(),
            segments: 2,
            recalibration: fit.unwrap(),
        };
        Recalibrations::new("valid.jsonl", vec![entry])
    }

    #[test]
    fn what_is_written_reads_back() {
        let bytes = recalibrations().to_json().unwrap();
        let known = ["kind".to_owned(), "good".to_owned()];
        assert_eq!(
            Recalibrations::read(&bytes, &known).unwrap(),
            recalibrations()
        );
    }

    #[test]
    fn a_foreign_file_is_refused_with_the_reason() {
        let message = |text: &str| {
            let known = ["good".to_owned()];
            Recalibrations::read(text.as_bytes(), &known)
                .unwrap_err()
                .to_string()
        };
        let json = String::from_utf8(recalibrations().to_json().unwrap()).unwrap();
        let other = message(&json.replace("\"good\"", "\"tone\""));
        assert!(
            other.contains("recalibration.json") && other.contains("`tone`"),
            "{other}"
        );
        let later = message(&json.replace("\"format_version\": 1", "\"format_version\": 2"));
        assert!(later.contains("found 2, expected 1"), "{later}");
        assert!(message("{}").contains("format_version"));
    }

    #[test]
    fn only_the_aspect_that_has_one_is_mapped() {
        let scores = vec![0.5, 0.5];
        let raw = [ScoredResponse {
            segments: vec![ScoredSegment::scored(0, 1, BTreeMap::new(), scores)],
            ..ScoredResponse::default()
        }];
        let mapped = recalibrations().applied(&raw, &["kind", "good"]);
        assert_eq!(mapped[0].segments[0].scores, Some(vec![0.5, 2.0]));
    }
}
