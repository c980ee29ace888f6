//! The gated feed-forward block.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};

use super::parts::projection;
use gradus_kernels::{self as kernels, GateActivation, PreNorm};

/// `outer(activation(inner(x)) · factor(x))`, applied to each token separately. Shazeer (2020),
/// <https://arxiv.org/abs/2002.05202>.
#[derive(Module, Debug)]
pub(super) struct GatedFeedForward {
    inner: Linear,
    factor: Linear,
    outer: Linear,
    #[module(skip)]
    activation: GateActivation,
}

impl GatedFeedForward {
    /// A block `d_model → d_feed_forward → d_model` with weights from `N(0, std²)`.
    pub(super) fn new(
        d_model: usize,
        d_feed_forward: usize,
        activation: GateActivation,
        bias: bool,
        std: f64,
        device: &Device,
    ) -> Self {
        Self {
            inner: projection(d_model, d_feed_forward, bias, std, device),
            factor: projection(d_model, d_feed_forward, bias, std, device),
            outer: projection(d_feed_forward, d_model, bias, std, device),
            activation,
        }
    }

    /// The block of a pre-norm layer.
    ///
    /// # Shapes
    /// - `x` and the result: `[.., .., d_model]`
    pub(super) fn forward(&self, norm: PreNorm<'_>, x: Tensor<3>) -> Tensor<3> {
        let block = kernels::GatedFeedForward {
            gate: &self.inner,
            factor: &self.factor,
            outer: &self.outer,
            activation: self.activation,
        };
        norm.feed_forward(block, x)
    }
}
