//! A bundle that a run continues: what it hands down, and what may differ.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use gradus_bundle::{Aggregation, Bundle, BundleInfo, ContinuedBundle};
use gradus_data::{RatingScale, Stride, TextConfig};
use gradus_model::{ModelError, RewardModelConfig};

use super::{
    ChatTemplateOption, ContextOption, Freeze, ModelOptions, OffsetOption, ScaleOption,
    TextOptions, TrainConfig, default_learning_rate,
};
use crate::json::to_value;
use crate::{Result, TrainError};

/// How many times slower a continued run learns than the run that made the bundle.
const SLOWER: f64 = 5.0;

/// A bundle to continue, without its weights. [`EncoderSource::Bundle`](crate::EncoderSource::Bundle) trains it.
///
/// The model (encoder, pooling, head, adapters, output function) and the form of its input (aspects with their scales,
/// segmenter, chat template, separator, whether contexts are read) are the bundle's; a setting that says otherwise is
/// refused. How much of a text is read (`max_length`, `truncation`, `cut_segments`, `stride`) may change.
#[derive(Debug, Clone)]
pub struct SourceBundle {
    directory: PathBuf,
    info: BundleInfo,
}

impl SourceBundle {
    /// Opens the bundle in `directory`.
    ///
    /// # Errors
    /// [`TrainError::Model`] if it is not a bundle, is damaged, or is quantized.
    pub fn open(directory: &Path) -> Result<Self> {
        let info = Bundle::info(directory)?;
        if info.manifest.quantization.is_some() {
            return Err(ModelError::Quantized {
                path: directory.into(),
                wanted: "to train it",
            }
            .into());
        }
        Ok(Self {
            directory: directory.into(),
            info,
        })
    }

    /// The bundle.
    pub fn info(&self) -> &BundleInfo {
        &self.info
    }

    /// What a bundle that continues it says of it.
    pub fn described(&self) -> ContinuedBundle {
        ContinuedBundle::new(&self.directory, &self.info)
    }

    /// Its aggregation.
    pub fn aggregation(&self) -> Aggregation {
        self.info.manifest.aggregation
    }

    /// Its settings of text and targets.
    pub fn text_options(&self) -> TextOptions {
        let text = &self.info.manifest.text;
        TextOptions {
            max_length: text.max_length,
            truncation: text.truncation,
            cut_segments: text.cut_segments,
            stride: Stride::from(text),
            segmenter: text.segmenter.clone(),
            use_context: if text.use_context {
                ContextOption::Read
            } else {
                ContextOption::Leave
            },
            chat_template: ChatTemplateOption::Auto,
            aspects: self.info.manifest.aspects(),
            scale: scale_of(text),
        }
    }

    /// Its settings of the model.
    pub fn model_options(&self) -> ModelOptions {
        let RewardModelConfig {
            pooling,
            head,
            scalar_mix,
            lora,
            ..
        } = &self.info.config;
        ModelOptions {
            pooling: Some(pooling.clone()),
            head: head.clone(),
            scalar_mix: *scalar_mix,
            lora: lora.clone(),
            ..ModelOptions::default()
        }
    }

    /// The settings of a run that continues it: the objective that it was trained on, and small learning rates, a fifth
    /// of those that it was trained with; those of a bundle that was itself continued stay the same. If they are not
    /// known, a fifth of the default rates. Everything else has its default.
    pub fn train_config(&self) -> TrainConfig {
        let known = self.trained_with();
        TrainConfig {
            learning_rate: Some(self.learning_rate()),
            head_learning_rate: known.head_learning_rate / self.slower(),
            loss: known.loss,
            aspect_weights: known.aspect_weights,
            ranking: known.ranking,
            response_loss: known.response_loss,
            offset: self.info.manifest.trained_offset().cloned().into(),
            ..TrainConfig::default()
        }
    }

    /// The peak learning rate of the encoder in [`train_config`](Self::train_config).
    pub fn learning_rate(&self) -> f64 {
        let d_model = self.info.config.encoder.d_model();
        let known = self.trained_with().learning_rate;
        known.unwrap_or_else(|| default_learning_rate(d_model)) / self.slower()
    }

    /// The settings of the run that made it, as far as they are known.
    fn trained_with(&self) -> TrainConfig {
        let training = self.info.manifest.training.as_ref();
        let config = training.and_then(|training| training.run.get("config"));
        let config = config.and_then(|config| serde_json::from_value(config.clone()).ok());
        config.unwrap_or_default()
    }

