//! The recalibrations of a model's scores, one for each aspect that has one.

use gradus_data::TextsSketch;
use serde::{Deserialize, Serialize};

use super::{Recalibration, RecalibrationKind};
use crate::{Aggregation, EvalError, Result, ScoredResponse};

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
    /// The file of a bundle that holds them.
    pub const FILE: &str = gradus_bundle::RECALIBRATION;

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

    /// The same responses with recalibrated scores, which stand in the order of `aspects`. Where
    /// response scores have a map for `aggregation`, responses get scores of their own.
    #[must_use]
    pub fn applied(
        &self,
        raw: &[ScoredResponse],
        aspects: &[&str],
        aggregation: Aggregation,
    ) -> Vec<ScoredResponse> {
        let mut responses = self.segments_applied(raw, aspects);
        let maps: Vec<Option<&Recalibration>> = aspects
            .iter()
            .map(|aspect| self.of_responses(aspect, aggregation))
            .collect();
        if maps.iter().any(Option::is_some) {
            for response in &mut responses {
                let score = |(aspect, map): (usize, Option<&Recalibration>)| {
                    let score = response.score(aspect, aggregation).unwrap_or(f64::NAN);
                    map.map_or(score, |map| map.apply(score))
                };
                response.scores = Some(maps.iter().copied().enumerate().map(score).collect());
            }
        }
        responses
    }

    /// The same with recalibrated scores of segments only: what the map of response scores is
    /// fitted on.
    #[must_use]
    pub fn segments_applied(
        &self,
        raw: &[ScoredResponse],
        aspects: &[&str],
    ) -> Vec<ScoredResponse> {
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
        let of_segments: Vec<&String> = read.aspects.iter().map(|entry| &entry.aspect).collect();
        let of_responses: Vec<&String> = read.responses.iter().map(|entry| &entry.aspect).collect();
        for names in [of_segments, of_responses] {
            for (index, aspect) in names.iter().enumerate() {
                if !known.contains(aspect) {
                    let known = known.join(", ");
                    return wrong(format!(
                        "found the aspect `{aspect}`, expected one of: {known}"
                    ));
                }
                if names[..index].contains(aspect) {
                    return wrong(format!(
                        "found the aspect `{aspect}` twice, expected it once"
                    ));
                }
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
        let mapped = recalibrations().applied(&raw, &["kind", "good"], Aggregation::Mean);
        assert_eq!(mapped[0].segments[0].scores, Some(vec![0.5, 2.0]));
        assert_eq!(mapped[0].scores, None);
    }

    #[test]
    fn the_response_score_is_mapped_after_aggregation_and_for_its_aggregation_only() {
        let mut maps = recalibrations();
        let fit = Recalibration::fit(RecalibrationKind::Linear, &[0.0, 1.0], &[10.0, 11.0]);
        maps.responses.push(ResponseRecalibration {
            aspect: "good".into(),
            aggregation: Aggregation::Sum,
            responses: 2,
            recalibration: fit.unwrap(),
        });
        let segment = |score| ScoredSegment::scored(0, 1, BTreeMap::new(), vec![score, score]);
        let raw = [
            ScoredResponse {
                segments: vec![segment(0.5), segment(0.25)],
                ..ScoredResponse::default()
            },
            ScoredResponse::default(),
        ];
        let mapped = maps.applied(&raw, &["kind", "good"], Aggregation::Sum);
        // 2 x + 1 for each segment, their sum, and then x + 10.
        assert_eq!(mapped[0].scores, Some(vec![0.75, 13.5]));
        assert_eq!(mapped[1].score(1, Aggregation::Sum), None);
        let other = maps.applied(&raw, &["kind", "good"], Aggregation::Mean);
        assert_eq!(other[0].scores, None);
        let known = ["kind".to_owned(), "good".to_owned()];
        let bytes = maps.to_json().unwrap();
        assert_eq!(Recalibrations::read(&bytes, &known).unwrap(), maps);
        let twice = [maps.responses[0].clone(), maps.responses[0].clone()];
        maps.responses = twice.to_vec();
        let error = Recalibrations::read(&maps.to_json().unwrap(), &known).unwrap_err();
        assert!(error.to_string().contains("`good` twice"), "{error}");
    }
}
