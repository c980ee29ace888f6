//! How much of a score comes from the context, or from the prompt.
//!
//! The same segments are scored as they are, without that part of the input, and with that part of another record.
//! What the figures keep is read from the rest of the input; a score that judges whether a segment is supported by
//! its context falls where the context is another one. Works on plain numbers; [`ablated`] makes the records.

#[cfg(feature = "scorer")]
mod records;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[cfg(feature = "scorer")]
pub use records::{AblatedRecords, ablated};

use crate::bootstrap::{Bootstrap, Interval, WeightedMetrics};
use crate::metrics::{MetricValues, mean};
use crate::{
    Aggregation, EvalError, JudgedAspect, Level, Metric, ResponsePairs, Result, ScoredResponse,
};

/// The part of the input that is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What the answer may draw on.
    Context,
    /// What was asked.
    Prompt,
}

impl Part {
    /// Both parts.
    pub const ALL: [Self; 2] = [Self::Context, Self::Prompt];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Prompt => "prompt",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Part {
    type Err = EvalError;

    fn from_str(name: &str) -> Result<Self> {
        let named = Self::ALL.into_iter().find(|part| part.name() == name);
        named.ok_or_else(|| EvalError::UnknownPart {
            found: name.to_owned(),
        })
    }
}

/// The figures of one aspect with and without a part of the input, on the same segments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ablation {
    /// The part.
    pub part: Part,
    /// Responses: those whose record has the part and that have a rated segment with a score in all three ways.
    pub responses: usize,
    /// These segments.
    pub segments: usize,
    /// The figures of the input as it is.
    pub as_it_is: MetricValues,
    /// Without the part.
    pub without: AblatedFigures,
    /// With the part of another record.
    pub swapped: AblatedFigures,
}

/// Figures of a changed input, and how they differ from those of the input as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AblatedFigures {
    /// The figures; ratings are those of the input as it is.
    pub values: MetricValues,
    /// Figure of the changed input minus figure as it is, with intervals over responses; a metric without one is absent.
    pub differences: BTreeMap<Metric, Interval>,
    /// Score of the changed input minus score as it is, mean over segments, with an interval; `None` without one.
    pub score_difference: Option<Interval>,
    /// Mean absolute difference of the scores; `None` without segments.
    pub mean_change: Option<f64>,
}

impl Ablation {
    /// The metrics whose differences are computed.
    pub const METRICS: [Metric; 5] = [
        Metric::MSE,
        Metric::PEARSON,
        Metric::SPEARMAN,
        Metric::PAIRWISE_ACCURACY,
        Metric::AUROC,
    ];

    /// Compares the scores of the same records: `as_it_is`, on the aspect `name` at position `aspect` of the scores, and
    /// `changed` ([without the part, with that of another record]), in the same order. Without resamples there are no
    /// differences.
    pub fn compute(
        part: Part,
        as_it_is: &[ScoredResponse],
        changed: [&[ScoredResponse]; 2],
        (aspect, name): (usize, &str),
        midpoint: Option<f64>,
        bootstrap: &Bootstrap,
    ) -> Self {
        let judged = JudgedAspect::collect(as_it_is, aspect, name);
        let midpoint = judged.midpoint(midpoint);
        let score = |scored: &[ScoredResponse], response: usize, segment: usize| {
            let scores = scored
                .get(response)?
                .segments
                .get(segment)?
                .scores
                .as_ref()?;
            scores
                .get(aspect)
                .copied()
                .filter(|score| score.is_finite())
        };
        let shared = judged.retained(|response, segment| {
            let mut changed = changed.iter();
            changed.all(|scored| score(scored, response, segment).is_some())
        });
        let pairs =
            |judged: &JudgedAspect| judged.pairs(Level::Segment, Aggregation::default(), midpoint);
        let before = pairs(&shared);
        let [without, swapped] = changed.map(|scored| {
            let rescored = shared
                .rescored(|response, segment| score(scored, response, segment).unwrap_or(f64::NAN));
            AblatedFigures::compute(&before, &pairs(&rescored), bootstrap)
        });
        Self {
            part,
            responses: before.num_responses(),
            segments: before.len(),
            as_it_is: MetricValues::compute(&before),
            without,
            swapped,
        }
    }
}

