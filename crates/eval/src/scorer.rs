//! A trained bundle applied to text.

use std::path::Path;
use std::sync::Arc;

use burn::prelude::*;
use gradus_data::{
    BatchSize, CutSegments, Example, SegmentTokenizer, TextConfig, TokenizedExample,
    TruncationCounts, plan_batches,
};
use gradus_model::{Bundle, EncoderConfig, Manifest, RewardModel, SegmentInput};
use serde::Serialize;

use crate::calibration::{Recalibration, Recalibrations};
use crate::prepared::{Prefetch, PreparedExamples, Sequences};
use crate::{Aggregation, EvalError, Result, UnscoredReason};

/// Scores segments with a trained model.
///
/// A score does not depend on what is scored beside it, nor on which segments of a response are
/// listed or rated: padding is masked, and batches only decide how fast it goes. Where the bundle has a recalibration, scores are recalibrated; see
/// [`raw`](Self::raw).
pub struct Scorer {
    model: RewardModel,
    /// Shared with the thread that encodes ahead.
    text: Arc<SegmentTokenizer>,
    manifest: Manifest,
    aggregation: Aggregation,
    recalibrations: Option<Recalibrations>,
    causal: bool,
    raw: bool,
    stride: Option<usize>,
    batch: BatchSize,
    device: Device,
}

/// Score of a segment, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentScore {
    /// One score per aspect, in rating units.
    Scored(Vec<f64>),
    /// The same of a segment of which the model read only a part, under [`CutSegments::Score`].
    Cut(Vec<f64>),
    /// The segment, or a part of it, did not fit into the model's `max_length`.
    Truncated,
    /// The tokenizer makes no token of the segment's text.
    NoTokens,
}

impl SegmentScore {
    /// The scores per aspect, if there are any.
    pub fn scores(&self) -> Option<&[f64]> {
        match self {
            Self::Scored(scores) | Self::Cut(scores) => Some(scores),
            Self::Truncated | Self::NoTokens => None,
        }
    }

