//! Activation functions of feed-forward blocks.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// Activation between the two layers of a feed-forward block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x · Φ(x)` with the exact error function. Hendrycks and Gimpel (2016),
    /// <https://arxiv.org/abs/1606.08415>.
    Gelu,
    /// GELU in its tanh approximation.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
}

impl Activation {
    /// Applies the function to every element.
    pub fn forward<const D: usize>(self, input: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Gelu => activation::gelu(input),
            Self::GeluTanh => activation::gelu_approximate(input),
            Self::Relu => activation::relu(input),
        }
    }
}

/// Activation of a gate.
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
    /// Applies the function to every element.
    pub fn forward<const D: usize>(self, input: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Silu => activation::silu(input),
            Self::Gelu => activation::gelu(input),
            Self::GeluTanh => activation::gelu_approximate(input),
        }
    }
}
