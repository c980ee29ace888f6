//! The reward model: encoder, pooling, head.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Bool, Device, Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::encoder::{BertConfig, DrawParameters, Encoder, EncoderConfig, checks};
use crate::error::Result;
use crate::head::{Head, HeadConfig};
use crate::lora::{Attach, LoraConfig};
use crate::output::Output;
use crate::pooling::{Pooler, Pooling, TokenStates};
use crate::pretrained::check_layers;
use crate::weights::{Naming, load_module, read_header, save_module};

/// Model input: a batch of tokenized responses with segment spans.
#[derive(Debug, Clone)]
pub struct SegmentInput {
    /// `[batch_size, seq_length]`, each below the encoder's vocabulary size.
    pub token_ids: Tensor<2, Int>,
    /// `[batch_size, seq_length]`: 0 for the prompt, 1 for the response.
    pub type_ids: Tensor<2, Int>,
    /// `[batch_size, seq_length]`, true for padding.
    pub mask_pad: Tensor<2, Bool>,
    /// `[batch_size, num_spans, 2]`: first token and one past the last of the spans that can
    /// contain segments, such as each response; `None` for all tokens. The last layer computes only
    /// their states. They must not depend on which segments are listed, so that scores do not, bit
    /// for bit.
    pub response_spans: Option<Tensor<3, Int>>,
    /// `[batch_size, num_segments, 2]`: first token and one past the last; `(0, 0)` for absent
    /// segments of responses with fewer than `num_segments`.
    pub segment_spans: Tensor<3, Int>,
}

/// What the model reads of a padded batch: token ids, type ids, padding mask, spans of the responses and
/// spans of the segments, of the shapes of [`SegmentInput`]'s fields, in their order.
///
/// So are batches turned into inputs by crates that know neither this one nor its types.
impl
    From<(
        Tensor<2, Int>,
        Tensor<2, Int>,
        Tensor<2, Bool>,
        Tensor<3, Int>,
        Tensor<3, Int>,
    )> for SegmentInput
{
    fn from(
        (token_ids, type_ids, mask_pad, response_spans, segment_spans): (
            Tensor<2, Int>,
            Tensor<2, Int>,
            Tensor<2, Bool>,
            Tensor<3, Int>,
            Tensor<3, Int>,
        ),
    ) -> Self {
        Self {
            token_ids,
            type_ids,
            mask_pad,
            response_spans: Some(response_spans),
            segment_spans,
        }
    }
}

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
        self.encoder.check()
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

    /// The model with the weights of a file that [`RewardModel::save`] wrote.
    ///
    /// # Errors
    /// - [`ModelError::Config`](crate::ModelError::Config): more layers than the file has tensors for
    /// - [`ModelError::NotSafetensors`](crate::ModelError::NotSafetensors),
    ///   [`ModelError::DamagedSafetensors`](crate::ModelError::DamagedSafetensors),
    ///   [`ModelError::Weights`](crate::ModelError::Weights): the file is not whole, or holds other tensors
    pub fn load(&self, weights: &Path, device: &Device) -> Result<RewardModel> {
        let tensors = read_header(weights)?;
        check_layers(&self.encoder, "encoder.num_layers", &tensors)?;
        let mut model = self.init_lazy(device);
        load_module(&mut model, weights, tensors, Naming::Own)?;
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
            output: self.output,
        }
    }
}

/// The reward model: encodes prompt and response once and computes one score per segment and
/// aspect:
///
/// ```text
/// r(x, y, y_k) = output(head(pool({ encoder(x, y)_t : t in y_k })))
/// ```
#[derive(Module, Debug)]
pub struct RewardModel {
    encoder: Encoder,
    head: Head,
    pooling: Pooler,
    #[module(skip)]
    output: Output,
}

impl RewardModel {
    /// Saves the weights as safetensors, as `f32`, named as the modules are
    /// (`encoder.layers.0.attention.query.weight`), matrices `[d_input, d_output]`.
    ///
    /// # Errors
    /// If a weight cannot be read back from its device, or writing fails.
    pub fn save(&self, path: &Path) -> Result<()> {
        save_module(self, path)
    }

