//! Further terms of the objective.

use std::fmt;

use burn::prelude::*;
use gradus_data::{BatchWeights, SegmentBatch};

/// A term that is added to the loss of the segments: `weight · Σ sum / Σ denominator`, with both sums
/// over the micro-batches of one optimizer step.
///
/// A term returns its sum and its denominator separately. The engine divides, so that the gradients of
/// micro-batches add up to the gradient of one large batch, no matter how the ratings are distributed.
///
/// ```
/// use burn::tensor::Tensor;
/// use gradus_data::{BatchWeights, SegmentBatch};
/// use gradus_train::LossTerm;
///
/// /// Keeps the scores of rated segments small.
/// #[derive(Debug)]
/// struct Shrink;
///
/// impl LossTerm for Shrink {
///     fn id(&self) -> String {
///         "shrink".into()
///     }
///     fn weight(&self) -> f64 {
///         0.01
///     }
///     fn sum(&self, scores: Tensor<3>, batch: &SegmentBatch) -> Tensor<1> {
///         (scores.square() * batch.weights.clone()).sum()
///     }
///     fn denominator(&self, sums: &BatchWeights) -> f64 {
///         sums.segments.iter().sum()
///     }
/// }
/// ```
pub trait LossTerm: fmt::Debug + Send + Sync + 'static {
    /// Name with settings. A resumed run must have the same.
    fn id(&self) -> String;

    /// Weight relative to the loss of segments. Default: 1.
    fn weight(&self) -> f64 {
        1.0
    }

    /// The sum over a micro-batch.
    ///
    /// # Shapes
    /// - `scores`: `[batch_size, num_segments, num_aspects]`, on the training scale; those of
    ///   padding are meaningless
    /// - returns: `[1]`
    fn sum(&self, scores: Tensor<3>, batch: &SegmentBatch) -> Tensor<1>;

    /// The contribution of a micro-batch to the denominator, from the sums of its weights. At least 0. If the
    /// denominators of a step add up to 0, its sums must be 0 too.
    fn denominator(&self, sums: &BatchWeights) -> f64;
}
