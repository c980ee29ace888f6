//! Scores text with a trained bundle.
//!
//! One way leads from text to scores: an example is cut into segments and tokenized (`prepare`, and
//! `prefetch` ahead on a thread), the model reads batches of what comes out (`forward`), and the scores
//! are recalibrated (here).

mod forward;
mod prefetch;
mod prepare;
mod record;
mod scores;

use std::path::Path;
use std::sync::Arc;

use burn::prelude::*;
use burn::tensor::read_sync;
use gradus_bundle::{Bundle, Manifest, Offset, OffsetUse, PredictionInterval, ScoringChoices};
use gradus_data::{BatchSize, CutSegments, Example, SegmentTokenizer, TextConfig};
use gradus_model::{Precision, RewardModel, SegmentModel};

use crate::calibration::{Recalibration, Recalibrations};
use crate::{Aggregation, Result};

pub(crate) use self::forward::SegmentRows;
pub use self::prefetch::PreparedChunk;
pub use self::prepare::{PreparedExample, Preparer};
pub(crate) use self::scores::shortest;
pub use self::scores::{ExampleScores, SegmentScore};

/// Scores segments with a trained model: that of a bundle, or any [`SegmentModel`] ([`of_model`](Self::of_model)).
///
/// A score does not depend on other examples of the batch, nor on which segments of a response are listed or rated:
/// padding is masked, and the batch size affects only the speed. If the bundle has a recalibration, scores are
/// recalibrated; see [`raw`](Self::raw).
///
/// [`score`](Self::score) does all of it. A program that tokenizes on some threads and computes on
/// another takes the two steps apart: a clone of [`preparer`](Self::preparer) makes a
/// [`PreparedExample`] of each example, and [`score_prepared`](Self::score_prepared) scores any number
/// of them.
pub struct Scorer<M: SegmentModel = RewardModel> {
    model: M,
    preparer: Preparer,
    manifest: Manifest,
    aggregation: Aggregation,
    recalibrations: Option<Recalibrations>,
    causal: bool,
    raw: bool,
    /// The precision of the encoder's products; that of a model without a bundle is not known, and counts as `f32`.
    precision: Precision,
    /// The offset of the bundle, used or not.
    offset: Option<Arc<Offset>>,
    batch: BatchSize,
    device: Device,
}

impl Scorer {
    /// Loads a bundle directory onto a device.
    ///
    /// # Errors
    /// If the bundle has a missing, foreign or damaged part, or one that does not fit the others.
    pub fn load(directory: &Path, device: &Device) -> Result<Self> {
        let (bundle, tokenizer) = Bundle::load_with_tokenizer(directory, device)?;
        Ok(Self::of(bundle, tokenizer, device))
    }

    /// A scorer of a bundle in memory, whose weights are on `device`.
    ///
    /// # Errors
    /// If tokenizer, text settings and model do not fit together.
    pub fn new(bundle: Bundle, device: &Device) -> Result<Self> {
        let tokenizer = bundle.segment_tokenizer()?;
        Ok(Self::of(bundle, tokenizer, device))
    }

    fn of(bundle: Bundle, tokenizer: SegmentTokenizer, device: &Device) -> Self {
        let precision = bundle.manifest.precision();
        let scorer = Self {
            causal: bundle.config.encoder.is_causal(),
            recalibrations: bundle.recalibration,
            offset: bundle.offset.map(Arc::new),
            ..Self::with_manifest(bundle.model, tokenizer, bundle.manifest, device)
        };
        scorer
            .with_precision(precision)
            .with_offset(OffsetUse::Keep)
    }

    /// Computes the encoder's matrix products in this precision, or in `f32` where the device has no such
    /// products ([`Precision::on`]). Default: `int8` for a quantized bundle, otherwise `f32`.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.model = self.model.with_precision(precision, &self.device);
        self.precision = self.model.precision();
        self
    }

    /// The precision of the encoder's matrix products.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether scores are linear in the pooled states.
    pub(crate) fn is_linear_in_states(&self) -> bool {
        self.model.is_linear_in_pooled()
    }
}

impl<M: SegmentModel> Scorer<M> {
    /// A scorer of a model without a bundle, whose weights are on `device`. `tokenizer` is that of training: its aspects
    /// are the model's scores, in their order. There is no recalibration.
    pub fn of_model(
        model: M,
        tokenizer: SegmentTokenizer,
        aggregation: Aggregation,
        device: &Device,
    ) -> Self {
        let manifest = Manifest::new(tokenizer.config().clone(), aggregation);
        Self::with_manifest(model, tokenizer, manifest, device)
    }

