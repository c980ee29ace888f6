//! From examples to encoded splits: aspects, rating scales, tokens.

use std::collections::{BTreeMap, BTreeSet};

use gradus_data::{AspectSpec, EncodedExample, Example, TextConfig, TextEncoder, TruncationCounts};
use serde::Serialize;

use crate::{Result, TextOptions, TrainError};

/// Splits ready to train on.
pub struct Prepared {
    /// Turns text into tokens, in training and later in scoring.
    pub encoder: TextEncoder,
    /// Examples of the training split with at least one rated segment.
    pub train: Vec<EncodedExample>,
    /// Likewise of the validation split.
    pub valid: Vec<EncodedExample>,
    /// What encoding left out.
    pub counts: SplitCounts,
    /// Mean training target per aspect, where the head's bias starts.
    pub mean_targets: Vec<f32>,
}

/// What encoding left out, by split.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SplitCounts {
    /// Training split.
    pub train: EncodingCounts,
    /// Validation split.
    pub valid: EncodingCounts,
}

/// What encoding left out of a split.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EncodingCounts {
    /// Examples read.
    pub examples: usize,
    /// Examples without any segment rated on the learned aspects (after truncation): left out.
    pub examples_without_rating: usize,
    /// Rated segment-aspect pairs that take part.
    pub rated: usize,
    /// Tokens, special tokens included.
    pub tokens: usize,
    /// What truncation cut.
    pub truncation: TruncationCounts,
}

/// Resolves aspects, fits rating scales on the training split and encodes both splits.
///
/// # Errors
/// - [`TrainError::UnknownAspect`]: an aspect asked for is rated nowhere in the training split
/// - [`TrainError::NothingRated`]: a split without a rated segment
/// - [`TrainError::Data`]: the tokenizer cannot be read, or a record cannot be encoded
pub fn prepare(
    tokenizer_json: &[u8],
    options: &TextOptions,
    train: &[Example],
    valid: &[Example],
) -> Result<Prepared> {
    let ratings = ratings_by_aspect(train);
    let aspects = resolve_aspects(&options.aspects, &ratings, train.len())?;
    let specs = aspects.into_iter().map(|name| {
        let scale = options.scale.fit(&ratings[&name])?;
        Ok(AspectSpec { name, scale })
    });
    let config = TextConfig {
        max_length: options.max_length,
        truncation: options.truncation,
        segmenter: options.segmenter.clone(),
        aspects: specs.collect::<Result<_>>()?,
        use_context: options.use_context,
    };
    let mean_targets = config
        .aspects
        .iter()
        .map(|spec| mean_target(spec, &ratings))
        .collect();
    let encoder = TextEncoder::new(tokenizer_json, config)?;
    let mut counts = SplitCounts::default();
    let train = encode_split("train", &encoder, train, &mut counts.train)?;
    let valid = encode_split("valid", &encoder, valid, &mut counts.valid)?;
    Ok(Prepared {
        encoder,
        train,
        valid,
        counts,
        mean_targets,
    })
}

fn ratings_by_aspect(examples: &[Example]) -> BTreeMap<String, Vec<f64>> {
    let mut ratings: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for segment in examples.iter().flat_map(|example| &example.segments) {
        for (aspect, rating) in &segment.ratings {
            ratings.entry(aspect.clone()).or_default().push(*rating);
        }
    }
    ratings
}

fn resolve_aspects(
    wanted: &[String],
    ratings: &BTreeMap<String, Vec<f64>>,
    examples: usize,
) -> Result<Vec<String>> {
    if ratings.is_empty() {
        return Err(TrainError::NothingRated {
            split: "train",
            examples,
        });
    }
    let known: Vec<String> = ratings.keys().cloned().collect();
    if wanted.is_empty() {
        return Ok(known);
    }
    let mut seen = BTreeSet::new();
    for aspect in wanted {
        if !ratings.contains_key(aspect) {
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

#[expect(
    clippy::cast_possible_truncation,
    reason = "targets are f32 from here on"
)]
fn mean_target(spec: &AspectSpec, ratings: &BTreeMap<String, Vec<f64>>) -> f32 {
    let ratings = &ratings[&spec.name];
    let sum: f64 = ratings
        .iter()
        .map(|rating| spec.scale.to_target(*rating))
        .sum();
    (sum / ratings.len() as f64) as f32
}

fn encode_split(
    split: &'static str,
    encoder: &TextEncoder,
    examples: &[Example],
    counts: &mut EncodingCounts,
) -> Result<Vec<EncodedExample>> {
    let mut encoded = Vec::with_capacity(examples.len());
    for example in examples {
        let item = encoder.encode(example, &mut counts.truncation)?;
        counts.examples += 1;
        let ratings = item
            .segments
            .iter()
            .flat_map(|segment| &segment.targets)
            .flatten()
            .count();
        if ratings == 0 {
            counts.examples_without_rating += 1;
            continue;
        }
        counts.rated += ratings;
        counts.tokens += item.token_ids.len();
        encoded.push(item);
    }
    if encoded.is_empty() {
        return Err(TrainError::NothingRated {
            split,
            examples: examples.len(),
        });
    }
    Ok(encoded)
}