    /// By how much a run that continues it learns slower than the run that made it.
    fn slower(&self) -> f64 {
        let training = self.info.manifest.training.as_ref();
        match training.and_then(|training| training.from.as_ref()) {
            Some(_) => 1.0,
            None => SLOWER,
        }
    }

    /// Refuses settings that are not the bundle's.
    ///
    /// # Errors
    /// [`TrainError::NotOfBundle`] with the setting, what was found and what the bundle has.
    pub fn check(
        &self,
        text: &TextOptions,
        model: &ModelOptions,
        training: &TrainConfig,
    ) -> Result<()> {
        let (own_text, own_model) = (self.text_options(), self.model_options());
        let mut aspects = &text.aspects;
        if aspects.is_empty() {
            aspects = &own_text.aspects;
        }
        self.same(
            "text.aspects",
            &aspects.join(","),
            &own_text.aspects.join(","),
        )?;
        self.same("text.scale", &text.scale, &own_text.scale)?;
        let segmenter = text.segmenter.clone().resolved()?;
        self.same("text.segmenter", &segmenter, &own_text.segmenter)?;
        if text.use_context != ContextOption::Auto {
            let [found, own] = [text.use_context, own_text.use_context].map(|one| to_value(&one));
            self.same("text.use_context", &found, &own)?;
        }
        self.same(
            "text.chat_template",
            &text.chat_template,
            &ChatTemplateOption::Auto,
        )?;
        let pooling = model.pooling.as_ref().or(own_model.pooling.as_ref());
        let [found, own] = [pooling, own_model.pooling.as_ref()].map(to_text);
        self.same("model.pooling", &found, &own)?;
        self.same("model.head", &model.head, &own_model.head)?;
        self.same("model.scalar_mix", &model.scalar_mix, &own_model.scalar_mix)?;
        let [found, own] = [&model.lora, &own_model.lora].map(|lora| to_text(lora.as_ref()));
        self.same("model.lora", &found, &own)?;
        let init_head = model.init_head.as_ref().map(|path| path.display());
        self.same("model.init_head", &to_text(init_head), "none")?;
        self.check_offset(&training.offset)?;
        if own_model.lora.is_some() {
            self.same("training.freeze", &training.freeze, &Freeze::Nothing)?;
        }
        Ok(())
    }

    /// Refuses an offset that is not the bundle's. One that is to be chosen is the bundle's.
    fn check_offset(&self, offset: &OffsetOption) -> Result<()> {
        let manifest = &self.info.manifest;
        let own = manifest.trained_offset();
        let agrees = match (offset.kinds(), own) {
            (Some(found), Some(own)) => found.agrees_with(own, &manifest.aspects()),
            (found, own) => found.is_none() == own.is_none(),
        };
        if agrees || *offset == OffsetOption::Auto {
            return Ok(());
        }
        self.same("training.offset", offset, &to_text(own))
    }

    fn same(
        &self,
        name: &'static str,
        found: &(impl Display + ?Sized),
        own: &(impl Display + ?Sized),
    ) -> Result<()> {
        let (found, expected) = (found.to_string(), own.to_string());
        if found == expected {
            return Ok(());
        }
        Err(TrainError::NotOfBundle {
            name,
            found,
            expected,
            bundle: self.directory.clone(),
        })
    }

    /// The text settings of a run with these options.
    pub(super) fn text_config(&self, options: &TextOptions) -> TextConfig {
        TextConfig {
            max_length: options.max_length,
            truncation: options.truncation,
            cut_segments: options.cut_segments,
            stride: options.stride.of_trained(self.info.manifest.text.stride),
            ..self.info.manifest.text.clone()
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }
}

fn to_text(value: Option<impl Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// The kind of the scales, which is that of the first aspect.
fn scale_of(text: &TextConfig) -> ScaleOption {
    match text.aspects.first().map(|aspect| &aspect.scale) {
        None | Some(RatingScale::Identity) => ScaleOption::Identity,
        Some(RatingScale::Standardized { .. }) => ScaleOption::Standardized,
        Some(&RatingScale::MinMax { min, max }) => ScaleOption::MinMax {
            low: min,
            high: max,
        },
    }
}