    fn with_manifest(
        model: M,
        tokenizer: SegmentTokenizer,
        manifest: Manifest,
        device: &Device,
    ) -> Self {
        Self {
            model,
            preparer: Preparer {
                stride: tokenizer.config().stride,
                tokenizer: Arc::new(tokenizer),
                offset: None,
            },
            aggregation: manifest.aggregation,
            causal: false,
            manifest,
            recalibrations: None,
            raw: false,
            precision: Precision::F32,
            offset: None,
            batch: BatchSize::Tokens(4096),
            device: device.clone(),
        }
    }

    /// Scores a response that is longer than the model reads in overlapping windows that begin at
    /// multiples of `stride` tokens, see [`SegmentTokenizer::tokenize_windows`], or cuts it (`None`). Default: as in the
    /// bundle, and thus as in training.
    ///
    /// # Panics
    /// If `stride` is 0.
    #[must_use]
    pub fn with_stride(mut self, stride: impl Into<Option<usize>>) -> Self {
        self.preparer = self.preparer.with_stride(stride);
        self
    }

    /// Sets the treatment of segments that do not fit completely. Default: as in the bundle, and thus as in
    /// training.
    #[must_use]
    pub fn with_cut_segments(mut self, policy: CutSegments) -> Self {
        self.preparer.set_cut_segments(policy);
        self
    }

    /// Sets the size of batches. Default: 4,096 tokens, including padding.
    #[must_use]
    pub fn with_batch_size(mut self, batch: BatchSize) -> Self {
        self.batch = batch;
        self
    }

    /// Sets the aggregation of segment scores to response scores. Default: as in the bundle.
    #[must_use]
    pub fn with_aggregation(mut self, aggregation: Aggregation) -> Self {
        self.aggregation = aggregation;
        self
    }

    /// Keeps or drops the offset of the bundle, the baseline that its model was trained or is stacked beside. Default: kept,
    /// for the best predictions of ratings. Dropped, scores are those of the model alone, as the training of a policy wants
    /// them; a model that was trained beside the baseline is then free of what that knows.
    ///
    /// Recalibration and thresholds were fitted to scores with the offset, so they are not used without it. Does
    /// nothing for a bundle without an offset.
    #[must_use]
    pub fn with_offset(mut self, choice: OffsetUse) -> Self {
        self.preparer.offset = match choice {
            OffsetUse::Keep => self.offset.clone(),
            OffsetUse::Drop => None,
        };
        self
    }

    /// What becomes of the offset of the bundle; `None` if it has none.
    pub fn offset_use(&self) -> Option<OffsetUse> {
        let kept = self.preparer.offset.is_some();
        let choice = if kept {
            OffsetUse::Keep
        } else {
            OffsetUse::Drop
        };
        self.offset.is_some().then_some(choice)
    }

    /// The offset of the bundle, kept or dropped.
    pub fn offset(&self) -> Option<&Offset> {
        self.offset.as_deref()
    }

    /// Whether the offset is left out, with which recalibration and thresholds were fitted.
    fn drops_offset(&self) -> bool {
        self.offset_use() == Some(OffsetUse::Drop)
    }

    /// Turns the bundle's recalibration off.
    #[must_use]
    pub fn raw(mut self) -> Self {
        self.raw = true;
        self
    }

    /// Whether the bundle's recalibration is turned off.
    pub fn is_raw(&self) -> bool {
        self.raw
    }

    /// The bundle's recalibrations, if it has any that fit its scores: they were fitted to scores with the
    /// [offset](Self::with_offset).
    pub fn recalibrations(&self) -> Option<&Recalibrations> {
        self.recalibrations
            .as_ref()
            .filter(|_| !self.drops_offset())
    }

    /// How segment scores become a response score.
    pub fn aggregation(&self) -> Aggregation {
        self.aggregation
    }

    /// Names of the aspects, in the order of the scores.
    pub fn aspects(&self) -> impl Iterator<Item = &str> {
        self.text_config()
            .aspects
            .iter()
            .map(|aspect| aspect.name.as_str())
    }

    /// Whether the score of a segment depends only on the text up to its end, as with decoders without an offset, which reads
    /// how long the response is. Other models read the whole response; a model without a bundle counts as one of them.
    pub fn is_causal(&self) -> bool {
        self.causal && self.preparer.offset.is_none()
    }

