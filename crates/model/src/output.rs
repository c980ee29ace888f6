//! Output function: from the head's values to scores.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// Function from the head's values to scores on the training scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// The values are the scores.
    #[default]
    Identity,
    /// `1 / (1 + e^-value)`: the values are logits, and scores are in (0, 1). Used by models
    /// trained with binary cross-entropy.
    Sigmoid,
}

impl Output {
    /// Largest logit that [`inverse`](Self::inverse) returns: a probability of about 0.9975.
    const FARTHEST: f32 = 6.0;

    /// Converts the head's values to scores, in the same shape.
    pub fn forward<const D: usize>(self, raw: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => raw,
            Self::Sigmoid => activation::sigmoid(raw),
        }
    }

    /// The value for a score. For a sigmoid, logits are limited to -6 and 6, where it can still
    /// learn.
    pub fn inverse(self, score: f32) -> f32 {
        match self {
            Self::Identity => score,
            Self::Sigmoid => {
                let score = score.clamp(f32::EPSILON, 1.0 - f32::EPSILON);
                (score / (1.0 - score))
                    .ln()
                    .clamp(-Self::FARTHEST, Self::FARTHEST)
            }
        }
    }

    /// Whether this is the identity.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(crate) fn is_identity(&self) -> bool {
        matches!(self, Self::Identity)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn the_inverse_of_a_score_has_that_score() {
        for output in [Output::Identity, Output::Sigmoid] {
            for score in [0.01_f32, 0.3, 0.5, 0.99] {
                let raw = Tensor::<1>::from_floats([output.inverse(score)], &Device::flex());
                let back = output.forward(raw).into_scalar::<f32>();
                assert!((back - score).abs() < 1e-6, "{output:?} {score} {back}");
            }
        }
        assert!((Output::Sigmoid.inverse(1.0) - 6.0).abs() < 1e-6);
    }
}
