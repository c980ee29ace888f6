//! Quantile loss.

use burn::tensor::{Tensor, activation::relu};
use gradus::model::ConfigProblem;
use gradus::train::{NamedLoss, PointwiseLoss};
use serde::{Deserialize, Serialize};

/// Quantile ("pinball") loss: the score that a share `quantile` of the ratings lies below.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pinball {
    quantile: f64,
}

impl PointwiseLoss for Pinball {
    fn id(&self) -> String {
        format!("pinball:{}", self.quantile)
    }

    fn check(&self) -> Result<(), ConfigProblem> {
        let share = 0.0 < self.quantile && self.quantile < 1.0;
        ConfigProblem::unless(share, "loss", self.id(), "a quantile between 0 and 1")
    }

    fn elementwise(&self, scores: Tensor<3>, targets: Tensor<3>) -> Tensor<3> {
        let error = targets - scores;
        relu(error.clone()) * self.quantile + relu(-error) * (1.0 - self.quantile)
    }
}

impl NamedLoss for Pinball {
    const KIND: &'static str = "pinball";
    const ABOUT: &'static str = "Quantile loss";
    const SHORT: Option<&'static str> = Some("quantile");
}
