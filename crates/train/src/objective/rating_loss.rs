//! The rating loss: how far a score lies from its target.

use std::fmt;
use std::str::FromStr;

use burn::prelude::*;
use gradus_model::Output;
use serde::{Deserialize, Serialize};

use super::smooth::softplus;
use crate::TrainError;

/// Pointwise loss between a segment's score and its target.
///
/// With score `r_k`, target `φ_k` and weight `w_k` of the rated segment-aspect pairs of a batch,
///
/// ```text
/// loss = Σ_k w_k ℓ(r_k - φ_k) / Σ_k w_k            J = -loss for ℓ(e) = e²
///
/// mse    ℓ(e) = e²
/// mae    ℓ(e) = |e|
/// huber  ℓ(e) = e²/2 where |e| ≤ δ, δ(|e| - δ/2) beyond
/// bce    ℓ = -φ log σ(z) - (1 - φ) log(1 - σ(z)),  r = σ(z) = 1 / (1 + e^-z),  φ in [0, 1]
/// ```
///
/// Binary cross-entropy is a loss of the logit `z`: the head says `z`, and the model's
/// [output](gradus_model::Output) is the sigmoid, so that scores lie in (0, 1) on the training scale
/// and come back in rating units through the [scale](gradus_data::RatingScale).
///
/// Unrated pairs have weight 0 and reach neither the loss nor the gradient. The squared error is
/// the segment-based rating loss of "Foundations of Large Language Models", chapter 4
/// (<https://arxiv.org/abs/2501.09223>); Huber (1964), <https://doi.org/10.1214/aoms/1177703732>.
///
/// As text, on the command line and in files: `mse`, `mae`, `huber:DELTA`, `bce`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RatingLoss {
    /// Mean squared error, the default.
    #[default]
    Mse,
    /// Mean absolute error.
    Mae,
    /// Quadratic up to `delta`, linear beyond it.
    Huber {
        /// Residual size at which the loss turns linear, in target units. Range `(0, ∞)`.
        delta: f64,
    },
    /// Binary cross-entropy with soft targets in `[0, 1]`.
    Bce,
}

impl RatingLoss {
    /// The output function of a model that is trained on this loss.
    pub fn output(&self) -> Output {
        if self.is_of_logits() {
            Output::Sigmoid
        } else {
            Output::Identity
        }
    }

    /// Whether [`elementwise`](Self::elementwise) takes logits instead of scores.
    pub fn is_of_logits(&self) -> bool {
        matches!(self, Self::Bce)
    }

    /// Loss of every pair, before weighting.
    ///
    /// # Shapes
    /// - `scores`, `targets`: any equal shape; logits in the place of scores where
    ///   [`is_of_logits`](Self::is_of_logits) says so
    /// - returns: that shape
    pub fn elementwise<const D: usize>(&self, scores: Tensor<D>, targets: Tensor<D>) -> Tensor<D> {
        match *self {
            Self::Mse => (scores - targets).square(),
            Self::Mae => (scores - targets).abs(),
            Self::Huber { delta } => {
                // min(|e|, δ) turns both branches into one smooth expression:
                // m²/2 + δ(|e| - m) is e²/2 inside and δ|e| - δ²/2 outside.
                let size = (scores - targets).abs();
                let inside = size.clone().clamp_max(delta);
                inside.clone().square() * 0.5 + (size - inside) * delta
            }
            // log(1 + e^z) - φz is both logarithms at once, and finite for any logit.
            Self::Bce => softplus(scores.clone()) - scores * targets,
        }
    }
}

impl fmt::Display for RatingLoss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mse => formatter.write_str("mse"),
            Self::Mae => formatter.write_str("mae"),
            Self::Huber { delta } => write!(formatter, "huber:{delta}"),
            Self::Bce => formatter.write_str("bce"),
        }
    }
}

