//! Huber's loss.

use burn::prelude::*;
use gradus_model::ConfigProblem;
use serde::{Deserialize, Serialize};

use super::{NamedLoss, PointwiseLoss};

/// `ℓ = e²/2` where `|e| ≤ δ`, `δ(|e| - δ/2)` beyond, with `e = r - φ`: `huber:DELTA`.
///
/// Huber (1964), <https://doi.org/10.1214/aoms/1177703732>.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Huber {
    /// Error at which the loss becomes linear, in target units. Finite, above 0.
    pub delta: f64,
}

impl NamedLoss for Huber {
    const KIND: &'static str = "huber";
    const ABOUT: &'static str = "Quadratic up to an error of DELTA, linear beyond";
    const SHORT: Option<&'static str> = Some("delta");
}

impl PointwiseLoss for Huber {
    fn id(&self) -> String {
        format!("{}:{}", Self::KIND, self.delta)
    }

    fn elementwise(&self, scores: Tensor<3>, targets: Tensor<3>) -> Tensor<3> {
        // With m = min(|e|, δ), one expression covers both branches:
        // m²/2 + δ(|e| - m) is e²/2 inside and δ|e| - δ²/2 outside.
        let size = (scores - targets).abs();
        let inside = size.clone().clamp_max(self.delta);
        inside.clone().square() * 0.5 + (size - inside) * self.delta
    }

    fn check(&self) -> Result<(), ConfigProblem> {
        let fine = self.delta > 0.0 && self.delta.is_finite();
        let expected = "`huber:DELTA` with a finite delta above 0";
        ConfigProblem::unless(fine, "loss", format!("`{}`", self.id()), expected)
    }
}
