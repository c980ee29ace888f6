//! Settings of the model on top of the encoder.

use std::ops::Deref;
use std::path::PathBuf;

use gradus_model::{HeadConfig, LoraConfig, ModelError, Pooling};
use serde::{Deserialize, Serialize};

use super::{CheckedConfig, Freeze};
use crate::{Result, TrainError};

/// Settings of the model on top of the encoder: the `[model]` table of a run configuration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelOptions {
    /// Pooling of token states to segment vectors. Default: depends on the encoder, see
    /// [`EncoderConfig::default_pooling`](gradus_model::EncoderConfig::default_pooling).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Layers from segment vectors to scores. Default: one linear layer.
    pub head: HeadConfig,
    /// Whether the head reads a learned mix of the encoder's layers instead of the last one; for BERT,
    /// RoBERTa and XLM-RoBERTa. Default: no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub scalar_mix: bool,
    /// Low-rank adapters; the rest of the encoder is then frozen. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
    /// Bundle with the initial head, for example of a probe. Default: a random head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_head: Option<PathBuf>,
    /// Maximum number of new parameters: head, adapters, and all of an encoder from scratch. A configuration with more
    /// is refused before memory is allocated. At least 1, default 1,000,000,000 (4 GB).
    #[serde(skip_serializing_if = "ParameterLimit::is_default")]
    pub max_parameters: ParameterLimit,
}

/// Maximum number of new parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterLimit(pub usize);

impl Default for ParameterLimit {
    fn default() -> Self {
        Self(1_000_000_000)
    }
}

impl ParameterLimit {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses a model with more new parameters.
    ///
    /// # Errors
    /// [`TrainError::Setting`].
    pub(crate) fn check(self, parameters: usize) -> Result<()> {
        if parameters <= self.0 {
            return Ok(());
        }
        Err(TrainError::Setting {
            name: "model.max_parameters",
            found: format!("{} for a model with {parameters} new parameters", self.0),
            expected: "at least as many as the model has, or a smaller model",
        })
    }
}

impl ModelOptions {
    /// Refuses settings that are out of range or contradict each other, before any work is done.
    ///
    /// # Errors
    /// [`TrainError::Model`] for a value out of range, [`TrainError::Setting`] for adapters of an
    /// encoder that `freeze` already freezes.
    pub fn check(mut self, training: &CheckedConfig) -> Result<CheckedModel> {
        let pooling = self.pooling.take().map(Pooling::resolved).transpose();
        self.pooling = pooling.map_err(ModelError::from)?;
        let head = std::mem::take(&mut self.head).resolved();
        self.head = head.map_err(ModelError::from)?;
        self.head.check().map_err(ModelError::from)?;
        let Some(lora) = &self.lora else {
            return Ok(CheckedModel(self));
        };
        lora.check().map_err(ModelError::from)?;
        if training.freeze == Freeze::Nothing {
            return Ok(CheckedModel(self));
        }
        Err(TrainError::Setting {
            name: "freeze",
            found: format!("`{}` together with `lora`", training.freeze),
            expected: "`none`: adapters already freeze the matrices of the encoder",
        })
    }
}

/// Checked [`ModelOptions`], made by [`ModelOptions::check`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CheckedModel(ModelOptions);

impl Deref for CheckedModel {
    type Target = ModelOptions;

    fn deref(&self) -> &ModelOptions {
        &self.0
    }
}
