//! The model to measure.

use std::path::Path;

use burn::module::Module as _;
use burn::tensor::Device;
use gradus_bundle::{Aggregation, Bundle, Manifest};
use gradus_data::{AspectSpec, TextConfig, word_level_tokenizer};
use gradus_eval::Scorer;
use gradus_model::encoder::BertConfig;
use gradus_model::{
    EncoderConfig, LoraConfig, Pooling, Precision, PretrainedEncoder, RewardModel,
    RewardModelConfig,
};
use serde::Serialize;

use super::{BenchError, full_rows};

/// Dropout probabilities on hidden states and on attention weights, each in `[0, 1)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DropoutRates {
    /// On hidden states.
    pub hidden: f64,
    /// On attention weights.
    pub attention: f64,
}

/// The model to measure, on a device.
#[derive(Debug, Clone)]
pub struct Subject {
    bundle: Bundle,
    aspects: Vec<AspectSpec>,
    dropout: Option<DropoutRates>,
    precision: Precision,
}

impl Subject {
    /// Seed of random weights.
    const SEED: u64 = 0;

    /// The sizes of MiniLM-L6: 6 layers of width 384 with 12 heads, feed-forward width 1,536 and
    /// 30,522 token ids.
    pub fn minilm_l6() -> EncoderConfig {
        EncoderConfig::Bert(BertConfig::new(30_522, 384, 6, 12))
    }

    /// A model with random weights, mean pooling, a linear head for one aspect, and optional
    /// adapters.
    ///
    /// # Errors
    /// [`BenchError::Model`] if it cannot be built.
    pub fn synthetic(
        encoder: EncoderConfig,
        lora: Option<LoraConfig>,
        device: &Device,
    ) -> Result<Self, BenchError> {
        let config = RewardModelConfig {
            lora,
            ..RewardModelConfig::new(encoder, Pooling::Mean, 1)
        };
        config.check()?;
        device.seed(Self::SEED);
        let model = config.init(device);
        Self::with_new_head(config, model)
    }

    /// A pretrained encoder in a Hugging Face directory, with a new head as in
    /// [`synthetic`](Self::synthetic).
    ///
    /// # Errors
    /// [`BenchError::Model`] if it cannot be read.
    pub fn pretrained(
        directory: &Path,
        lora: Option<LoraConfig>,
        device: &Device,
    ) -> Result<Self, BenchError> {
        let pretrained = PretrainedEncoder::open(directory)?;
        let (encoder, _report) = pretrained.load(device)?;
        let config = RewardModelConfig {
            lora,
            ..RewardModelConfig::new(pretrained.config().clone(), Pooling::Mean, 1)
        };
        config.check()?;
        device.seed(Self::SEED);
        let model = config.init_with(encoder, device);
        Self::with_new_head(config, model)
    }

    /// A trained bundle.
    ///
    /// # Errors
    /// [`BenchError::Model`] if it cannot be loaded.
    pub fn bundle(directory: &Path, device: &Device) -> Result<Self, BenchError> {
        let bundle = Bundle::load(directory, device)?;
        let aspects = bundle.manifest.text.aspects.clone();
        let precision = bundle.manifest.precision();
        Ok(Self {
            bundle,
            aspects,
            dropout: None,
            precision,
        })
    }

    fn with_new_head(config: RewardModelConfig, model: RewardModel) -> Result<Self, BenchError> {
        let text = TextConfig {
            max_length: config.encoder.max_positions(),
            ..TextConfig::default()
        };
        let aspects = text.aspects.clone();
        let bundle = Bundle {
            manifest: Manifest::new(text, Aggregation::Mean),
            config,
            model,
            // Rows are already tokens, but a scorer requires a tokenizer.
            tokenizer: word_level_tokenizer(["word"])?,
            recalibration: None,
            offset: None,
        };
        Ok(Self {
            bundle,
            aspects,
            dropout: None,
            precision: Precision::F32,
        })
    }

    /// The same weights with other dropout in the encoder.
    ///
    /// # Errors
    /// [`BenchError::Model`] for a probability outside `[0, 1)`.
    pub fn with_dropout(
        mut self,
        rates: DropoutRates,
        device: &Device,
    ) -> Result<Self, BenchError> {
        let config = &mut self.bundle.config;
        config.encoder = config
            .encoder
            .clone()
            .with_dropout(rates.hidden, rates.attention);
        config.check()?;
        let record = self.bundle.model.into_record();
        self.bundle.model = config.init(device).load_record(record);
        self.dropout = Some(rates);
        Ok(self)
    }

    /// Scores and trains in this precision, or in `f32` where the device does not have it; `f16` and
    /// `int8` are for scoring only, and train in `f32`. Default: `int8` for a quantized bundle, otherwise `f32`.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// The precision in which it scores, and trains if it is `f32` or `bf16`.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Dropout in the encoder while training; `None` for the model's own.
    pub fn dropout(&self) -> Option<DropoutRates> {
        self.dropout
    }

    /// The model's configuration.
    pub fn config(&self) -> &RewardModelConfig {
        &self.bundle.config
    }

    /// The aspects, in the order of the scores.
    pub fn aspects(&self) -> &[AspectSpec] {
        &self.aspects
    }

    /// Checks that the model accepts rows of this length.
    ///
    /// # Errors
    /// [`BenchError`] as [`full_rows`](super::full_rows).
    pub fn check_length(&self, length: usize) -> Result<(), BenchError> {
        full_rows(&self.config().encoder, 1, 1, length, 0).map(drop)
    }

    /// Number of parameters.
    pub fn num_parameters(&self) -> usize {
        self.bundle.model.num_params()
    }

    pub(super) fn model(&self) -> RewardModel {
        self.bundle.model.clone()
    }

    pub(super) fn scorer(&self, device: &Device) -> Result<Scorer, BenchError> {
        let scorer = Scorer::new(self.bundle.clone(), device)?;
        Ok(scorer.with_precision(self.precision))
    }
}
