//! Absolute error.

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::{NamedLoss, PointwiseLoss};

/// `ℓ = |r - φ|`: `mae`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AbsoluteError;

impl NamedLoss for AbsoluteError {
    const KIND: &'static str = "mae";
    const ABOUT: &'static str = "Mean absolute error";
}

impl PointwiseLoss for AbsoluteError {
    fn id(&self) -> String {
        Self::KIND.into()
    }

    fn elementwise(&self, scores: Tensor<3>, targets: Tensor<3>) -> Tensor<3> {
        (scores - targets).abs()
    }
}
