//! The reward model: encoder, pooling, head.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Bool, Device, Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::encoder::{DrawParameters, Encoder, EncoderConfig};
use crate::error::{ConfigProblem, Result};
use crate::head::Head;
use crate::pooling::Pooling;

/// A batch of responses as the model sees it.
#[derive(Debug, Clone)]
pub struct SegmentInput {
    /// `[batch_size, seq_length]`, each below the encoder's vocabulary size.
    pub token_ids: Tensor<2, Int>,
    /// `[batch_size, seq_length]`: 0 for the prompt, 1 for the response.
    pub type_ids: Tensor<2, Int>,
    /// `[batch_size, seq_length]`, true for padding.
    pub mask_pad: Tensor<2, Bool>,
    /// `[batch_size, num_segments, 2]`: first token and one past the last; `(0, 0)` where the
    /// response has fewer segments than the batch has room for.
    pub segment_spans: Tensor<3, Int>,
}

/// What a reward model is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardModelConfig {
    /// The backbone.
    pub encoder: EncoderConfig,
    /// How token states become a segment's vector.
    pub pooling: Pooling,
    /// Scores per segment, at least one.
    pub num_aspects: usize,
}

impl RewardModelConfig {
    /// Tells whether a model can be built.
    ///
    /// # Errors
    /// [`ModelError::Config`](crate::ModelError::Config) with the first value that makes it
    /// impossible.
    pub fn check(&self) -> Result<()> {
        let expected = "a whole number above 0";
        ConfigProblem::unless(
            self.num_aspects > 0,
            "num_aspects",
            self.num_aspects,
            expected,
        )?;
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
        let model = self.init_lazy(device);
        model.visit(&mut DrawParameters);
        model
    }

    /// A model with a given encoder, as
    /// [`PretrainedEncoder::load`](crate::PretrainedEncoder::load) returns it, and a fresh head.
    ///
    /// # Panics
    /// If the encoder is of another width than `self.encoder` says, at the first forward pass.
    pub fn init_with(&self, encoder: Encoder, device: &Device) -> RewardModel {
        let head = Head::new(self.encoder.d_model(), self.num_aspects, device);
        let model = RewardModel {
            encoder,
            head,
            pooling: self.pooling,
        };
        model.visit(&mut DrawParameters);
        model
    }

    /// A model whose weights are drawn only where nothing is loaded over them.
    pub(crate) fn init_lazy(&self, device: &Device) -> RewardModel {
        RewardModel {
            encoder: self.encoder.init(device),
            head: Head::new(self.encoder.d_model(), self.num_aspects, device),
            pooling: self.pooling,
        }
    }
}

/// Gives every segment of a response one score per aspect.
///
/// The model sees prompt and response as a whole, and reads one score off each segment:
///
/// ```text
/// r(x, y, y_k) = head(pool({ encoder(x, y)_t : t in y_k }))
/// ```
#[derive(Module, Debug)]
pub struct RewardModel {
    encoder: Encoder,
    head: Head,
    #[module(skip)]
    pooling: Pooling,
}

impl RewardModel {
    /// Scores on the training scale. A score does not depend on the batch it is computed in.
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, num_aspects]`; absent segments get the head's bias,
    ///   which has no meaning
    ///
    /// # Panics
    /// If the shapes do not agree, or the sequence is longer than the encoder's table of
    /// positions: see [`EncoderConfig::check_sequence`].
    pub fn forward(&self, input: SegmentInput) -> Tensor<3> {
        self.head.forward(self.pooled(input))
    }

    /// What the head reads: the pooled state of each segment.
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, d_model]`; zeros for absent segments
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn pooled(&self, input: SegmentInput) -> Tensor<3> {
        let SegmentInput {
            token_ids,
            type_ids,
            mask_pad,
            segment_spans,
        } = input;
        let hidden = self.encoder.forward(token_ids, type_ids, mask_pad);
        self.pooling.pool(hidden, segment_spans)
    }

    /// See [`Head::with_bias`].
    ///
    /// # Panics
    /// If there are more or fewer values than aspects.
    #[must_use]
    pub fn with_head_bias(mut self, bias: &[f32]) -> Self {
        self.head = self.head.with_bias(bias);
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
        self.pooling
    }
}
