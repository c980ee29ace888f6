//! A trained bundle applied to text.

use std::path::Path;

use burn::prelude::*;
use gradus_data::{
    BatchSize, EncodedExample, Example, TextConfig, TextEncoder, TruncationCounts, plan_batches,
};
use gradus_model::{Bundle, Manifest, RewardModel, SegmentInput};
use serde::Serialize;

use crate::{Aggregation, EvalError, Result};

/// Scores segments with a trained model.
///
/// A score does not depend on what is scored beside it: padding is masked, and batches only decide
/// how fast it goes.
pub struct Scorer {
    model: RewardModel,
    text: TextEncoder,
    manifest: Manifest,
    aggregation: Aggregation,
    batch: BatchSize,
    device: Device,
}

/// Score of a segment, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentScore {
    /// One score per aspect, in rating units.
    Scored(Vec<f64>),
    /// The segment did not fit into the model's `max_length`.
    Truncated,
    /// The tokenizer makes no token of the segment's text.
    NoTokens,
}

impl SegmentScore {
    /// The scores per aspect, if there are any.
    pub fn scores(&self) -> Option<&[f64]> {
        match self {
            Self::Scored(scores) => Some(scores),
            Self::Truncated | Self::NoTokens => None,
        }
    }
}

impl Scorer {
    /// Loads a bundle directory onto a device.
    ///
    /// # Errors
    /// If the bundle has a missing, foreign or damaged part.
    pub fn load(directory: &Path, device: &Device) -> Result<Self> {
        Self::new(Bundle::load(directory, device)?, device)
    }

    /// A scorer of a bundle in memory, whose weights are on `device`.
    ///
    /// # Errors
    /// If the manifest's text settings or aggregation cannot be read, or the tokenizer does not
    /// belong to the model.
    pub fn new(bundle: Bundle, device: &Device) -> Result<Self> {
        let Bundle {
            manifest,
            config,
            model,
            tokenizer,
            ..
        } = bundle;
        let settings: TextConfig =
            serde_json::from_value(manifest.text.clone()).map_err(|source| {
                EvalError::Manifest {
                    part: "text",
                    source,
                }
            })?;
        let aggregation = manifest.aggregation.parse()?;
        let text = TextEncoder::new(&tokenizer, settings)?;
        if text.vocab_size() > config.encoder.vocab_size() {
            return Err(EvalError::Vocabulary {
                tokenizer: text.vocab_size(),
                model: config.encoder.vocab_size(),
            });
        }
        let device = device.clone();
        Ok(Self {
            model,
            text,
            manifest,
            aggregation,
            batch: BatchSize::Tokens(4096),
            device,
        })
    }

    /// Sets how much goes into one batch. Default: 4,096 tokens, padding included.
    #[must_use]
    pub fn with_batch_size(mut self, batch: BatchSize) -> Self {
        self.batch = batch;
        self
    }

    /// Sets how segment scores become a response score. Default: as the bundle says.
    #[must_use]
    pub fn with_aggregation(mut self, aggregation: Aggregation) -> Self {
        self.aggregation = aggregation;
        self
    }

    /// How segment scores become a response score.
    pub fn aggregation(&self) -> Aggregation {
        self.aggregation
    }

    /// Names of the aspects, in the order of the scores.
    pub fn aspects(&self) -> impl Iterator<Item = &str> {
        self.text
            .config()
            .aspects
            .iter()
            .map(|aspect| aspect.name.as_str())
    }

    /// The bundle's manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Cuts a response that comes without segments as the bundle says; leaves others alone.
    ///
    /// # Errors
    /// If the response cannot be cut.
    pub fn segment(&self, example: &mut Example) -> Result<()> {
        if example.segments.is_empty() {
            self.text.segment_response(example)?;
        }
        Ok(())
    }

    /// Scores every segment of every example, in their order.
    ///
    /// `counts` grows by what truncation left out. Ratings are ignored.
    ///
    /// # Errors
    /// If an example cannot be encoded.
    pub fn score(
        &self,
        examples: &[Example],
        counts: &mut TruncationCounts,
    ) -> Result<Vec<Vec<SegmentScore>>> {
        let encoded: Vec<EncodedExample> = examples
            .iter()
            .map(|example| self.text.encode(&unrated(example), counts))
            .collect::<gradus_data::Result<_>>()?;
        let mut scores: Vec<Vec<SegmentScore>> = examples
            .iter()
            .map(|example| vec![SegmentScore::Truncated; example.segments.len()])
            .collect();
        for (example, scores) in encoded.iter().zip(&mut scores) {
            for &index in &example.without_tokens {
                scores[index] = SegmentScore::NoTokens;
            }
        }
        let scorable: Vec<usize> = (0..encoded.len())
            .filter(|&row| !encoded[row].segments.is_empty())
            .collect();
        let lengths: Vec<usize> = scorable
            .iter()
            .map(|&row| encoded[row].num_tokens())
            .collect();
        for batch in plan_batches(&lengths, self.batch, true, None, 0) {
            let rows: Vec<usize> = batch
                .into_iter()
                .map(|position| scorable[position])
                .collect();
            self.score_batch(&rows, &encoded, &mut scores);
        }
        Ok(scores)
    }

    fn score_batch(
        &self,
        rows: &[usize],
        encoded: &[EncodedExample],
        scores: &mut [Vec<SegmentScore>],
    ) {
        let examples: Vec<&EncodedExample> = rows.iter().map(|&row| &encoded[row]).collect();
        let batch = self.text.batcher().batch(&examples, &self.device);
        let [_, num_segments, num_aspects] = batch.targets.dims();
        let output = self.model.forward(SegmentInput {
            token_ids: batch.token_ids,
            type_ids: batch.type_ids,
            mask_pad: batch.mask_pad,
            segment_spans: batch.segment_spans,
        });
        let values: Vec<f32> = output.into_data().iter::<f32>().collect();
        let aspects = &self.text.config().aspects;
        for (position, (&row, example)) in rows.iter().zip(&examples).enumerate() {
            for (k, segment) in example.segments.iter().enumerate() {
                let start = (position * num_segments + k) * num_aspects;
                let raw = &values[start..start + num_aspects];
                let in_rating_units = raw
                    .iter()
                    .zip(aspects)
                    .map(|(&score, aspect)| aspect.scale.to_rating(f64::from(score)))
                    .collect();
                scores[row][segment.index] = SegmentScore::Scored(in_rating_units);
            }
        }
    }
}

/// The example without its ratings: a rated segment without a token stops training, but in scoring
/// it is one more segment that cannot be scored.
fn unrated(example: &Example) -> Example {
    let mut example = example.clone();
    example.ratings.clear();
    for segment in &mut example.segments {
        segment.ratings.clear();
    }
    example
}
