//! What a run leaves: its scores beside the ratings, and where it comes from.

mod machine;
mod provenance;

pub use machine::Machine;
pub use provenance::{Meter, Provenance, cpu_seconds};

use std::collections::BTreeMap;

use gradus_data::TextsDigest;
use gradus_eval::{
    AspectCounts, JudgedAspect, JudgedResponse, JudgedSegment, Metric, MetricValues,
};
use serde::{Deserialize, Serialize};

use crate::plan::Split;

/// The result of a run, as in its `result.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellResult {
    /// Version of this layout.
    pub format_version: u32,
    /// The labels of the run on the axes.
    pub labels: Vec<String>,
    /// Its seed.
    pub seed: u64,
    /// Scores and ratings of the splits, by name: `valid`, and `test` if there is one.
    pub splits: BTreeMap<String, JudgedSplit>,
    /// Where it comes from, and what it took.
    pub provenance: Provenance,
}

impl CellResult {
    /// The version that this program writes.
    pub const FORMAT_VERSION: u32 = 1;

    /// The metric on a split: the mean over its aspects, and over kinds of ratings. `None` if it exists for none.
    pub fn value(&self, split: Split, metric: Metric) -> Option<f64> {
        let aspects = &self.splits.get(split.name())?.aspects;
        let values: Vec<f64> = aspects
            .iter()
            .filter_map(|aspect| aspect.metrics.get(metric))
            .collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }
}

/// Scores and ratings of a split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedSplit {
    /// The file.
    pub data: String,
    /// Digest of its texts.
    pub digest: TextsDigest,
    /// One entry for each aspect and each kind of ratings.
    pub aspects: Vec<JudgedRatings>,
}

/// What is rated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ratings {
    /// Segments.
    Segments,
    /// Responses as a whole.
    Responses,
}

impl Ratings {
    /// The plural.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Segments => "segments",
            Self::Responses => "responses",
        }
    }
}

/// The index of a response among the records, and index, score and rating of each of its segments.
pub type JudgedSegments = (usize, Vec<(usize, f64, f64)>);

/// The score of a trivial baseline for the index of a response and of a segment.
pub type BaselineScore<'a> = Box<dyn Fn(usize, usize) -> f64 + 'a>;

/// The scores on one aspect beside its ratings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedRatings {
    /// Name of the aspect.
    pub aspect: String,
    /// What is rated.
    pub ratings: Ratings,
    /// What has a score.
    pub counts: AspectCounts,
    /// The metrics over all of them.
    pub metrics: MetricValues,
    /// For each response, its index among the records, and index, score and rating of each segment.
    pub responses: Vec<JudgedSegments>,
    /// The scores of the trivial baselines for the same segments.
    pub baselines: Vec<BaselineScores>,
    /// The scores of the model alone for the same segments, where a baseline is part of the score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alone: Option<Vec<f64>>,
    /// Whether `alone` is there wherever a baseline is part of the score: not so in results of earlier versions.
    #[serde(default)]
    pub tells_alone: bool,
}

/// Scores of a trivial baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineScores {
    /// Its name.
    pub name: String,
    /// One score for each segment of [`JudgedRatings::responses`], response after response.
    pub scores: Vec<f64>,
}

impl JudgedRatings {
    /// The scores of a model beside the ratings, with baselines that give a score for the index of a response and of a
    /// segment. `alone` gives those of the model alone, where a baseline is part of the score.
    pub fn new(
        aspect: &str,
        ratings: Ratings,
        judged: &JudgedAspect,
        metrics: MetricValues,
        baselines: Vec<(String, BaselineScore<'_>)>,
        alone: Option<BaselineScore<'_>>,
    ) -> Self {
        let of_response = |response: &JudgedResponse| {
            let segments = response.segments.iter();
            let segments = segments.map(|segment| (segment.index, segment.score, segment.rating));
            (response.index, segments.collect())
        };
        let responses: Vec<JudgedSegments> = judged.responses.iter().map(of_response).collect();
        let places = || {
            responses
                .iter()
                .flat_map(|(response, segments)| segments.iter().map(|s| (*response, s.0)))
        };
        let all = |score: BaselineScore<'_>| -> Vec<f64> {
            places()
                .map(|(response, segment)| score(response, segment))
                .collect()
        };
        let baselines = baselines.into_iter().map(|(name, score)| BaselineScores {
            name,
            scores: all(score),
        });
        Self {
            aspect: aspect.to_owned(),
            ratings,
            counts: judged.counts,
            metrics,
            baselines: baselines.collect(),
            alone: alone.map(all),
            tells_alone: true,
            responses,
        }
    }

    /// The scores of the model.
    pub fn judged(&self) -> JudgedAspect {
        self.with_scores(|_, score| score)
    }

    /// The scores of a baseline, which has one for every segment.
    pub fn judged_baseline(&self, baseline: &BaselineScores) -> Option<JudgedAspect> {
        self.judged_with(&baseline.scores)
    }

    /// The scores of the model alone, where a baseline is part of the score.
    pub fn judged_alone(&self) -> Option<JudgedAspect> {
        self.judged_with(self.alone.as_deref()?)
    }

    /// These scores, one for every segment.
    fn judged_with(&self, scores: &[f64]) -> Option<JudgedAspect> {
        let segments: usize = self
            .responses
            .iter()
            .map(|(_, segments)| segments.len())
            .sum();
        (scores.len() == segments).then(|| self.with_scores(|place, _| scores[place]))
    }

    fn with_scores(&self, score: impl Fn(usize, f64) -> f64) -> JudgedAspect {
        let mut place = 0;
        let responses = self
            .responses
            .iter()
            .map(|(index, segments)| JudgedResponse {
                index: *index,
                segments: segments
                    .iter()
                    .map(|&(index, own, rating)| {
                        place += 1;
                        JudgedSegment {
                            index,
                            score: score(place - 1, own),
                            rating,
                        }
                    })
                    .collect(),
            });
        JudgedAspect {
            responses: responses.collect(),
            counts: self.counts,
        }
    }
}
