//! The feed-forward block with a gate.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, activation};
use serde::{Deserialize, Serialize};

use super::hugging_face::PublishedConfig;
use super::parts::projection;
use crate::error::ConfigProblem;
use crate::ops;

/// The non-linearity of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateActivation {
    /// `x · σ(x)`, also called swish.
    Silu,
    /// `x · Φ(x)` with the exact error function.
    Gelu,
    /// GELU in its tanh approximation.
    GeluTanh,
}

impl GateActivation {
    /// Reads the name that published configurations use.
    ///
    /// # Errors
    /// If the function has another name than the supported ones.
    pub fn from_published(
        config: &PublishedConfig,
        key: &str,
        default: &str,
    ) -> Result<Self, ConfigProblem> {
        let expected = "silu, swish, gelu, gelu_new or gelu_pytorch_tanh";
        config.named(key, default, expected, |name| match name {
            "silu" | "swish" => Some(Self::Silu),
            "gelu" | "gelu_python" => Some(Self::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_python_tanh" | "gelu_fast"
            | "gelu_accurate" => Some(Self::GeluTanh),
            _ => None,
        })
    }

    /// The name that published configurations use.
    pub(super) fn published(self) -> &'static str {
        match self {
            Self::Silu => "silu",
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_pytorch_tanh",
        }
    }

    pub(crate) fn forward(self, input: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Silu => activation::silu(input),
            Self::Gelu => activation::gelu(input),
            Self::GeluTanh => activation::gelu_approximate(input),
        }
    }
}

/// `outer(activation(inner(x)) · factor(x))`, applied to every token alone. Shazeer (2020),
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

    /// # Shapes
    /// - `hidden` and the result: `[batch_size, seq_length, d_model]`
    pub(super) fn forward(&self, hidden: Tensor<3>) -> Tensor<3> {
        let Self {
            inner,
            factor,
            outer,
            activation,
        } = self;
        ops::gated_feed_forward(inner, factor, outer, *activation, hidden)
    }
}