    /// Why there are none.
    pub fn unscored(&self) -> Option<UnscoredReason> {
        match self {
            Self::Scored(_) | Self::Cut(_) => None,
            Self::Truncated => Some(UnscoredReason::Truncated),
            Self::NoTokens => Some(UnscoredReason::NoTokens),
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
    /// If the manifest's text settings or aggregation or the recalibration cannot be read, or the
    /// tokenizer does not belong to the model.
    pub fn new(bundle: Bundle, device: &Device) -> Result<Self> {
        let Bundle {
            manifest,
            config,
            model,
            tokenizer,
            recalibration,
        } = bundle;
        let settings: TextConfig =
            serde_json::from_value(manifest.text.clone()).map_err(|source| {
                EvalError::Manifest {
                    part: "text",
                    source,
                }
            })?;
        let aggregation = manifest.aggregation.parse()?;
        let causal = config.encoder.is_causal();
        let text = SegmentTokenizer::new(&tokenizer, settings)?;
        check_text(&text, &manifest, &config.encoder)?;
        let recalibrations = recalibration
            .map(|bytes| Recalibrations::read(&bytes, &manifest.aspects))
            .transpose()?;
        let device = device.clone();
        Ok(Self {
            model,
            text: Arc::new(text),
            manifest,
            aggregation,
            recalibrations,
            causal,
            raw: false,
            stride: None,
            batch: BatchSize::Tokens(4096),
            device,
        })
    }

    /// Scores a response that is longer than the model reads in overlapping windows that begin at
    /// multiples of `stride` tokens, see [`SegmentTokenizer::tokenize_windows`]. Default: it is shortened as in
    /// training.
    ///
    /// # Panics
    /// If `stride` is 0.
    #[must_use]
    pub fn with_stride(mut self, stride: usize) -> Self {
        assert!(stride > 0, "windows that do not move");
        self.stride = Some(stride);
        self
    }

    /// Sets what becomes of segments of which only a part fits. Default: as the bundle says, which is
    /// what the model has learned from.
    #[must_use]
    pub fn with_cut_segments(mut self, policy: CutSegments) -> Self {
        Arc::make_mut(&mut self.text).set_cut_segments(policy);
        self
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

    /// Leaves scores as the model gives them, without the bundle's recalibration.
    #[must_use]
    pub fn raw(mut self) -> Self {
        self.raw = true;
        self
    }

    /// Whether the bundle's recalibration is left out.
    pub fn is_raw(&self) -> bool {
        self.raw
    }

    /// The bundle's recalibrations, where it has some.
    pub fn recalibrations(&self) -> Option<&Recalibrations> {
        self.recalibrations.as_ref()
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

    /// Whether the model judges a segment without what follows it, as decoders do. Others know how
    /// the response ends.
    pub fn is_causal(&self) -> bool {
        self.causal
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

    /// Scores every segment of every example, in their order, recalibrated where the bundle says
    /// how and [`raw`](Self::raw) does not forbid it.
    ///
    /// `counts` grows by what truncation left out. Ratings are ignored.
    ///
    /// # Errors
    /// If an example cannot be tokenized.
    pub fn score(
        &self,
        examples: &[Example],
        counts: &mut TruncationCounts,
    ) -> Result<Vec<Vec<SegmentScore>>> {
        let mut scores = self.score_raw(examples, counts)?;
        self.recalibrate(&mut scores);
        Ok(scores)
    }

    /// The same without recalibration.
    ///
    /// # Errors
    /// If an example cannot be tokenized.
    pub fn score_raw(
        &self,
        examples: &[Example],
        counts: &mut TruncationCounts,
    ) -> Result<Vec<Vec<SegmentScore>>> {
        let (scores, cuts) = self.score_with_cuts(examples)?;
        for cut in cuts {
            *counts += cut;
        }
        Ok(scores)
    }

    /// Scores without recalibration, and what truncation left out of each example.
    pub(crate) fn score_with_cuts(
        &self,
        examples: &[Example],
    ) -> Result<(Vec<Vec<SegmentScore>>, Vec<TruncationCounts>)> {
        let (sequences, cuts) = Sequences::of(&self.text, self.stride, examples)?;
        let found = self.score_tokenized(&sequences.tokenized);
        Ok((sequences.all_segments(examples, found), cuts))
    }

    /// Reads, cuts and encodes examples ahead on another thread, in chunks of at most `size`, while
    /// [`score_prepared`](Self::score_prepared) scores the chunk before. Batches are planned within
    /// a chunk, and three of them are in memory at a time, however long the source is.
    ///
    /// # Errors
    /// [`EvalError::Thread`] if the thread cannot be started. The chunks are errors where the source
    /// has one or an example cannot be cut or tokenized; the first error is the last item.
    pub fn prefetch(
        &self,
        source: impl Iterator<Item = gradus_data::Result<Example>> + Send + 'static,
        size: usize,
    ) -> Result<Prefetch> {
        Prefetch::start(Arc::clone(&self.text), self.stride, source, size)
    }

    /// Scores every segment of prepared examples, in their order, as [`score`](Self::score) does.
    pub fn score_prepared(&self, prepared: &PreparedExamples) -> Vec<Vec<SegmentScore>> {
        let found = self.score_tokenized(&prepared.sequences.tokenized);
        let mut scores = prepared.sequences.all_segments(&prepared.examples, found);
        self.recalibrate(&mut scores);
        scores
    }

    /// The score of a response, one entry per aspect, given those of its segments as
    /// [`score`](Self::score) returns them: aggregated, and then mapped where the bundle has a
    /// recalibration of response scores that was fitted for this aggregation. `None` for an aspect
    /// without a score.
    pub fn response_scores(&self, segments: &[SegmentScore]) -> Vec<Option<f64>> {
        let maps = self.recalibrations.as_ref().filter(|_| !self.raw);
        let of_aspect = |(aspect, name): (usize, &str)| {
            let scores: Vec<f64> = segments
                .iter()
                .filter_map(SegmentScore::scores)
                .map(|scores| scores[aspect])
                .collect();
            let score = self.aggregation.aggregate(&scores)?;
            let map = maps.and_then(|maps| maps.of_responses(name, self.aggregation));
            Some(map.map_or(score, |map| map.apply(score)))
        };
        self.aspects().enumerate().map(of_aspect).collect()
    }

    /// Scores of examples that are tokenized already: one per aspect for each of their
    /// [`segments`](TokenizedExample::segments), in rating units, without recalibration.
    pub fn score_tokenized(&self, tokenized: &[TokenizedExample]) -> Vec<Vec<Vec<f64>>> {
        let mut scores = vec![Vec::new(); tokenized.len()];
        for rows in self.batches(tokenized) {
            let examples: Vec<&TokenizedExample> =
                rows.iter().map(|&row| &tokenized[row]).collect();
            for (row, found) in rows.into_iter().zip(self.score_batch(&examples)) {
                scores[row] = found;
            }
        }
        scores
    }

    /// The batches in which `tokenized` is scored, as indices. All that have tokens are in one, also
    /// those of which no segment is scored: which tokens are computed together must not depend on
    /// segments, as sums of another batch may round otherwise.
    pub(crate) fn batches(&self, tokenized: &[TokenizedExample]) -> Vec<Vec<usize>> {
        let rows: Vec<usize> = (0..tokenized.len())
            .filter(|&row| tokenized[row].num_tokens() > 0)
            .collect();
        let lengths: Vec<usize> = rows
            .iter()
            .map(|&row| tokenized[row].num_tokens())
            .collect();
        plan_batches(&lengths, self.batch, true, None, 0)
            .into_iter()
            .map(|batch| batch.into_iter().map(|place| rows[place]).collect())
            .collect()
    }

    /// Pooled states, `[batch_size, num_segments, d_model]`, and the scores read off them on the
    /// training scale, `[batch_size, num_segments, num_aspects]`.
    pub(crate) fn states_and_scores(
        &self,
        examples: &[&TokenizedExample],
    ) -> (Tensor<3>, Tensor<3>) {
        let batch = self.text.batcher().batch(examples, &self.device);
        let states = self.model.pooled(SegmentInput {
            token_ids: batch.token_ids,
            type_ids: batch.type_ids,
            mask_pad: batch.mask_pad,
            response_spans: Some(batch.response_spans),
            segment_spans: batch.segment_spans,
        });
        let scores = self.model.scores_of(states.clone());
        (states, scores)
    }

    /// Whether scores are linear in the pooled states.
    pub(crate) fn is_linear_in_states(&self) -> bool {
        self.model.is_linear_in_pooled()
    }

    /// How the bundle turns text into tokens.
    pub fn text_config(&self) -> &TextConfig {
        self.text.config()
    }

    /// How text becomes tokens.
    pub(crate) fn text(&self) -> &SegmentTokenizer {
        &self.text
    }

    /// The recalibration of every aspect, where it has one and it is to be applied.
    fn applied(&self) -> Vec<Option<&Recalibration>> {
        let recalibrations = self.recalibrations.as_ref().filter(|_| !self.raw);
        let of_aspect = |aspect| recalibrations?.of(aspect);
        self.aspects().map(of_aspect).collect()
    }

    /// Recalibrates scores where the bundle says how, unless they are to stay raw.
    pub(crate) fn recalibrate(&self, scores: &mut [Vec<SegmentScore>]) {
        let maps = self.applied();
        for score in scores.iter_mut().flatten() {
            if let SegmentScore::Scored(values) | SegmentScore::Cut(values) = score {
                for (value, map) in values.iter_mut().zip(&maps) {
                    *value = map.map_or(*value, |map| shortest(map.apply(*value)));
                }
            }
        }
    }

    /// Scores of each segment of each example of a batch, in rating units.
    fn score_batch(&self, examples: &[&TokenizedExample]) -> Vec<Vec<Vec<f64>>> {
        let (_, scores) = self.states_and_scores(examples);
        let [_, num_segments, num_aspects] = scores.dims();
        let values: Vec<f32> = scores.into_data().iter::<f32>().collect();
        let aspects = &self.text.config().aspects;
        let rating_units = |raw: &[f32]| -> Vec<f64> {
            let scaled = raw.iter().zip(aspects);
            scaled
                .map(|(&score, aspect)| shortest(aspect.scale.to_rating(f64::from(score))))
                .collect()
        };
        let rows = values.chunks(num_segments * num_aspects);
        let scores = examples.iter().zip(rows).map(|(example, row)| {
            let segments = row.chunks(num_aspects).take(example.segments.len());
            segments.map(rating_units).collect()
        });
        scores.collect()
    }
}

/// Tells whether the text settings and the tokenizer of a bundle fit its model: what does not would
/// end in a panic, or in scores under a wrong name.
fn check_text(text: &SegmentTokenizer, manifest: &Manifest, encoder: &EncoderConfig) -> Result<()> {
    if text.vocab_size() > encoder.vocab_size() {
        return Err(EvalError::Vocabulary {
            tokenizer: text.vocab_size(),
            model: encoder.vocab_size(),
        });
    }
    let disagreement = |key, found, expected| {
        Err(EvalError::BundleText {
            key,
            found,
            expected,
        })
    };
    let (max_length, positions) = (text.config().max_length, encoder.max_positions());
    if max_length > positions {
        let expected = format!("at most {positions}, the positions of the encoder in config.json");
        return disagreement("text.max_length", max_length.to_string(), expected);
    }
    if let Some(types) = encoder.sizes().num_token_types
        && text.max_type_id() as usize >= types
    {
        let expected = format!(
            "at most {}, as config.json has {types} token types",
            types - 1
        );
        let found = text.max_type_id().to_string();
        return disagreement(
            "the type id of the response in tokenizer.json",
            found,
            expected,
        );
    }
    let named: Vec<&str> = text
        .config()
        .aspects
        .iter()
        .map(|aspect| aspect.name.as_str())
        .collect();
    if named != manifest.aspects {
        let expected = format!("{:?}, the `aspects` beside it", manifest.aspects);
        return disagreement("text.aspects", format!("{named:?}"), expected);
    }
    Ok(())
}

/// The number whose decimal text is the shortest that reads back as the same `f32`.
///
/// Scores have no more digits than that, and a file of them says what was computed and no more.
fn shortest(score: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "scores are computed in f32"
    )]
    let single = score as f32;
    let text = single.to_string();
    text.parse().unwrap_or(score)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_shortest_text_reads_back_as_the_same_score(score in any::<f32>().prop_filter("finite", |s| s.is_finite())) {
            let short = shortest(f64::from(score));
            #[expect(clippy::cast_possible_truncation)]
            let again = short as f32;
            prop_assert_eq!(again.to_bits(), score.to_bits());
            let text = serde_json::to_string(&short).unwrap();
            let digits = text.split('e').next().unwrap_or_default().bytes().filter(u8::is_ascii_digit);
            prop_assert!(score.abs() >= 1e7 || score.abs() < 1e-5 || digits.count() <= 14, "{}", text);
        }
    }

    #[test]
    fn digits_that_say_nothing_are_left_out() {
        assert_eq!(
            serde_json::to_string(&shortest(-0.016_974_747_180_938_72)).unwrap(),
            "-0.016974747"
        );
    }
}
