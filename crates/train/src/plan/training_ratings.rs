//! The ratings of the training split, and the aspects and initial scores that follow from them.

use std::collections::{BTreeMap, BTreeSet};

use gradus_data::{AspectSpec, Example};

use super::TrainConfig;
use crate::{Result, TrainError};

/// The ratings of the training split that the objective uses, by aspect.
#[derive(Default)]
pub(super) struct TrainingRatings {
    segments: BTreeMap<String, Vec<f64>>,
    responses: BTreeMap<String, Vec<f64>>,
}

impl TrainingRatings {
    /// Adds the ratings of an example; that of the response only with a response loss.
    pub(super) fn add(&mut self, example: &Example, training: &TrainConfig) {
        for segment in &example.segments {
            add_all(&mut self.segments, &segment.ratings);
        }
        if training.response_loss.is_some() {
            add_all(&mut self.responses, &example.ratings);
        }
    }

    /// The names of the rated aspects.
    pub(super) fn known(&self) -> BTreeSet<&String> {
        self.segments.keys().chain(self.responses.keys()).collect()
    }

    /// Ratings of segments, or of responses if no segment is rated.
    pub(super) fn of_aspect(&self, aspect: &str) -> &[f64] {
        let ratings = self.segments.get(aspect);
        ratings
            .or_else(|| self.responses.get(aspect))
            .map_or(&[], Vec::as_slice)
    }
}

fn add_all(ratings: &mut BTreeMap<String, Vec<f64>>, of_one: &BTreeMap<String, f64>) {
    for (aspect, rating) in of_one {
        match ratings.get_mut(aspect) {
            Some(ratings) => ratings.push(*rating),
            None => {
                ratings.insert(aspect.clone(), vec![*rating]);
            }
        }
    }
}

/// The aspects to train: the `wanted` ones, or all rated ones if none is named.
pub(super) fn resolve_aspects(
    wanted: &[String],
    known: &BTreeSet<&String>,
    examples: usize,
) -> Result<Vec<String>> {
    if known.is_empty() {
        return Err(TrainError::NothingRated {
            split: "train",
            examples,
        });
    }
    let known: Vec<String> = known.iter().copied().cloned().collect();
    if wanted.is_empty() {
        return Ok(known);
    }
    let mut seen = BTreeSet::new();
    for aspect in wanted {
        if !known.contains(aspect) {
            return Err(TrainError::UnknownAspect {
                aspect: aspect.clone(),
                known,
            });
        }
        if !seen.insert(aspect) {
            return Err(TrainError::Setting {
                name: "aspects",
                found: format!("`{aspect}` twice"),
                expected: "each aspect once",
            });
        }
    }
    Ok(wanted.to_vec())
}

/// The mean training target of an aspect, the initial score.
#[expect(
    clippy::cast_possible_truncation,
    reason = "targets are f32 from here on"
)]
pub(super) fn mean_target(
    spec: &AspectSpec,
    ratings: &TrainingRatings,
    training: &TrainConfig,
) -> f32 {
    let of_segments = ratings.segments.contains_key(&spec.name);
    let ratings = ratings.of_aspect(&spec.name);
    let sum: f64 = ratings
        .iter()
        .map(|rating| spec.scale.to_target(*rating))
        .sum();
    let mean = sum / ratings.len() as f64;
    match training.response_loss {
        Some(response) if !of_segments => {
            let rating = spec.scale.to_rating(mean);
            let start = response.aggregation.starting_rating(rating);
            spec.scale.to_target(start) as f32
        }
        _ => mean as f32,
    }
}
