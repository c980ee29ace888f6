//! The position-wise feed-forward block.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, activation};
use serde::{Deserialize, Serialize};

use super::hugging_face::PublishedConfig;
use super::parts::linear;
use crate::error::ConfigProblem;
use crate::ops::{self, AddNorm};

/// The non-linearity between the two layers of a feed-forward block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x · Φ(x)` with the exact error function. See Hendrycks and Gimpel (2016),
    /// <https://arxiv.org/abs/1606.08415>.
    Gelu,
    /// GELU in its tanh approximation.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
}

impl Activation {
    /// Reads the name that published configurations use.
    ///
    /// # Errors
    /// If the function has another name than the supported ones.
    pub fn from_published(
        config: &PublishedConfig,
        key: &str,
        default: &str,
    ) -> Result<Self, ConfigProblem> {
        let expected = "gelu, gelu_new, gelu_pytorch_tanh or relu";
        config.named(key, default, expected, |name| match name {
            "gelu" | "gelu_python" => Some(Self::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_python_tanh" | "gelu_fast"
            | "gelu_accurate" => Some(Self::GeluTanh),
            "relu" => Some(Self::Relu),
            _ => None,
        })
    }

    /// The name that published configurations use.
    pub(super) fn published(self) -> &'static str {
        match self {
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_pytorch_tanh",
            Self::Relu => "relu",
        }
    }

    /// Applies the function to every element.
    pub fn forward<const D: usize>(self, input: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Gelu => activation::gelu(input),
            Self::GeluTanh => activation::gelu_approximate(input),
            Self::Relu => activation::relu(input),
        }
    }
}

/// `outer(activation(inner(x)))`, applied to every token alone.
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

    /// `norm(hidden + dropout(..))` of what the block makes of `hidden`.
    ///
    /// # Shapes
    /// - `hidden` and the result: `[.., .., d_model]`
    pub fn forward(&self, hidden: Tensor<3>, norm: AddNorm<'_>) -> Tensor<3> {
        ops::feed_forward_norm([&self.inner, &self.outer], self.activation, norm, hidden)
    }
}