impl FromStr for RatingLoss {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, TrainError> {
        let loss = match text.split_once(':') {
            None if text == "mse" => Some(Self::Mse),
            None if text == "mae" => Some(Self::Mae),
            None if text == "bce" => Some(Self::Bce),
            Some(("huber", delta)) => delta
                .parse()
                .ok()
                .filter(|delta: &f64| *delta > 0.0 && delta.is_finite())
                .map(|delta| Self::Huber { delta }),
            _ => None,
        };
        loss.ok_or_else(|| TrainError::Setting {
            name: "loss",
            found: format!("`{text}`"),
            expected: "`mse`, `mae`, `bce` or `huber:DELTA` with a finite delta above 0",
        })
    }
}

impl TryFrom<String> for RatingLoss {
    type Error = TrainError;

    fn try_from(text: String) -> Result<Self, TrainError> {
        text.parse()
    }
}

impl From<RatingLoss> for String {
    fn from(loss: RatingLoss) -> Self {
        loss.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Tolerance;

    // The worked example of the design: the second segment drives the step.
    const TARGETS: [[[f32; 1]; 3]; 1] = [[[0.9], [0.1], [-0.6]]];
    const SCORES: [[[f32; 1]; 3]; 1] = [[[0.8], [0.5], [-0.7]]];

    fn tensor(values: [[[f32; 1]; 3]; 1], device: &Device) -> Tensor<3> {
        Tensor::from_data(values, device)
    }

    /// Weighted mean, as an objective of this loss alone has it.
    fn mean(
        loss: RatingLoss,
        scores: Tensor<3>,
        targets: Tensor<3>,
        weights: Tensor<3>,
    ) -> Tensor<1> {
        let total = weights.clone().sum().clamp_min(f32::MIN_POSITIVE);
        (loss.elementwise(scores, targets) * weights).sum() / total
    }

    fn ones(device: &Device) -> Tensor<3> {
        Tensor::ones([1, 3, 1], device)
    }

    #[test]
    fn squared_errors_of_the_worked_example_are_001_016_001() {
        let device = Device::flex();
        let losses = RatingLoss::Mse.elementwise(tensor(SCORES, &device), tensor(TARGETS, &device));
        losses.into_data().assert_approx_eq::<f32>(
            &TensorData::from([[[0.01f32], [0.16], [0.01]]]),
            Tolerance::absolute(1e-6),
        );
    }

    #[test]
    fn the_gradient_of_the_worked_example_is_largest_at_the_second_segment() {
        let device = Device::flex().autodiff();
        let scores = tensor(SCORES, &device).require_grad();
        let loss = mean(
            RatingLoss::Mse,
            scores.clone(),
            tensor(TARGETS, &device),
            ones(&device),
        );
        assert!((loss.clone().into_scalar::<f32>() - 0.06).abs() < 1e-6);
        let gradient = scores.grad(&loss.backward()).unwrap();
        // d loss / d r_k = 2 (r_k - φ_k) / 3
        gradient.into_data().assert_approx_eq::<f32>(
            &TensorData::from([[[-0.2f32 / 3.0], [0.8 / 3.0], [-0.2 / 3.0]]]),
            Tolerance::absolute(1e-6),
        );
    }

    #[test]
    fn an_unrated_segment_reaches_neither_loss_nor_gradient() {
        let device = Device::flex().autodiff();
        let scores = tensor([[[0.8], [99.0], [-0.7]]], &device).require_grad();
        let weights = tensor([[[1.0], [0.0], [1.0]]], &device);
        let loss = mean(
            RatingLoss::Mse,
            scores.clone(),
            tensor(TARGETS, &device),
            weights,
        );
        assert!((loss.clone().into_scalar::<f32>() - 0.01).abs() < 1e-6);
        let gradient = scores.grad(&loss.backward()).unwrap().into_data();
        assert!(gradient.as_slice::<f32>().unwrap()[1].abs() < f32::MIN_POSITIVE);
    }

    #[test]
    fn weights_scale_a_segments_share() {
        let device = Device::flex();
        let weights = tensor([[[1.0], [3.0], [0.0]]], &device);
        let loss = mean(
            RatingLoss::Mse,
            tensor(SCORES, &device),
            tensor(TARGETS, &device),
            weights,
        );
        assert!((loss.into_scalar::<f32>() - (0.01 + 3.0 * 0.16) / 4.0).abs() < 1e-6);
    }

    #[test]
    fn a_batch_without_ratings_has_loss_zero_and_finite_gradient() {
        let device = Device::flex().autodiff();
        let scores = tensor(SCORES, &device).require_grad();
        let loss = mean(
            RatingLoss::Mse,
            scores.clone(),
            tensor(TARGETS, &device),
            Tensor::zeros([1, 3, 1], &device),
        );
        assert!(loss.clone().into_scalar::<f32>().abs() < f32::MIN_POSITIVE);
        let gradient = scores.grad(&loss.backward()).unwrap().into_data();
        assert!(gradient.iter::<f32>().all(|g| g.abs() < f32::MIN_POSITIVE));
    }

    #[test]
    fn huber_is_quadratic_inside_and_linear_outside() {
        let device = Device::flex();
        let scores = Tensor::<1>::from_floats([0.05, 0.1, 0.5, -0.5], &device);
        let losses =
            RatingLoss::Huber { delta: 0.1 }.elementwise(scores, Tensor::zeros([4], &device));
        losses.into_data().assert_approx_eq::<f32>(
            &TensorData::from([0.00125f32, 0.005, 0.045, 0.045]),
            Tolerance::absolute(1e-7),
        );
    }

    #[test]
    fn cross_entropy_is_that_of_the_two_probabilities_and_finite_for_any_logit() {
        let device = Device::flex();
        let logits = Tensor::<1>::from_floats([0.0, 2.0, -3.0, 300.0], &device);
        let targets = Tensor::<1>::from_floats([0.3, 0.9, 1.0, 0.0], &device);
        let losses: Vec<f32> = RatingLoss::Bce
            .elementwise(logits, targets)
            .into_data()
            .iter()
            .collect();
        let expected = |z: f64, t: f64| {
            let p = 1.0 / (1.0 + (-z).exp());
            -t * p.ln() - (1.0 - t) * (1.0 - p).ln()
        };
        for (found, expected) in losses.iter().zip([
            expected(0.0, 0.3),
            expected(2.0, 0.9),
            expected(-3.0, 1.0),
            300.0,
        ]) {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "{found}");
        }
    }