    /// The bundle's manifest. That of a model without a bundle has its text settings and aggregation only.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Cuts a response without segments by the bundle's segmenter. Other responses stay as they are.
    ///
    /// # Errors
    /// If the response cannot be cut.
    pub fn segment(&self, example: &mut Example) -> Result<()> {
        self.preparer.segment(example)
    }

    /// Scores every segment of every example, and every response. Ratings are not read.
    ///
    /// # Errors
    /// Those of [`Preparer::prepare`] and [`score_prepared`](Self::score_prepared).
    pub fn score(&self, examples: &[Example]) -> Result<Vec<ExampleScores>> {
        read_sync(self.score_async(examples))
    }

    /// [`score`](Self::score) where nothing may wait for a device, as in a browser.
    ///
    /// # Errors
    /// Those of [`score`](Self::score).
    pub async fn score_async(&self, examples: &[Example]) -> Result<Vec<ExampleScores>> {
        let prepared = self.prepare_all(examples)?;
        Ok(self.finish_all(self.raw_scores_async(&prepared).await?))
    }

    /// Tokenizes examples, also on other threads.
    pub fn preparer(&self) -> &Preparer {
        &self.preparer
    }

    /// Reads, cuts and tokenizes examples ahead on another thread, in chunks of at most `size`, while
    /// [`score_prepared`](Self::score_prepared) scores the chunk before. Batches are planned within
    /// a chunk, and three of them are in memory at a time, however long the source is.
    ///
    /// The first error is the last item: one of the source or of [`Preparer::prepare`], or that the
    /// thread cannot be started or panicked.
    pub fn prefetch(
        &self,
        source: impl Iterator<Item = gradus_data::Result<Example>> + Send + 'static,
        size: usize,
    ) -> impl Iterator<Item = Result<PreparedChunk>> {
        prefetch::chunks(self.preparer.clone(), source, size)
    }

