//! Further terms of the objective.

use std::fmt;

use burn::prelude::*;
use gradus_data::{BatchWeights, SegmentBatch};

/// A term that is added to the loss of the segments: `weight · Σ sum / Σ denominator`, with both sums
/// over the micro-batches of one optimizer step.
///
/// It says its sum and its denominator, never their quotient: so the gradients of micro-batches add up
/// to the gradient of one large batch, however the ratings spread over them.
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

    /// Share in the loss beside that of the segments. Default: 1.
    fn weight(&self) -> f64 {
        1.0
    }

    /// The sum over a micro-batch.
    ///
    /// # Shapes
    /// - `scores`: `[batch_size, num_segments, num_aspects]`, on the training scale; those of padding
    ///   have no meaning
    /// - returns: `[1]`
    fn sum(&self, scores: Tensor<3>, batch: &SegmentBatch) -> Tensor<1>;

    /// What a micro-batch adds to the denominator, from the sums of its weights; at least 0. Where the
    /// denominators of a step add up to 0, so must its sums.
    fn denominator(&self, sums: &BatchWeights) -> f64;
}
