//! Binary cross-entropy.

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::{NamedLoss, PointwiseLoss};
use crate::objective::smooth::softplus;

/// `ℓ = -φ log σ(z) - (1 - φ) log(1 - σ(z))` with soft targets `φ` in `[0, 1]`: `bce`.
///
/// The head computes the logit `z`, and the model's [output function](gradus_model::Output) turns it into
/// the score `r = σ(z) = 1 / (1 + e^-z)`, which lies in (0, 1) on the training scale. The
/// [scale](gradus_data::RatingScale) converts it to rating units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CrossEntropy;

impl NamedLoss for CrossEntropy {
    const KIND: &'static str = "bce";
    const ABOUT: &'static str = "Binary cross-entropy, for targets in [0, 1]";
}

impl PointwiseLoss for CrossEntropy {
    fn id(&self) -> String {
        Self::KIND.into()
    }

    fn takes_logits(&self) -> bool {
        true
    }

    fn elementwise(&self, scores: Tensor<3>, targets: Tensor<3>) -> Tensor<3> {
        // log(1 + e^z) - φz equals the formula above and is finite for any logit.
        softplus(scores.clone()) - scores * targets
    }
}
