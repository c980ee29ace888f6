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
use crate::pooling::{Pooler, Pooling};

/// A batch of responses as the model sees it.
#[derive(Debug, Clone)]
pub struct SegmentInput {
    /// `[batch_size, seq_length]`, each below the encoder's vocabulary size.
    pub token_ids: Tensor<2, Int>,
    /// `[batch_size, seq_length]`: 0 for the prompt, 1 for the response.
    pub type_ids: Tensor<2, Int>,
    /// `[batch_size, seq_length]`, true for padding.
    pub mask_pad: Tensor<2, Bool>,
    /// `[batch_size, num_spans, 2]`: first token and one past the last of what segments may lie in,
    /// such as each response; `None` for all. The last layer computes nothing else. It must not
    /// depend on which segments there are: so a score does not, to the bit.
    pub response_spans: Option<Tensor<3, Int>>,
    /// `[batch_size, num_segments, 2]`: first token and one past the last; `(0, 0)` where the
    /// response has fewer segments than the batch has room for.
    pub segment_spans: Tensor<3, Int>,
}

/// The configuration of a reward model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardModelConfig {
    /// The backbone.
    pub encoder: EncoderConfig,
    /// Pooling of token states to a segment vector.
    pub pooling: Pooling,
    /// Scores per segment, at least one.
    pub num_aspects: usize,
    /// The layers between a segment's vector and its scores. Default: one linear layer.
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
    /// [`ModelError::Config`](crate::ModelError::Config) with the first value that makes it
    /// impossible.
    pub fn check(&self) -> Result<()> {
        checks::sizes(&[("num_aspects", self.num_aspects)])?;
        self.head.check()?;
        if let Some(lora) = &self.lora {
            lora.check()?;
        }
        self.encoder.check()
    }

    /// A model with random weights: encoder and head from scratch.
    ///
    /// The weights are drawn at once, so that after `device.seed(..)` they are the same in every
    /// run.
    ///
    /// # Panics
    /// If [`check`](Self::check) fails.
    pub fn init(&self, device: &Device) -> RewardModel {
        let model = self.assemble(self.encoder.init(device), device);
        model.visit(&mut DrawParameters);
        model
    }

    /// A model with a given encoder, as
    /// [`PretrainedEncoder::load`](crate::PretrainedEncoder::load) returns it, and a fresh head.
    ///
    /// # Panics
    /// If the encoder is of another width than `self.encoder` says, at the first forward pass.
    pub fn init_with(&self, encoder: Encoder, device: &Device) -> RewardModel {
        let model = self.assemble(encoder, device);
        model.visit(&mut DrawParameters);
        model
    }

    /// A model that initializes only the weights that are not loaded afterwards.
    pub(crate) fn init_lazy(&self, device: &Device) -> RewardModel {
        let encoder = match &self.encoder {
            // Keys that start as queries are drawn at once.
            EncoderConfig::Bert(config) => EncoderConfig::Bert(BertConfig {
                keys_start_as_queries: false,
                ..config.clone()
            })
            .init(device),
            other => other.init(device),
        };
        self.assemble(encoder, device)
    }

    fn assemble(&self, encoder: Encoder, device: &Device) -> RewardModel {
        let d_model = self.encoder.d_model();
        let encoder = match &self.lora {
            Some(lora) => encoder.apply_reparameterization(Attach(lora)),
            None => encoder,
        };
        RewardModel {
            encoder,
            head: Head::new(self.head, d_model, self.num_aspects, device),
            pooling: Pooler::new(self.pooling, d_model, device),
            output: self.output,
        }
    }
}

/// Gives every segment of a response one score per aspect.
///
/// The model encodes the whole prompt and response, and computes one score per segment:
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
    /// Scores on the training scale. A score does not depend on the batch it is computed in.
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, num_aspects]`; absent segments get the score of the
    ///   head's bias, which has no meaning
    ///
    /// # Panics
    /// As [`raw`](Self::raw).
    pub fn forward(&self, input: SegmentInput) -> Tensor<3> {
        self.scores_of(self.pooled(input))
    }

    /// The scores of pooled states, as [`pooled`](Self::pooled) returns them.
    ///
    /// # Shapes
    /// - `pooled`: `[batch_size, num_segments, d_model]`
    /// - returns: `[batch_size, num_segments, num_aspects]`, on the training scale
    pub fn scores_of(&self, pooled: Tensor<3>) -> Tensor<3> {
        self.output.forward(self.head.forward(pooled))
    }

    /// Whether scores are linear in what [`pooled`](Self::pooled) returns.
    pub fn is_linear_in_pooled(&self) -> bool {
        self.head.is_linear() && self.output == Output::Identity
    }

    /// The head's values before the output function, such as the logits of a sigmoid.
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, num_aspects]`
    ///
    /// # Panics
    /// As [`pooled`](Self::pooled).
    pub fn raw(&self, input: SegmentInput) -> Tensor<3> {
        self.head.forward(self.pooled(input))
    }

    /// The head's input: the pooled state of each segment.
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, d_model]`; zeros for absent segments
    ///
    /// # Panics
    /// If the shapes do not agree, or the sequence is longer than the encoder's table of
    /// positions: see [`EncoderConfig::check_sequence`].
    pub fn pooled(&self, input: SegmentInput) -> Tensor<3> {
        let SegmentInput {
            token_ids,
            type_ids,
            mask_pad,
            response_spans,
            segment_spans,
        } = input;
        let hidden = match response_spans {
            Some(read) => self
                .encoder
                .forward_within(token_ids, type_ids, mask_pad, read),
            None => self.encoder.forward(token_ids, type_ids, mask_pad),
        };
        self.pooling.forward(hidden, segment_spans)
    }

    /// [`raw`](Self::raw) on an autodiff device, with the encoder as it is in inference: without
    /// dropout, and without a graph to send gradients through.
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, num_aspects]`
    ///
    /// # Panics
    /// As [`raw`](Self::raw).
    pub fn raw_on_frozen_encoder(&self, input: SegmentInput) -> Tensor<3> {
        let encoder = self.encoder.valid();
        let token_ids = input.token_ids.without_autodiff();
        let type_ids = input.type_ids.without_autodiff();
        let mask_pad = input.mask_pad.without_autodiff();
        let hidden = match input.response_spans {
            Some(read) => {
                encoder.forward_within(token_ids, type_ids, mask_pad, read.without_autodiff())
            }
            None => encoder.forward(token_ids, type_ids, mask_pad),
        };
        let hidden = Tensor::from_inner(hidden);
        self.head
            .forward(self.pooling.forward(hidden, input.segment_spans))
    }

    /// Replaces the head by another of the same width and number of aspects.
    #[must_use]
    pub fn with_head(mut self, head: Head) -> Self {
        self.head = head;
        self
    }

    /// Sets the score an average segment starts from, one per aspect, on the training scale; see
    /// [`Head::with_bias`].
    ///
    /// # Panics
    /// If there are more or fewer values than aspects.
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
    /// If the file is missing or damaged, or its tensors are others.
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
    pub fn pooling(&self) -> Pooling {
        self.pooling.kind()
    }

    /// Output function from the head's values to scores.
    pub fn output(&self) -> Output {
        self.output
    }
}
