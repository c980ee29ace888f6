//! An average whose weights are learned.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Bool, Device, Tensor};

use super::{SegmentPooling, TokenStates};
use crate::row_wise::product;

/// An average whose weights are learned: `Σ_t a_t h_t` with `a = softmax_t(h_t · q / √d_model)` over the
/// tokens of the segment and one query `q` for the whole model, which starts at zero, as the mean.
///
/// The word attention of Yang et al. (2016), <https://aclanthology.org/N16-1174>, without its hidden
/// layer.
#[derive(Module, Debug)]
pub struct AttentionPooling {
    /// `q`, `[d_model]`.
    query: Param<Tensor<1>>,
}

impl AttentionPooling {
    /// A query of zeros.
    pub fn new(d_model: usize, device: &Device) -> Self {
        Self {
            query: Initializer::Zeros.init([d_model], device),
        }
    }

    #[cfg(test)]
    pub(super) fn with_query(query: Tensor<1>) -> Self {
        Self {
            query: Param::from_tensor(query),
        }
    }
}

/// Score of a token outside of the segment.
const OUTSIDE: f32 = -1e30;

impl SegmentPooling for AttentionPooling {
    fn forward(&self, states: TokenStates) -> Tensor<3> {
        let membership = states.membership();
        let hidden = states.hidden;
        let [_, _, d_model] = hidden.dims();
        let query = self.query.val().reshape([1, d_model, 1]) / (d_model as f64).sqrt();
        let scores = product(hidden.clone(), query);
        weighted_mean(hidden, membership, scores)
    }
}

/// The mean of the states of each segment, weighted by a softmax of these scores over its own tokens, which is
/// divided by its sum after the product.
///
/// # Shapes
/// - `membership`: `[batch_size, num_segments, seq_length]`, as of [`TokenStates::membership`]
/// - `scores`: `[batch_size, seq_length, 1]`
/// - returns: `[batch_size, num_segments, d_model]`
pub(super) fn weighted_mean(
    hidden: Tensor<3>,
    membership: Tensor<3, Bool>,
    scores: Tensor<3>,
) -> Tensor<3> {
    let [batch_size, seq_length, d_model] = hidden.dims();
    let scores = scores.swap_dims(1, 2).expand(membership.dims());
    // Finite, so that a segment without tokens stays free of NaN.
    let scores = scores.mask_fill(membership.clone().bool_not(), OUTSIDE);
    let greatest = scores.clone().detach().max_dim(2);
    let weights = (scores - greatest).exp() * membership.float();
    // A column of ones, so that the weights are summed in the order of the states.
    let ones = Tensor::ones([batch_size, seq_length, 1], &hidden.device());
    let sums = product(weights, Tensor::cat(vec![hidden, ones], 2));
    let total = sums.clone().narrow(2, d_model, 1);
    // The greatest weight of a segment is 1. Absent ones need a divisor whose square is no zero:
    // the gradient divides by that.
    sums.narrow(2, 0, d_model) / total.clamp_min(1.0)
}