    #[test]
    fn losses_are_written_and_read_as_text() {
        for loss in [
            RatingLoss::Mse,
            RatingLoss::Mae,
            RatingLoss::Huber { delta: 0.25 },
            RatingLoss::Bce,
        ] {
            let text = serde_json::to_string(&loss).unwrap();
            assert_eq!(serde_json::from_str::<RatingLoss>(&text).unwrap(), loss);
        }
        for text in ["huber", "huber:0", "huber:-1", "huber:inf", "cosine", ""] {
            assert!(text.parse::<RatingLoss>().is_err(), "{text}");
        }
    }

    #[test]
    fn gradients_of_every_loss_match_finite_differences() {
        let device = Device::flex().autodiff();
        let step = 1e-3f32;
        for loss in [
            RatingLoss::Mse,
            RatingLoss::Mae,
            RatingLoss::Huber { delta: 0.2 },
            RatingLoss::Bce,
        ] {
            let value = |scores: [[[f32; 1]; 3]; 1]| {
                let scores = tensor(scores, &device);
                mean(loss, scores, tensor(TARGETS, &device), ones(&device)).into_scalar::<f32>()
            };
            let scores = tensor(SCORES, &device).require_grad();
            let result = mean(
                loss,
                scores.clone(),
                tensor(TARGETS, &device),
                ones(&device),
            );
            let gradient = scores.grad(&result.backward()).unwrap().into_data();
            for (k, analytic) in gradient.iter::<f32>().enumerate() {
                let (mut up, mut down) = (SCORES, SCORES);
                up[0][k][0] += step;
                down[0][k][0] -= step;
                let numeric = (value(up) - value(down)) / (2.0 * step);
                assert!(
                    (numeric - analytic).abs() < 1e-3,
                    "{loss:?} {k}: {numeric} {analytic}"
                );
            }
        }
    }
}