impl AblatedFigures {
    fn compute(before: &ResponsePairs, after: &ResponsePairs, bootstrap: &Bootstrap) -> Self {
        let metrics = &Ablation::METRICS;
        let [weighted_before, weighted_after] =
            [before, after].map(|pairs| WeightedMetrics::prepare(pairs, metrics));
        let changes: Vec<f64> = after
            .predictions()
            .iter()
            .zip(before.predictions())
            .map(|(after, before)| after - before)
            .collect();
        // Sum and number of the changes of each response.
        let of_responses: Vec<(f64, f64)> = before
            .ranges()
            .map(|range| (changes[range.clone()].iter().sum(), range.len() as f64))
            .collect();
        let mut intervals = bootstrap.several(of_responses.len(), metrics.len() + 1, |counts| {
            let (before, after) = (weighted_before.at(counts), weighted_after.at(counts));
            let differences = before.iter().zip(&after);
            let mut row: Vec<Option<f64>> = differences
                .map(|(before, after)| Some((*after)? - (*before)?))
                .collect();
            row.push(weighted_mean(&of_responses, counts));
            row
        });
        let differences = metrics
            .iter()
            .filter_map(|&metric| Some((metric, intervals.next()??)));
        let differences = differences.collect();
        let sizes: Vec<f64> = changes.iter().map(|change| change.abs()).collect();
        Self {
            values: MetricValues::compute(after),
            differences,
            score_difference: intervals.next().flatten(),
            mean_change: (!sizes.is_empty()).then(|| mean(&sizes)),
        }
    }
}

fn weighted_mean(sums: &[(f64, f64)], counts: &[u32]) -> Option<f64> {
    let (mut sum, mut number) = (0.0, 0.0);
    for ((of_response, segments), &count) in sums.iter().zip(counts) {
        sum += f64::from(count) * of_response;
        number += f64::from(count) * segments;
    }
    (number > 0.0).then(|| sum / number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScoredSegment;

    fn response(ratings: [f64; 2], scores: [Option<f64>; 2]) -> ScoredResponse {
        let segments = ratings
            .into_iter()
            .zip(scores)
            .map(|(rating, score)| ScoredSegment {
                ratings: [("rating".to_owned(), rating)].into(),
                scores: score.map(|score| vec![score]),
                ..ScoredSegment::default()
            });
        ScoredResponse {
            segments: segments.collect(),
            ..ScoredResponse::default()
        }
    }

    #[test]
    fn all_three_are_judged_on_the_segments_that_all_three_score() {
        let ratings = [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]];
        let scored = |of: fn(f64) -> f64| -> Vec<ScoredResponse> {
            let of_response = |ratings: [f64; 2]| response(ratings, ratings.map(|r| Some(of(r))));
            ratings.map(of_response).into()
        };
        let as_it_is = scored(|rating| rating);
        let mut without = scored(|_| 0.5);
        // A longer input may be truncated where the shorter one is not.
        without[0].segments[0].scores = None;
        let swapped = scored(|rating| rating - 0.25);
        let bootstrap = Bootstrap {
            resamples: 50,
            ..Bootstrap::default()
        };
        let found = Ablation::compute(
            Part::Context,
            &as_it_is,
            [&without, &swapped],
            (0, "rating"),
            None,
            &bootstrap,
        );
        assert_eq!((found.responses, found.segments), (4, 7));
        assert_eq!(found.as_it_is.get(Metric::MSE), Some(0.0));
        assert_eq!(found.without.values.get(Metric::MSE), Some(0.25));
        assert_eq!(found.without.values.get(Metric::AUROC), Some(0.5));
        assert_eq!(found.without.mean_change, Some(0.5));
        let moved = found.swapped.score_difference.unwrap();
        for end in [moved.estimate, moved.low, moved.high] {
            assert!((end + 0.25).abs() < 1e-12, "{moved:?}");
        }
        let auroc = found.without.differences[&Metric::AUROC];
        assert_eq!((auroc.estimate, auroc.low, auroc.high), (-0.5, -0.5, -0.5));
        assert!(!found.without.differences.contains_key(&Metric::PEARSON));
    }
}
