//! Applies recalibrations to scored responses.

use gradus_bundle::{Recalibration, Recalibrations};

use crate::{Aggregation, ScoredResponse};

/// The same responses with recalibrated scores, which are in the order of `aspects`. If response
/// scores have a map for `aggregation`, responses get scores of their own.
pub fn recalibrated(
    maps: &Recalibrations,
    raw: &[ScoredResponse],
    aspects: &[&str],
    aggregation: Aggregation,
) -> Vec<ScoredResponse> {
    let mut responses = recalibrated_segments(maps, raw, aspects);
    let maps: Vec<Option<&Recalibration>> = aspects
        .iter()
        .map(|aspect| maps.of_responses(aspect, aggregation))
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

/// The same responses with recalibrated scores of segments only: what the map of response scores is
/// fitted on.
pub fn recalibrated_segments(
    maps: &Recalibrations,
    raw: &[ScoredResponse],
    aspects: &[&str],
) -> Vec<ScoredResponse> {
    let mut responses = raw.to_vec();
    let maps: Vec<Option<&Recalibration>> = aspects.iter().map(|aspect| maps.of(aspect)).collect();
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

#[cfg(test)]
#[allow(clippy::float_cmp)] // The expected values are exact.
mod tests {
    use std::collections::BTreeMap;

    use gradus_bundle::{AspectRecalibration, Linear, ResponseRecalibration};

    use super::*;
    use crate::ScoredSegment;

    fn line(slope: f64, intercept: f64) -> Recalibration {
        Recalibration::Linear(Linear::new(slope, intercept).unwrap())
    }

    fn recalibrations() -> Recalibrations {
        let entry = AspectRecalibration {
            aspect: "good".into(),
            segments: 2,
            recalibration: line(2.0, 1.0),
        };
        Recalibrations::new("valid.jsonl", vec![entry])
    }

    #[test]
    fn only_the_aspect_that_has_one_is_mapped() {
        let scores = vec![0.5, 0.5];
        let raw = [ScoredResponse {
            segments: vec![ScoredSegment::scored(0, 1, BTreeMap::new(), scores)],
            ..ScoredResponse::default()
        }];
        let mapped = recalibrated(
            &recalibrations(),
            &raw,
            &["kind", "good"],
            Aggregation::Mean,
        );
        assert_eq!(mapped[0].segments[0].scores, Some(vec![0.5, 2.0]));
        assert_eq!(mapped[0].scores, None);
    }

    #[test]
    fn the_response_score_is_mapped_after_aggregation_and_for_its_aggregation_only() {
        let mut maps = recalibrations();
        maps.responses.push(ResponseRecalibration {
            aspect: "good".into(),
            aggregation: Aggregation::Sum,
            responses: 2,
            recalibration: line(1.0, 10.0),
        });
        let segment = |score| ScoredSegment::scored(0, 1, BTreeMap::new(), vec![score, score]);
        let raw = [
            ScoredResponse {
                segments: vec![segment(0.5), segment(0.25)],
                ..ScoredResponse::default()
            },
            ScoredResponse::default(),
        ];
        let mapped = recalibrated(&maps, &raw, &["kind", "good"], Aggregation::Sum);
        // 2 x + 1 for each segment, their sum, and then x + 10.
        assert_eq!(mapped[0].scores, Some(vec![0.75, 13.5]));
        assert_eq!(mapped[1].score(1, Aggregation::Sum), None);
        let other = recalibrated(&maps, &raw, &["kind", "good"], Aggregation::Mean);
        assert_eq!(other[0].scores, None);
    }
}
