//! What training needs of a model.

use burn::module::{Module, ModuleDisplay, ParamGroup};
use burn::tensor::Tensor;

use crate::output::Output;
use crate::reward_model::{RewardModel, SegmentInput};

/// A whole model: from a batch of responses to scores. [`RewardModel`] is one.
///
/// The engine trains any. It goes by the names of fields: what lies in `head` and `pooling` learns at
/// the head's learning rate, everything else at the encoder's; in a field `encoder`, what is called
/// `embeddings` and `layers` (a `Vec`) can be frozen and given rates of its own.
///
/// ```
/// use burn::module::Module;
/// use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
/// use burn::tensor::{Device, Int, Tensor};
/// use gradus_model::{SegmentInput, SegmentModel};
///
/// /// Scores a segment by its first token alone.
/// #[derive(Module, Debug)]
/// struct FirstToken {
///     encoder: Embedding,
///     head: Linear,
/// }
///
/// impl SegmentModel for FirstToken {
///     fn raw(&self, input: SegmentInput) -> Tensor<3> {
///         let [batch_size, num_segments, _] = input.segment_spans.dims();
///         let states = self.encoder.forward(input.token_ids);
///         let [_, _, d_model] = states.dims();
///         let first = input.segment_spans.narrow(2, 0, 1);
///         self.head.forward(states.gather(1, first.expand([batch_size, num_segments, d_model])))
///     }
/// }
///
/// let device = Device::flex();
/// let model = FirstToken {
///     encoder: EmbeddingConfig::new(100, 8).init(&device),
///     head: LinearConfig::new(8, 1).init(&device),
/// };
/// let scores = model.forward(SegmentInput {
///     token_ids: Tensor::from_data([[2, 17, 3, 25, 26, 3]], &device),
///     type_ids: Tensor::from_data([[0, 0, 0, 1, 1, 1]], &device),
///     mask_pad: Tensor::<2, Int>::zeros([1, 6], &device).bool(),
///     response_spans: None,
///     segment_spans: Tensor::from_data([[[3, 4], [4, 5]]], &device),
/// });
/// assert_eq!(scores.dims(), [1, 2, 1]);
/// ```
pub trait SegmentModel: Module + ModuleDisplay + 'static {
    /// Values before the output function, such as the logits of a sigmoid.
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, num_aspects]`; finite everywhere, without a meaning for
    ///   absent segments
    fn raw(&self, input: SegmentInput) -> Tensor<3>;

    /// Output function from the values to scores. Default: they are the scores.
    fn output(&self) -> Output {
        Output::Identity
    }

    /// [`raw`](Self::raw) with the field `encoder` as it is in inference: no gradient is computed for
    /// it, and no dropout acts in it. Default: on a copy in which it is frozen, which stops Burn's
    /// `Dropout`. Around an [`Encoder`](crate::Encoder), call its
    /// [`states_in_inference`](crate::Encoder::states_in_inference) instead.
    ///
    /// # Shapes
    /// As [`raw`](Self::raw).
    fn raw_on_frozen_encoder(&self, input: SegmentInput) -> Tensor<3> {
        let encoder = ParamGroup::from_predicate("encoder.");
        self.clone().freeze_group(encoder).raw(input)
    }

    /// Scores on the training scale.
    ///
    /// # Shapes
    /// As [`raw`](Self::raw).
    fn forward(&self, input: SegmentInput) -> Tensor<3> {
        self.output().forward(self.raw(input))
    }
}

impl SegmentModel for RewardModel {
    fn raw(&self, input: SegmentInput) -> Tensor<3> {
        RewardModel::raw(self, input)
    }

    fn output(&self) -> Output {
        RewardModel::output(self)
    }

    fn raw_on_frozen_encoder(&self, input: SegmentInput) -> Tensor<3> {
        RewardModel::raw_on_frozen_encoder(self, input)
    }
}
