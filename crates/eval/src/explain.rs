//! Decomposes the loss: the share of each segment in it, and in the gradient of the next step.
//!
//! For the squared error over the rated segment-aspect pairs of a set of records,
//!
//! ```text
//! e_k  = r_k - φ_k                            score minus target, both on the training scale
//! loss = Σ_k w_k e_k² / Σ_k w_k    J = -loss
//!
//! share of the loss       w_k e_k² / Σ_j w_j e_j²
//! gradient at the score   g_k = ∂loss/∂r_k = 2 w_k e_k / Σ_j w_j
//! gradient at the head    |g_k| sqrt(|h_k|² + 1), its share being out of the sum over all k
//! ```
//!
//! where `h_k` is the pooled state that the head reads. A linear head is `r_k = v·h_k + b`, so that
//! pair `k` adds `g_k h_k` to the gradient of `v` and `g_k` to that of `b`; the norm of the two
//! together is `|g_k| sqrt(|h_k|² + 1)`. Contributions of different pairs may cancel in the sum:
//! the shares tell how hard each pulls, not where the sum points.
//!
//! Everything that is explained together counts as one batch. Responses that are rated as a whole
//! have a loss of their own, of their aggregated scores.

mod records;
mod responses;

pub use records::{ExplainedPair, Explanation, PairKind, explain_bundle, explain_scores};
pub use responses::{ExplainedResponse, ResponsesExplained};

use serde::{Deserialize, Serialize};

/// A rated and scored segment-aspect pair, on the training scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatedScore {
    /// The target.
    pub target: f64,
    /// The score.
    pub score: f64,
    /// Weight in the loss, 0 or more.
    pub weight: f64,
    /// Euclidean norm of the pooled state the score was read off; `None` if it is not known.
    pub state_norm: Option<f64>,
}

/// The contribution of one pair to loss and gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LossShare {
    /// Score minus target.
    pub error: f64,
    /// Its square.
    pub squared_error: f64,
    /// Share of the loss, from 0 to 1. `None` if the loss is 0.
    pub loss_share: Option<f64>,
    /// Derivative of the loss by the score: above 0, a step lowers the score.
    pub gradient: f64,
    /// Norm of its part of the gradient of the head. `None` without a state.
    pub head_gradient: Option<f64>,
    /// Share of that in the sum over all pairs. `None` without a state, or where all are 0.
    pub head_gradient_share: Option<f64>,
}

/// The loss of several pairs and the contribution of each.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LossShares {
    /// Weighted mean squared error. `None` if all weights are 0, or it overflows.
    pub loss: Option<f64>,
    /// Sum of the weights.
    pub total_weight: f64,
    /// One entry per pair, in their order.
    pub shares: Vec<LossShare>,
}

/// Takes the squared error of `pairs` apart; all values are finite.
///
/// ```
/// use gradus_eval::explain::{RatedScore, loss_shares};
///
/// // The worked example of the design: the second segment drives the step.
/// let pair = |target, score| RatedScore { target, score, weight: 1.0, state_norm: Some(2.0) };
/// let explained = loss_shares(&[pair(0.9, 0.8), pair(0.1, 0.5), pair(-0.6, -0.7)]);
///
/// let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
/// let shares = &explained.shares;
/// for (share, squared) in shares.iter().zip([0.01, 0.16, 0.01]) {
///     close(share.squared_error, squared);
/// }
/// close(explained.loss.unwrap(), 0.06);
/// close(shares[1].loss_share.unwrap(), 0.16 / 0.18);
/// // Too high by 0.4, so the step lowers it: 2 · 0.4 / 3.
/// close(shares[1].gradient, 0.8 / 3.0);
/// close(shares[0].gradient, -0.2 / 3.0);
/// // The same state everywhere: the head feels the errors in proportion, 0.1 : 0.4 : 0.1.
/// close(shares[1].head_gradient.unwrap(), 0.8 / 3.0 * 5f64.sqrt());
/// close(shares[1].head_gradient_share.unwrap(), 4.0 / 6.0);
/// ```
pub fn loss_shares(pairs: &[RatedScore]) -> LossShares {
    let total_weight: f64 = pairs.iter().map(|pair| pair.weight).sum();
    let squared = |pair: &RatedScore| pair.weight * (pair.score - pair.target).powi(2);
    let sum: f64 = pairs.iter().map(squared).sum();
    let gradient = |pair: &RatedScore| {
        if total_weight > 0.0 {
            2.0 * pair.weight * (pair.score - pair.target) / total_weight
        } else {
            0.0
        }
    };
    let at_head = |pair: &RatedScore| {
        let norm = pair.state_norm?;
        Some(gradient(pair).abs() * norm.hypot(1.0))
    };
    // One pair without a state leaves the sum, and so every share, unknown.
    let head_sum: Option<f64> = pairs.iter().map(at_head).sum();
    let shares = pairs.iter().map(|pair| LossShare {
        error: pair.score - pair.target,
        squared_error: (pair.score - pair.target).powi(2),
        loss_share: share(squared(pair), sum),
        gradient: gradient(pair),
        head_gradient: at_head(pair),
        head_gradient_share: at_head(pair)
            .zip(head_sum)
            .and_then(|(part, sum)| share(part, sum)),
    });
    LossShares {
        loss: Some(sum / total_weight).filter(|loss| loss.is_finite()),
        total_weight,
        shares: shares.collect(),
    }
}

