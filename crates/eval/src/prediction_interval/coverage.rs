//! How many ratings lie within the intervals of a bundle.

use gradus_bundle::PredictionInterval;
use serde::{Deserialize, Serialize};

use crate::bootstrap::{Bootstrap, Interval};
use crate::{Aggregation, JudgedAspect, Level, ResponsePairs};

/// How many ratings of this data lie within the prediction intervals of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IntervalCoverage {
    /// The share that is promised.
    pub promised: f64,
    /// Distance of either end of an interval from the score.
    pub half_width: f64,
    /// What it was learned on, as it was named.
    pub fitted_on: String,
    /// Share of ratings within their interval, where each response counts alike: what the promise is about.
    pub covered: f64,
    /// Its interval, from resampled responses; `None` without resamples.
    pub covered_interval: Option<Interval>,
    /// Share of ratings within their interval, where each segment counts alike.
    pub covered_segments: f64,
    /// Mean width of the intervals.
    pub mean_width: f64,
    /// Standard deviation of the ratings, for comparison.
    pub sd_of_ratings: Option<f64>,
}

impl IntervalCoverage {
    /// The figures of scores that came about as the interval wants them. `None` if nothing is both rated and scored.
    pub(crate) fn compute(
        judged: &JudgedAspect,
        interval: &PredictionInterval,
        bootstrap: Option<&Bootstrap>,
    ) -> Option<Self> {
        let pairs = judged.pairs(Level::Segment, Aggregation::default(), None);
        let covered = covered(&pairs, interval.half_width);
        let share = |counts: &[u32]| {
            let weights = covered.iter().zip(counts);
            let within: f64 = weights
                .map(|((within, segments), count)| {
                    f64::from(*count) * *within as f64 / *segments as f64
                })
                .sum();
            let responses: u32 = counts.iter().sum();
            (responses > 0).then(|| within / f64::from(responses))
        };
        let within: usize = covered.iter().map(|(within, _)| within).sum();
        Some(Self {
            promised: interval.coverage,
            half_width: interval.half_width,
            fitted_on: interval.fitted_on.clone(),
            covered: share(&vec![1; covered.len()])?,
            covered_interval: bootstrap
                .and_then(|bootstrap| bootstrap.interval(covered.len(), share)),
            covered_segments: within as f64 / pairs.len() as f64,
            mean_width: 2.0 * interval.half_width,
            sd_of_ratings: sd(pairs.targets()),
        })
    }

    /// Whether the promised share lies within the interval of the share that was found; `None` without one.
    pub fn is_kept(&self) -> Option<bool> {
        // More than was promised breaks no promise.
        let interval = self.covered_interval.as_ref()?;
        Some(interval.high >= self.promised)
    }
}

/// Segments within the interval, and all of them, by response.
fn covered(pairs: &ResponsePairs, half_width: f64) -> Vec<(usize, usize)> {
    let of_response = |(scores, ratings): (&[f64], &[f64])| {
        let pairs = scores.iter().zip(ratings);
        let within = pairs.filter(|(score, rating)| (*score - *rating).abs() <= half_width);
        (within.count(), scores.len())
    };
    pairs.responses().map(of_response).collect()
}

fn sd(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    Some(variance.sqrt()).filter(|sd| sd.is_finite())
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // The expected values are exact.
mod tests {
    use std::collections::BTreeMap;

    use gradus_bundle::ScoringChoices;
    use gradus_data::CutSegments;
    use gradus_model::Precision;

    use super::*;
    use crate::{ScoredResponse, ScoredSegment};

    #[test]
    fn responses_count_alike_and_segments_do_in_their_own_share() {
        let response = |ratings: &[f64]| ScoredResponse {
            segments: ratings
                .iter()
                .map(|rating| {
                    let ratings = BTreeMap::from([("good".to_owned(), *rating)]);
                    ScoredSegment::scored(0, 1, ratings, vec![0.0])
                })
                .collect(),
            ..ScoredResponse::default()
        };
        // Within: 1 of 1, and 1 of 4.
        let scored = [response(&[0.5]), response(&[-0.5, 1.0, 1.0, -1.0])];
        let judged = JudgedAspect::collect(&scored, 0, "good");
        let interval = PredictionInterval {
            coverage: 0.9,
            half_width: 0.5,
            scored_with: ScoringChoices {
                recalibrated: false,
                offset: None,
                precision: Precision::F32,
                stride: None,
                cut_segments: CutSegments::Drop,
            },
            fitted_on: "valid.jsonl".into(),
            texts: None,
            responses: 9,
            segments: 9,
        };
        let found = IntervalCoverage::compute(&judged, &interval, Some(&Bootstrap::default()));
        let found = found.unwrap();
        assert_eq!((found.covered, found.covered_segments), (0.625, 0.4));
        assert_eq!(found.mean_width, 1.0);
        let ends = found.covered_interval.unwrap();
        assert_eq!((ends.low, ends.high), (0.25, 1.0));
        assert_eq!(found.is_kept(), Some(true));
        let none = JudgedAspect::collect(&[], 0, "good");
        assert_eq!(IntervalCoverage::compute(&none, &interval, None), None);
    }
}
