//! Several averages whose weights are learned.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};

use super::attention::weighted_mean;
use super::{SegmentPooling, TokenStates};
use crate::row_wise::product;

/// Four averages whose weights are learned, one behind the other: `Σ_t a_kt h_t` with `a_k = softmax_t(h_t · q_k)`
/// over the tokens of the segment, for each query `q_k`.
///
/// Unlike that of [`AttentionPooling`](super::AttentionPooling), the queries start at random, so that they
/// come to differ, and their products with the states are not divided by `√d_model`: at the same learning
/// rate their weights then move that many times as fast.
#[derive(Module, Debug)]
pub struct MultiAttentionPooling {
    /// `q_1, .., q_4`, `[4, d_model]`.
    queries: Param<Tensor<2>>,
}

impl MultiAttentionPooling {
    /// Number of queries, and the width of the vector in token states.
    pub(super) const QUERIES: usize = 4;
    /// Standard deviation of a new query's values: that of the weights of BERT.
    const INITIAL_SPREAD: f64 = 0.02;

    /// Queries of random values.
    pub fn new(d_model: usize, device: &Device) -> Self {
        let random = Initializer::Normal {
            mean: 0.0,
            std: Self::INITIAL_SPREAD,
        };
        Self {
            queries: random.init([Self::QUERIES, d_model], device),
        }
    }

    #[cfg(test)]
    pub(super) fn queries(&self) -> Tensor<2> {
        self.queries.val()
    }

    #[cfg(test)]
    pub(super) fn with_queries(queries: Tensor<2>) -> Self {
        Self {
            queries: Param::from_tensor(queries),
        }
    }
}

impl SegmentPooling for MultiAttentionPooling {
    fn forward(&self, states: TokenStates) -> Tensor<3> {
        let queries = self.queries.val().transpose().unsqueeze();
        let scores = product(states.hidden.clone(), queries);
        let membership = states.membership();
        let mean = |query| {
            let scores = scores.clone().narrow(2, query, 1);
            weighted_mean(states.hidden.clone(), membership.clone(), scores)
        };
        Tensor::cat((0..Self::QUERIES).map(mean).collect(), 2)
    }
}
