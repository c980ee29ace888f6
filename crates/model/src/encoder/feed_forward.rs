//! The position-wise feed-forward block.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};

use super::parts::linear;
use gradus_kernels::{self as kernels, Activation, AddNorm};

/// `outer(activation(inner(x)))`, applied to each token separately.
#[derive(Module, Debug)]
pub struct FeedForward {
    inner: Linear,
    outer: Linear,
    #[module(skip)]
    activation: Activation,
}

impl FeedForward {
    /// A block `d_model → d_feed_forward → d_model` with weights from `N(0, std²)`.
    pub fn new(
        d_model: usize,
        d_feed_forward: usize,
        activation: Activation,
        std: f64,
        device: &Device,
    ) -> Self {
        Self {
            inner: linear(d_model, d_feed_forward, std, device),
            outer: linear(d_feed_forward, d_model, std, device),
            activation,
        }
    }

    /// `norm(hidden + dropout(outer(activation(inner(hidden)))))`.
    ///
    /// # Shapes
    /// - `hidden` and the result: `[.., .., d_model]`
    pub fn forward(&self, hidden: Tensor<3>, norm: AddNorm<'_>) -> Tensor<3> {
        kernels::feed_forward_norm([&self.inner, &self.outer], self.activation, norm, hidden)
    }
}