    /// A model of these parts: an [`Encoder`], or a [`TokenEncoder`](crate::encoder::TokenEncoder) of
    /// another program; a [`Pooler`], or a [`SegmentPooling`](crate::SegmentPooling); a [`Head`], or a
    /// [`ScoreHead`](crate::ScoreHead). Their widths have to fit. Weights that are still lazy are drawn.
    pub fn from_parts(
        encoder: impl Into<Encoder>,
        pooling: impl Into<Pooler>,
        head: impl Into<Head>,
        output: Output,
    ) -> Self {
        let model = Self {
            encoder: encoder.into(),
            head: head.into(),
            pooling: pooling.into(),
            output,
        };
        model.visit(&mut DrawParameters);
        model
    }

    /// Scores on the training scale. A score does not depend on its batch.
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, num_aspects]`; scores of absent segments are
    ///   meaningless
    ///
    /// # Panics
    /// As [`raw`](Self::raw).
    pub fn forward(&self, input: SegmentInput) -> Tensor<3> {
        self.scores_of(self.pooled(input))
    }

    /// Computes scores from the result of [`pooled`](Self::pooled).
    ///
    /// # Shapes
    /// - `pooled`: `[batch_size, num_segments, d_model]`
    /// - returns: `[batch_size, num_segments, num_aspects]`, on the training scale
    pub fn scores_of(&self, pooled: Tensor<3>) -> Tensor<3> {
        self.output.forward(self.head.forward(pooled))
    }

    /// Whether scores are linear in the result of [`pooled`](Self::pooled).
    pub fn is_linear_in_pooled(&self) -> bool {
        self.head.is_linear() && self.output == Output::Identity
    }

    /// Computes the head's values before the output function, such as logits.
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, num_aspects]`
    ///
    /// # Panics
    /// As [`pooled`](Self::pooled).
    pub fn raw(&self, input: SegmentInput) -> Tensor<3> {
        self.head.forward(self.pooled(input))
    }

    /// Computes the head's input: the pooled state of each segment.
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, d_model]`; zeros for absent segments
    ///
    /// # Panics
    /// If the shapes do not match, or the sequence exceeds the encoder's positions: see
    /// [`EncoderConfig::check_sequence`].
    pub fn pooled(&self, input: SegmentInput) -> Tensor<3> {
        let SegmentInput {
            token_ids,
            type_ids,
            mask_pad,
            response_spans,
            segment_spans,
        } = input;
        let read = response_spans.filter(|_| !self.pooling.reads_prompt());
        let hidden = match read {
            Some(read) => {
                let (types, pad) = (type_ids.clone(), mask_pad.clone());
                self.encoder.forward_within(token_ids, types, pad, read)
            }
            None => self
                .encoder
                .forward(token_ids, type_ids.clone(), mask_pad.clone()),
        };
        self.pooling.forward(TokenStates {
            hidden,
            segment_spans,
            type_ids,
            mask_pad,
        })
    }

    /// [`raw`](Self::raw) on an autodiff device with a frozen encoder: without dropout and
    /// gradients in the encoder.
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, num_aspects]`
    ///
    /// # Panics
    /// As [`raw`](Self::raw).
    pub fn raw_on_frozen_encoder(&self, input: SegmentInput) -> Tensor<3> {
        let read = input.response_spans;
        let read = read.filter(|_| !self.pooling.reads_prompt());
        let hidden = self.encoder.states_in_inference(
            input.token_ids,
            input.type_ids.clone(),
            input.mask_pad.clone(),
            read,
        );
        self.head.forward(self.pooling.forward(TokenStates {
            hidden,
            segment_spans: input.segment_spans,
            type_ids: input.type_ids,
            mask_pad: input.mask_pad,
        }))
    }

    /// Replaces the head by one of the same width and number of aspects.
    #[must_use]
    pub fn with_head(mut self, head: Head) -> Self {
        self.head = head;
        self
    }

    /// Sets the initial mean score per aspect, on the training scale; see [`Head::with_bias`].
    ///
    /// # Panics
    /// If the number of values is not the number of aspects.
    #[must_use]
    pub fn with_head_bias(mut self, bias: &[f32]) -> Self {
        let raw: Vec<f32> = bias
            .iter()
            .map(|&score| self.output.inverse(score))
            .collect();
        self.head = self.head.with_bias(&raw);
        self
    }

    /// See [`Head::load`].
    ///
    /// # Errors
    /// If the file is missing or damaged, or its tensors do not fit.
    pub fn load_head(mut self, path: &Path) -> Result<Self> {
        self.head = self.head.load(path)?;
        Ok(self)
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The pooling.
    pub fn pooling(&self) -> &Pooler {
        &self.pooling
    }

    /// Output function from the head's values to scores.
    pub fn output(&self) -> Output {
        self.output
    }
}
