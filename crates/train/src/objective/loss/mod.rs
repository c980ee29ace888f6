//! The rating loss: the distance of a score from its target.
//!
//! A loss is a file in this folder that implements [`PointwiseLoss`] and [`NamedLoss`], and a line in
//! `BUILT_IN` (`named.rs`).

mod absolute;
mod cross_entropy;
mod huber;
mod named;
mod squared;

pub use absolute::AbsoluteError;
pub use cross_entropy::CrossEntropy;
pub use huber::Huber;
pub use named::{NamedLoss, RatingLoss, losses, register_loss};
pub use squared::SquaredError;

use std::fmt;

use burn::prelude::*;
use gradus_model::{ConfigProblem, Output};

/// A loss between a segment's score and its target.
///
/// With score `r_k`, target `φ_k` and weight `w_k` of the rated segment-aspect pairs of a batch,
///
/// ```text
/// loss = Σ_k w_k ℓ(r_k, φ_k) / Σ_k w_k
/// ```
///
/// An implementation computes `ℓ`. The engine multiplies by the weights and divides by the denominator of
/// all micro-batches of a step. Unrated pairs have weight 0 and affect neither the loss nor the gradient, as
/// long as `ℓ` is finite for every finite score.
///
/// ```
/// use burn::tensor::{Tensor, activation::relu};
/// use gradus_train::{PointwiseLoss, TrainConfig};
///
/// /// Quantile loss: learns the score below which a share `quantile` of the ratings lies.
/// #[derive(Debug)]
/// struct Pinball {
///     quantile: f64,
/// }
///
/// impl PointwiseLoss for Pinball {
///     fn id(&self) -> String {
///         format!("pinball:{}", self.quantile)
///     }
///     fn elementwise(&self, scores: Tensor<3>, targets: Tensor<3>) -> Tensor<3> {
///         let error = targets - scores;
///         relu(error.clone()) * self.quantile + relu(-error) * (1.0 - self.quantile)
///     }
/// }
///
/// let config = TrainConfig { loss: Pinball { quantile: 0.1 }.into(), ..TrainConfig::default() };
/// assert_eq!(config.loss.to_string(), "pinball:0.1");
/// ```
pub trait PointwiseLoss: fmt::Debug + Send + Sync + 'static {
    /// Name with settings, such as `huber:0.1`. The bundle records it, and a resumed run must have the same.
    fn id(&self) -> String;

    /// Whether [`elementwise`](Self::elementwise) takes logits. The model's output function is then a sigmoid,
    /// and targets must lie in `[0, 1]`. Default: no, it takes scores.
    fn takes_logits(&self) -> bool {
        false
    }

    /// The loss `ℓ` of every pair, before weighting.
    ///
    /// # Shapes
    /// - `scores`, `targets`: `[batch_size, num_segments, num_aspects]`, on the training scale; logits
    ///   instead of scores if [`takes_logits`](Self::takes_logits)
    /// - returns: the same shape
    fn elementwise(&self, scores: Tensor<3>, targets: Tensor<3>) -> Tensor<3>;

    /// Refuses settings that are out of range. Default: accepts all.
    ///
    /// # Errors
    /// The setting, what was found and what was expected.
    fn check(&self) -> Result<(), ConfigProblem> {
        Ok(())
    }
}

impl dyn PointwiseLoss {
    /// Output function of a model that is trained on this loss.
    pub fn output(&self) -> Output {
        if self.takes_logits() {
            Output::Sigmoid
        } else {
            Output::Identity
        }
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
        loss: &RatingLoss,
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
        let losses =
            RatingLoss::default().elementwise(tensor(SCORES, &device), tensor(TARGETS, &device));
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
            &RatingLoss::default(),
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
            &RatingLoss::default(),
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
            &RatingLoss::default(),
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
            &RatingLoss::default(),
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
        let scores = Tensor::<3>::from_floats([[[0.05, 0.1, 0.5, -0.5]]], &device);
        let losses = Huber { delta: 0.1 }.elementwise(scores, Tensor::zeros([1, 1, 4], &device));
        losses.into_data().assert_approx_eq::<f32>(
            &TensorData::from([[[0.00125f32, 0.005, 0.045, 0.045]]]),
            Tolerance::absolute(1e-7),
        );
    }

    #[test]
    fn cross_entropy_is_that_of_the_two_probabilities_and_finite_for_any_logit() {
        let device = Device::flex();
        let logits = Tensor::<3>::from_floats([[[0.0, 2.0, -3.0, 300.0]]], &device);
        let targets = Tensor::<3>::from_floats([[[0.3, 0.9, 1.0, 0.0]]], &device);
        let losses: Vec<f32> = CrossEntropy
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
    fn a_setting_out_of_range_is_refused() {
        for text in [
            "huber",
            "huber:0",
            "huber:-1",
            "huber:inf",
            "mse:1",
            "cosine",
            "",
        ] {
            let error = text.parse::<RatingLoss>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn gradients_of_every_loss_match_finite_differences() {
        let device = Device::flex().autodiff();
        let step = 1e-3f32;
        for loss in losses() {
            // A setting of every loss that has one.
            let text = match loss.short {
                Some(_) => format!("{}:0.2", loss.kind),
                None => loss.kind.to_owned(),
            };
            let loss: &RatingLoss = &text.parse().unwrap();
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