    /// Scores prepared examples, in their order.
    ///
    /// # Errors
    /// - [`EvalError::Device`](crate::EvalError::Device): the device could not compute the scores
    /// - [`EvalError::ScoreNotFinite`](crate::EvalError::ScoreNotFinite): a score is NaN or infinite
    pub fn score_prepared<'a>(
        &self,
        prepared: impl IntoIterator<Item = &'a PreparedExample>,
    ) -> Result<Vec<ExampleScores>> {
        Ok(self.finish_all(self.raw_scores(prepared)?))
    }

    fn finish_all(&self, mut scores: Vec<ExampleScores>) -> Vec<ExampleScores> {
        for scores in &mut scores {
            self.finish(scores, self.aggregation, self.raw);
        }
        scores
    }

    /// Scores prepared examples without recalibration, whatever [`raw`](Self::raw) says, and without response
    /// scores: the first half of [`score_prepared`](Self::score_prepared), if each example has settings of its
    /// own.
    ///
    /// # Errors
    /// Those of [`score_prepared`](Self::score_prepared).
    pub fn raw_scores<'a>(
        &self,
        prepared: impl IntoIterator<Item = &'a PreparedExample>,
    ) -> Result<Vec<ExampleScores>> {
        read_sync(self.raw_scores_async(prepared))
    }

    /// [`raw_scores`](Self::raw_scores) where nothing may wait for a device, as in a browser.
    ///
    /// # Errors
    /// Those of [`score_prepared`](Self::score_prepared).
    pub async fn raw_scores_async<'a>(
        &self,
        prepared: impl IntoIterator<Item = &'a PreparedExample>,
    ) -> Result<Vec<ExampleScores>> {
        let prepared: Vec<&PreparedExample> = prepared.into_iter().collect();
        self.forward(&prepared).await
    }

    /// Marks doubtful segments, recalibrates raw scores, if the bundle has a recalibration and `raw` is false, gives them
    /// the bundle's prediction intervals, where these hold, and computes the response score.
    pub fn finish(&self, scores: &mut ExampleScores, aggregation: Aggregation, raw: bool) {
        scores.doubtful = self.doubtful(&scores.segments);
        recalibrate(&mut scores.segments, &self.applied(raw));
        let choices = self.choices(raw, scores.stride);
        scores.half_widths = self.half_widths(choices);
        scores.response = self.response_scores(&scores.segments, aggregation, raw);
    }

    /// Tokenizes examples and returns their [`raw_scores`](Self::raw_scores).
    pub(crate) fn score_raw(&self, examples: &[Example]) -> Result<Vec<ExampleScores>> {
        let prepared = self.prepare_all(examples)?;
        self.raw_scores(&prepared)
    }

    fn prepare_all(&self, examples: &[Example]) -> Result<Vec<PreparedExample>> {
        let prepared = examples
            .iter()
            .map(|example| self.preparer.prepare(example));
        prepared.collect()
    }

    /// The score of a response, one entry per aspect, given those of its segments: aggregated, and
    /// then mapped where the bundle has a recalibration of response scores that was fitted for this
    /// aggregation. `None` for an aspect without a score.
    fn response_scores(
        &self,
        segments: &[SegmentScore],
        aggregation: Aggregation,
        raw: bool,
    ) -> Vec<Option<f64>> {
        let maps = self.recalibrations().filter(|_| !raw);
        let of_aspect = |(aspect, name): (usize, &str)| {
            let scores: Vec<f64> = segments
                .iter()
                .filter_map(SegmentScore::scores)
                .map(|scores| scores[aspect])
                .collect();
            let score = aggregation.aggregate(&scores)?;
            let map = maps.and_then(|maps| maps.of_responses(name, aggregation));
            Some(shortest(map.map_or(score, |map| map.apply(score))))
        };
        self.aspects().enumerate().map(of_aspect).collect()
    }

    /// How scores come about, which decides whether the bundle's prediction intervals hold for them.
    pub fn scoring_choices(&self) -> ScoringChoices {
        self.choices(self.raw, self.preparer.stride)
    }

    fn choices(&self, raw: bool, stride: Option<usize>) -> ScoringChoices {
        ScoringChoices {
            recalibrated: !raw && self.recalibrations().is_some(),
            offset: self.offset_use(),
            precision: self.precision,
            stride,
            cut_segments: self.text_config().cut_segments,
        }
    }

    /// The bundle's prediction interval of an aspect, if it has one that holds for these scores: it was learned on scores
    /// with the same recalibration, offset, precision, windows and treatment of cut segments.
    pub fn prediction_interval(&self, aspect: &str) -> Option<&PredictionInterval> {
        let choices = self.scoring_choices();
        let found = self.manifest.prediction_intervals.get(aspect);
        found.filter(|interval| interval.scored_with == choices)
    }

    /// Half widths of the prediction intervals that hold for such scores, by aspect.
    fn half_widths(&self, choices: ScoringChoices) -> Vec<Option<f64>> {
        let intervals = &self.manifest.prediction_intervals;
        if intervals.is_empty() {
            return Vec::new();
        }
        let of_aspect = |aspect: &str| {
            let holds = intervals
                .get(aspect)
                .filter(|interval| interval.scored_with == choices);
            holds.map(|interval| interval.half_width)
        };
        self.aspects().map(of_aspect).collect()
    }

    /// Whether raw scores are at most the bundle's thresholds, by segment and aspect; empty without thresholds.
    fn doubtful(&self, segments: &[SegmentScore]) -> Vec<Vec<bool>> {
        let thresholds = &self.manifest.thresholds;
        if thresholds.is_empty() || self.drops_offset() {
            return Vec::new();
        }
        let thresholds: Vec<Option<f64>> = self
            .aspects()
            .map(|aspect| Some(thresholds.get(aspect)?.threshold))
            .collect();
        let of_segment = |score: &SegmentScore| {
            let is_doubtful = |(aspect, threshold): (usize, &Option<f64>)| {
                let score = score.scores().map(|scores| scores[aspect]);
                score
                    .zip(*threshold)
                    .is_some_and(|(score, threshold)| score <= threshold)
            };
            thresholds.iter().enumerate().map(is_doubtful).collect()
        };
        segments.iter().map(of_segment).collect()
    }

    /// How the bundle turns text into tokens.
    pub fn text_config(&self) -> &TextConfig {
        self.tokenizer().config()
    }

    /// The tokenizer.
    pub(crate) fn tokenizer(&self) -> &SegmentTokenizer {
        &self.preparer.tokenizer
    }

    /// The recalibration of every aspect, if it has one and `raw` is false.
    fn applied(&self, raw: bool) -> Vec<Option<&Recalibration>> {
        let recalibrations = self.recalibrations().filter(|_| !raw);
        let of_aspect = |aspect| recalibrations?.of(aspect);
        self.aspects().map(of_aspect).collect()
    }
}

/// Recalibrates segment scores on the aspects that have a map.
fn recalibrate(scores: &mut [SegmentScore], maps: &[Option<&Recalibration>]) {
    for score in scores {
        if let SegmentScore::Scored(values) | SegmentScore::Cut(values) = score {
            for (value, map) in values.iter_mut().zip(maps) {
                *value = map.map_or(*value, |map| shortest(map.apply(*value)));
            }
        }
    }
}
