//! The pairwise term: better segments score higher.

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::smooth::softplus;

/// Logistic loss over the pairs of segments of one response whose targets on an aspect differ:
/// `log(1 + e^(margin - (r_i - r_j)))` for `φ_i > φ_j`, weighted by `w_i w_j`.
///
/// It is added to a rating loss and does not replace it, because it depends on order, not on values. With a
/// sigmoid output (binary cross-entropy), `r` is the logit. The logistic ranking loss of Burges et al. (2005), "Learning to Rank
/// using Gradient Descent", <https://doi.org/10.1145/1102351.1102363>.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranking {
    /// Weight relative to the rating loss. Above 0.
    pub weight: f64,
    /// Required distance of the two scores, in target units. At least 0, default 0.
    #[serde(default)]
    pub margin: f64,
}

impl Ranking {
    /// Weighted loss of every pair.
    ///
    /// # Shapes
    /// - `scores`, `targets`, `weights`: `[batch_size, num_segments, num_aspects]`
    /// - returns: `[batch_size, num_segments, num_segments, num_aspects]`
    pub(crate) fn weighted_losses(
        self,
        scores: Tensor<3>,
        targets: Tensor<3>,
        weights: Tensor<3>,
    ) -> Tensor<4> {
        let first = |values: &Tensor<3>| values.clone().unsqueeze_dim::<4>(2);
        let second = |values: &Tensor<3>| values.clone().unsqueeze_dim::<4>(1);
        let better = (first(&targets) - second(&targets)).greater_elem(0.0);
        let weights = first(&weights) * second(&weights) * better.float();
        let lead = first(&scores) - second(&scores);
        softplus(lead.neg() + self.margin) * weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(values: [f32; 4], device: &Device) -> Tensor<3> {
        Tensor::<1>::from_floats(values, device).reshape([1, 4, 1])
    }

    #[test]
    fn only_pairs_with_different_targets_count_once_each() {
        let device = Device::flex();
        let ranking = Ranking {
            weight: 1.0,
            margin: 0.5,
        };
        // The last segment is unrated; the second and third have the same target.
        let losses = ranking.weighted_losses(
            tensor([2.0, 1.0, -1.0, 50.0], &device),
            tensor([0.9, 0.1, 0.1, 0.0], &device),
            tensor([1.0, 2.0, 1.0, 0.0], &device),
        );
        let pair = |lead: f64| (0.5 - lead).exp().ln_1p();
        let expected = 2.0 * pair(1.0) + pair(3.0);
        let found = f64::from(losses.sum().into_scalar::<f32>());
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
}
