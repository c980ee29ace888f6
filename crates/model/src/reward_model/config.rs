//! The configuration of a reward model.

use std::path::Path;
use std::sync::Arc;

use burn::module::Module as _;
use burn::tensor::Device;
use gradus_kernels::ScoringWeights;
use serde::{Deserialize, Serialize};

use super::RewardModel;
use crate::encoder::{BertConfig, DrawParameters, Encoder, EncoderConfig, checks};
use crate::error::{ConfigProblem, Result};
use crate::head::{Head, HeadConfig};
use crate::lora::{Attach, LoraConfig};
use crate::output::Output;
use crate::pooling::{Pooler, Pooling};
use crate::pretrained::check_layers;
use crate::scalar_mix::ScalarMix;
use crate::weights::{
    Naming, StoredTensor, join_steps, load_module, read_header, read_header_in_memory,
};

/// Configuration of a reward model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardModelConfig {
    /// Encoder.
    pub encoder: EncoderConfig,
    /// Pooling of token states to a segment vector.
    pub pooling: Pooling,
    /// Scores per segment, at least one.
    pub num_aspects: usize,
    /// Head from a segment's vector to its scores. Default: one linear layer.
    #[serde(default, skip_serializing_if = "HeadConfig::is_linear")]
    pub head: HeadConfig,
    /// Whether the head reads a [learned mix](ScalarMix) of the encoder's layers instead of the last one;
    /// for BERT, RoBERTa and XLM-RoBERTa. Default: no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scalar_mix: bool,
    /// Low-rank adapters of the encoder. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
    /// Output function from the head's values to scores. Default: identity.
    #[serde(default, skip_serializing_if = "Output::is_identity")]
    pub output: Output,
}

impl RewardModelConfig {
    /// A model with a linear head whose values are the scores.
    pub fn new(encoder: EncoderConfig, pooling: Pooling, num_aspects: usize) -> Self {
        Self {
            encoder,
            pooling,
            num_aspects,
            head: HeadConfig::default(),
            scalar_mix: false,
            lora: None,
            output: Output::default(),
        }
    }

    /// Validates the configuration.
    ///
    /// # Errors
    /// [`ModelError::Config`](crate::ModelError::Config) with the first invalid value.
    pub fn check(&self) -> Result<()> {
        checks::sizes(&[("num_aspects", self.num_aspects)])?;
        self.head.check()?;
        self.pooling.check()?;
        if let Some(lora) = &self.lora {
            lora.check()?;
        }
        self.encoder.check()?;
        Ok(self.check_together()?)
    }

    /// Refuses parts that are fine by themselves and do not go together.
    fn check_together(&self) -> std::result::Result<(), ConfigProblem> {
        let encoder = &self.encoder;
        ConfigProblem::unless(
            !(encoder.is_causal() && self.pooling.reads_what_follows()),
            "pooling",
            format!("`{}`", self.pooling),
            "another one for a decoder, whose scores must not depend on what follows the segment",
        )?;
        ConfigProblem::unless(
            !self.scalar_mix || encoder.has_layer_states(),
            "scalar_mix",
            format!(
                "true with an encoder of the family `{}`",
                encoder.model_type()
            ),
            "false, or an encoder of the family `bert`, `roberta` or `xlm-roberta`",
        )
    }

    /// A model with a randomly initialized encoder and head.
    ///
    /// The weights are initialized immediately, so that they are reproducible after
    /// `device.seed(..)`.
    ///
    /// # Panics
    /// If [`check`](Self::check) fails.
    pub fn init(&self, device: &Device) -> RewardModel {
        let model = self.assemble(self.encoder.init(device), device);
        model.visit(&mut DrawParameters);
        model
    }

    /// A model with a given encoder, such as one from
    /// [`PretrainedEncoder::load`](crate::PretrainedEncoder::load), and a new head.
    ///
    /// # Panics
    /// At the first forward pass, if the encoder's width differs from that of `self.encoder`.
    pub fn init_with(&self, encoder: Encoder, device: &Device) -> RewardModel {
        let model = self.assemble(encoder, device);
        model.visit(&mut DrawParameters);
        model
    }

    /// A model with lazy weights, so that only weights that are not loaded later are initialized.
    pub(crate) fn init_lazy(&self, device: &Device) -> RewardModel {
        let encoder = match &self.encoder {
            // Copying queries to keys would initialize them.
            EncoderConfig::Bert(config) => EncoderConfig::Bert(BertConfig {
                keys_start_as_queries: false,
                ..config.clone()
            })
            .init(device),
            other => other.init(device),
        };
        self.assemble(encoder, device)
    }

    /// The model with the weights of a file that [`RewardModel::save`] or [`RewardModel::save_quantized`]
    /// wrote; bytes become the numbers that they stand for.
    ///
    /// # Errors
    /// - [`ModelError::Config`](crate::ModelError::Config): more layers than the file has tensors for
    /// - [`ModelError::NotSafetensors`](crate::ModelError::NotSafetensors),
    ///   [`ModelError::DamagedSafetensors`](crate::ModelError::DamagedSafetensors),
    ///   [`ModelError::Weights`](crate::ModelError::Weights): the file is incomplete or has other tensors
    pub fn load(&self, weights: &Path, device: &Device) -> Result<RewardModel> {
        self.load_tensors(weights, read_header(weights)?, device)
    }

    /// The same for the content of such a file in memory, which errors call `weights`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_in_memory(
        &self,
        weights: &Path,
        content: Arc<[u8]>,
        device: &Device,
    ) -> Result<RewardModel> {
        self.load_tensors(weights, read_header_in_memory(weights, content)?, device)
    }

    fn load_tensors(
        &self,
        weights: &Path,
        tensors: Vec<StoredTensor>,
        device: &Device,
    ) -> Result<RewardModel> {
        check_layers(&self.encoder, "encoder.num_layers", &tensors)?;
        let mut model = self.init_lazy(device);
        load_module(&mut model, weights, join_steps(tensors), Naming::Own)?;
        Ok(model)
    }

    fn assemble(&self, encoder: Encoder, device: &Device) -> RewardModel {
        let d_model = self.encoder.d_model();
        let encoder = match &self.lora {
            Some(lora) => encoder.apply_reparameterization(Attach(lora)),
            None => encoder,
        };
        RewardModel {
            encoder,
            head: Head::new(
                self.head.clone(),
                self.pooling.d_output(d_model),
                self.num_aspects,
                device,
            ),
            pooling: Pooler::new(&self.pooling, d_model, device),
            mix: self
                .scalar_mix
                .then(|| ScalarMix::new(self.encoder.sizes().num_layers, device)),
            output: self.output,
            weights: ScoringWeights::default(),
        }
    }
}