fn share(part: f64, sum: f64) -> Option<f64> {
    Some(part / sum).filter(|share| sum > 0.0 && share.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair(target: f64, score: f64, weight: f64) -> RatedScore {
        RatedScore {
            target,
            score,
            weight,
            state_norm: Some(score.abs()),
        }
    }

    #[test]
    fn nothing_and_no_weight_have_no_loss() {
        assert_eq!(loss_shares(&[]).loss, None);
        let explained = loss_shares(&[pair(0.0, 1.0, 0.0)]);
        assert_eq!(explained.loss, None);
        assert_eq!(explained.shares[0].loss_share, None);
        assert!(explained.shares[0].gradient.abs() < f64::MIN_POSITIVE);
    }

    #[test]
    fn a_perfect_model_has_loss_zero_and_no_shares() {
        let explained = loss_shares(&[pair(0.5, 0.5, 1.0), pair(0.25, 0.25, 1.0)]);
        assert_eq!(explained.loss, Some(0.0));
        assert_eq!(explained.shares[0].loss_share, None);
        assert_eq!(explained.shares[0].head_gradient_share, None);
    }

    #[test]
    fn a_weight_counts_as_often_as_it_says() {
        let weighted = loss_shares(&[pair(0.0, 1.0, 3.0), pair(0.0, 0.5, 1.0)]);
        let repeated = loss_shares(&[
            pair(0.0, 1.0, 1.0),
            pair(0.0, 1.0, 1.0),
            pair(0.0, 1.0, 1.0),
            pair(0.0, 0.5, 1.0),
        ]);
        assert!((weighted.loss.unwrap() - repeated.loss.unwrap()).abs() < 1e-12);
        assert!((weighted.shares[0].gradient - 3.0 * repeated.shares[0].gradient).abs() < 1e-12);
    }

    #[test]
    fn one_unknown_state_leaves_every_share_at_the_head_unknown() {
        let mut pairs = [pair(0.0, 1.0, 1.0), pair(0.0, 0.5, 1.0)];
        pairs[1].state_norm = None;
        let shares = loss_shares(&pairs).shares;
        assert!(shares[0].head_gradient.is_some());
        assert_eq!(shares[0].head_gradient_share, None);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_gradients_are_derivatives(
            values in proptest::collection::vec((-2.0_f64..2.0, -2.0_f64..2.0, 0.1_f64..3.0), 1..20),
            chosen in any::<proptest::sample::Index>(),
        ) {
            let pairs: Vec<RatedScore> =
                values.iter().map(|&(target, score, weight)| pair(target, score, weight)).collect();
            let explained = loss_shares(&pairs);
            let sum = |f: fn(&LossShare) -> Option<f64>| explained.shares.iter().filter_map(f).sum::<f64>();
            prop_assert!((sum(|s| s.loss_share) - 1.0).abs() < 1e-9);
            prop_assert!((sum(|s| s.head_gradient_share) - 1.0).abs() < 1e-9);
            let chosen = chosen.index(pairs.len());
            let moved = |step: f64| {
                let mut pairs = pairs.clone();
                pairs[chosen].score += step;
                loss_shares(&pairs).loss.unwrap()
            };
            let numeric = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            prop_assert!((numeric - explained.shares[chosen].gradient).abs() < 1e-6);
        }
    }
}
