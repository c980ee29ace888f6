//! Squared error.

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::{NamedLoss, PointwiseLoss};

/// `ℓ = (r - φ)²`, the default: `mse`.
///
/// The segment-based rating loss of "Foundations of Large Language Models", chapter 4,
/// <https://arxiv.org/abs/2501.09223>. The rating objective J is the negative of its mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SquaredError;

impl NamedLoss for SquaredError {
    const KIND: &'static str = "mse";
    const ABOUT: &'static str = "Mean squared error";
}

impl PointwiseLoss for SquaredError {
    fn id(&self) -> String {
        Self::KIND.into()
    }

    fn elementwise(&self, scores: Tensor<3>, targets: Tensor<3>) -> Tensor<3> {
        (scores - targets).square()
    }
}
