//! The reward model: encoder, pooling, head.

mod config;
mod input;

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, read_sync};
use gradus_kernels::{Precision, ScoringWeights};

pub use self::config::RewardModelConfig;
pub use self::input::SegmentInput;
use crate::encoder::{DrawParameters, Encoder};
use crate::error::Result;
use crate::head::Head;
use crate::lora::{Attach, LoraConfig};
use crate::output::Output;
use crate::pooling::{Pooler, TokenStates};
use crate::scalar_mix::ScalarMix;
use crate::weights::{
    EmbeddingFormat, module_bytes, own_tensors, quantized_tensors, write_tensors,
};

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
    mix: Option<ScalarMix>,
    #[module(skip)]
    output: Output,
    /// The encoder's weights for inference in another precision.
    #[module(skip)]
    weights: ScoringWeights,
}

const CHECKED: &str = "layers are checked with the configuration";

impl RewardModel {
    /// Saves the weights as safetensors, as `f32`, named as the modules are
    /// (`encoder.layers.0.attention.query.weight`), matrices `[d_input, d_output]`.
    ///
    /// # Errors
    /// If a weight cannot be read back from its device, or writing fails.
    pub fn save(&self, path: &Path) -> Result<()> {
        write_tensors(own_tensors(self), "gradus", path)
    }

    /// The bytes that [`save`](Self::save) writes; errors call them `path`.
    ///
    /// # Errors
    /// If a weight cannot be read back from its device.
    pub fn to_safetensors(&self, path: &Path) -> Result<Vec<u8>> {
        read_sync(self.to_safetensors_async(path))
    }

    /// [`to_safetensors`](Self::to_safetensors) where nothing may wait for a device, as in a browser.
    ///
    /// # Errors
    /// Those of [`to_safetensors`](Self::to_safetensors).
    pub async fn to_safetensors_async(&self, path: &Path) -> Result<Vec<u8>> {
        module_bytes(self, own_tensors(self), path).await
    }

    /// Saves the weights in a quarter of the size: matrices of the encoder's linear layers in the bytes of
    /// products in [`Precision::Int8`], with a step for each column, its embeddings in this format, and the
    /// rest as `f32`. Of a model that was loaded from such a file it writes that file again.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn save_quantized(&self, path: &Path, embeddings: EmbeddingFormat) -> Result<()> {
        write_tensors(quantized_tensors(self, embeddings), "gradus", path)
    }

    /// The bytes that [`save_quantized`](Self::save_quantized) writes; errors call them `path`.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn to_quantized_safetensors(
        &self,
        path: &Path,
        embeddings: EmbeddingFormat,
    ) -> Result<Vec<u8>> {
        read_sync(self.to_quantized_safetensors_async(path, embeddings))
    }

    /// [`to_quantized_safetensors`](Self::to_quantized_safetensors) where nothing may wait for a device.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub async fn to_quantized_safetensors_async(
        &self,
        path: &Path,
        embeddings: EmbeddingFormat,
    ) -> Result<Vec<u8>> {
        module_bytes(self, quantized_tensors(self, embeddings), path).await
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
            mix: None,
            output,
            weights: ScoringWeights::default(),
        };
        model.visit(&mut DrawParameters);
        model
    }

    /// Computes the encoder's matrix products in inference in this precision, or in `f32` where `device`
    /// has no such products ([`Precision::on`]); everything else stays in `f32`. Default: `f32`.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision, device: &Device) -> Self {
        self.weights = ScoringWeights::new(precision, device);
        self
    }

    /// The precision of the encoder's products in inference.
    pub fn precision(&self) -> Precision {
        self.weights.precision()
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
    /// [`EncoderConfig::check_sequence`](crate::EncoderConfig::check_sequence).
    pub fn pooled(&self, input: SegmentInput) -> Tensor<3> {
        let SegmentInput {
            token_ids,
            type_ids,
            mask_pad,
            response_spans,
            segment_spans,
        } = input;
        let read = response_spans.filter(|_| !self.pooling.reads_prompt());
        let [rows, length] = token_ids.dims();
        let (types, pad) = (type_ids.clone(), mask_pad.clone());
        let hidden = self
            .weights
            .during_tokens(rows * length, || match (&self.mix, read) {
                (Some(mix), read) => {
                    let states = self.encoder.layer_states(token_ids, types, pad, read);
                    mix.forward(states.expect(CHECKED))
                }
                (None, Some(read)) => self.encoder.forward_within(token_ids, types, pad, read),
                (None, None) => self.encoder.forward(token_ids, types, pad),
            });
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
        let (ids, types, pad) = (
            input.token_ids,
            input.type_ids.clone(),
            input.mask_pad.clone(),
        );
        let hidden = match &self.mix {
            None => self.encoder.states_in_inference(ids, types, pad, read),
            Some(mix) => {
                let states = self
                    .encoder
                    .layer_states_in_inference(ids, types, pad, read);
                mix.forward(states.expect(CHECKED))
            }
        };
        self.head.forward(self.pooling.forward(TokenStates {
            hidden,
            segment_spans: input.segment_spans,
            type_ids: input.type_ids,
            mask_pad: input.mask_pad,
        }))
    }

    /// Attaches new adapters to the encoder, drawn by the generator of its device. Scores stay the same until they are
    /// trained. There must be none yet.
    #[must_use]
    pub fn with_adapters(mut self, lora: &LoraConfig) -> Self {
        self.encoder = self.encoder.apply_reparameterization(Attach(lora));
        self.visit(&mut DrawParameters);
        self
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

    /// The mix of the encoder's layers, if it has one.
    pub fn scalar_mix(&self) -> Option<&ScalarMix> {
        self.mix.as_ref()
    }

    /// Output function from the head's values to scores.
    pub fn output(&self) -> Output {
        self.output
    }
}
