//! Metrics of two lists, predictions and targets.

use super::{BinaryCounts, PairCounts, WeightedMetrics, usable};
use crate::{Metric, ResponsePairs};

/// Mean squared error, in squared rating units. `None` for no pairs.
pub fn mse(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    of_pairs(Metric::MSE, predictions, targets, None)
}

/// Root of the mean squared error, in rating units. `None` for no pairs.
pub fn rmse(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    of_pairs(Metric::RMSE, predictions, targets, None)
}

/// Mean absolute error, in rating units. `None` for no pairs.
pub fn mae(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    of_pairs(Metric::MAE, predictions, targets, None)
}

/// Mean of `prediction - target`: positive where predictions are too high. `None` for no pairs.
pub fn bias(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    of_pairs(Metric::BIAS, predictions, targets, None)
}

/// Largest absolute error, in rating units. `None` for no pairs.
pub fn max_error(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    of_pairs(Metric::MAX_ERROR, predictions, targets, None)
}

/// Coefficient of determination, `1 - MSE / variance of the targets`.
///
/// Range `(-inf, 1]`; 0 is what the mean of these targets would reach. `None` if the targets
/// are constant (one pair included).
pub fn r2(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    of_pairs(Metric::R2, predictions, targets, None)
}

/// Lin's concordance correlation, `2 cov / (var_p + var_t + bias²)`.
///
/// Range `[-1, 1]`; 1 only where every prediction equals its target, so that it falls with a bias
/// or a wrong spread where Pearson's correlation does not. `None` for fewer than two pairs or when
/// either side is constant. See Lin (1989), <https://doi.org/10.2307/2532051>.
pub fn concordance(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    of_pairs(Metric::CONCORDANCE, predictions, targets, None)
}

/// Pearson's correlation. `None` for fewer than two pairs or when either side is constant.
pub fn pearson(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    of_pairs(Metric::PEARSON, predictions, targets, None)
}

/// Spearman's rank correlation, ties at their mean rank. `None` for fewer than two pairs or when
/// either side is constant.
pub fn spearman(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    of_pairs(Metric::SPEARMAN, predictions, targets, None)
}

/// Kendall's τ-b, which takes ties on either side into account, in `O(n log n)` (Knight 1966,
/// <https://doi.org/10.1080/01621459.1966.10480879>). `None` for fewer than two pairs or when
/// either side is constant.
pub fn kendall_tau_b(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    PairCounts::count(predictions, targets)?.tau_b()
}

/// Area under the ROC curve: the chance that a positive has a higher prediction than a negative,
/// ties counting half. `None` if all targets fall on one side of `midpoint`.
pub fn auroc(predictions: &[f64], targets: &[f64], midpoint: f64) -> Option<f64> {
    of_pairs(Metric::AUROC, predictions, targets, Some(midpoint))
}

/// Average precision: the area under the precision-recall curve as a step function, as scikit-learn
/// has it, equal predictions entering together.
///
/// The share of positives is what guessing reaches. `None` if all targets fall on one side of
/// `midpoint`.
pub fn auprc(predictions: &[f64], targets: &[f64], midpoint: f64) -> Option<f64> {
    of_pairs(Metric::AUPRC, predictions, targets, Some(midpoint))
}

/// F1 of the positives, predictions cut at the same midpoint as the targets. `None` if neither
/// side has a positive.
pub fn f1(predictions: &[f64], targets: &[f64], midpoint: f64) -> Option<f64> {
    BinaryCounts::cut(predictions, targets, midpoint)?.f1()
}

fn of_pairs(
    metric: Metric,
    predictions: &[f64],
    targets: &[f64],
    midpoint: Option<f64>,
) -> Option<f64> {
    if !usable(predictions, targets) {
        return None;
    }
    let mut pairs = ResponsePairs::new();
    pairs.push_response(predictions.iter().copied().zip(targets.iter().copied()));
    WeightedMetrics::of_all(&pairs.with_midpoint(midpoint), &[metric])[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_of_the_design_has_mse_six_hundredths() {
        let mse = mse(&[0.8, 0.5, -0.7], &[0.9, 0.1, -0.6]).unwrap();
        assert!((mse - 0.18 / 3.0).abs() < 1e-15, "{mse}");
    }

    #[test]
    fn a_bias_lowers_concordance_but_not_correlation() {
        let targets = [0.0, 0.2, 0.4, 0.6];
        let predictions = [0.3, 0.5, 0.7, 0.9];
        assert!(concordance(&predictions, &targets).unwrap() < 0.6);
        assert!((concordance(&targets, &targets).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn no_number_from_nothing_nan_infinity_or_unequal_lengths() {
        for metric in [mse, rmse, mae, bias, max_error, r2, concordance] {
            assert_eq!(metric(&[], &[]), None);
            assert_eq!(metric(&[f64::NAN, 0.0], &[0.0, 1.0]), None);
            assert_eq!(metric(&[0.0, 1.0], &[f64::INFINITY, 0.0]), None);
            assert_eq!(metric(&[0.0, 1.0], &[0.0]), None);
        }
    }

    #[test]
    fn an_overflow_is_none() {
        assert_eq!(mse(&[1e300], &[-1e300]), None);
        assert_eq!(mae(&[1e308, 1e308], &[-1e308, -1e308]), None);
        let (large, small) = ([1e300, -1e300, 0.0], [1.0, 0.0, 0.5]);
        for metric in [pearson, concordance, r2] {
            assert_eq!(metric(&large, &small), None);
            assert_eq!(metric(&small, &large), None);
        }
        assert_eq!(concordance(&[1e200, 1e200 + 1e185], &[0.0, 1.0]), None);
    }

    #[test]
    fn a_constant_side_has_no_correlation_whatever_its_mean_rounds_to() {
        for step in 1..40_u32 {
            for count in 2..30_u32 {
                let constant = vec![0.1 * f64::from(step); count as usize];
                let varied: Vec<f64> = (0..count).map(|index| 0.3 * f64::from(index)).collect();
                for metric in [pearson, spearman, kendall_tau_b] {
                    assert_eq!(metric(&constant, &varied), None);
                    assert_eq!(metric(&varied, &constant), None);
                }
                assert_eq!(pearson(&constant, &constant), None);
            }
        }
    }

    #[test]
    fn one_pair_nothing_and_nan_have_no_correlation() {
        for metric in [pearson, spearman, kendall_tau_b] {
            assert_eq!(metric(&[0.3], &[0.4]), None);
            assert_eq!(metric(&[], &[]), None);
            assert_eq!(metric(&[f64::NAN, 1.0, 2.0], &[0.0, 0.5, 1.0]), None);
        }
    }

    #[test]
    fn perfect_order_is_one_and_reversed_order_minus_one() {
        let up = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
        let down: Vec<f64> = up.iter().rev().copied().collect();
        for metric in [pearson, spearman, kendall_tau_b] {
            assert!((metric(&up, &up).unwrap() - 1.0).abs() < 1e-12);
            assert!((metric(&down, &up).unwrap() + 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn pairs_are_compared_within_a_response_only() {
        // Between the responses the order is wrong; within each it is right.
        let mut pairs = ResponsePairs::new();
        pairs.push_response([(0.1, 0.8), (0.2, 0.9)]);
        pairs.push_response([(0.8, 0.1), (0.9, 0.2)]);
        assert_eq!(Metric::PAIRWISE_ACCURACY.compute(&pairs), Some(1.0));
    }

    #[test]
    fn equal_predictions_count_half_and_equal_targets_not_at_all() {
        let accuracy = |response: &[(f64, f64)]| {
            let mut pairs = ResponsePairs::new();
            pairs.push_response(response.iter().copied());
            Metric::PAIRWISE_ACCURACY.compute(&pairs)
        };
        let half = accuracy(&[(0.5, 0.0), (0.5, 1.0), (0.9, 1.0)]);
        assert_eq!(half, Some(0.75));
        assert_eq!(accuracy(&[(0.1, 1.0), (0.2, 1.0)]), None);
        assert_eq!(accuracy(&[]), None);
    }

    #[test]
    fn one_sided_targets_have_no_curve() {
        for area in [auroc, auprc] {
            assert_eq!(area(&[0.1, 0.9], &[1.0, 1.0], 0.5), None);
            assert_eq!(area(&[0.1, 0.9], &[0.0, 0.5], 0.5), None);
            assert_eq!(area(&[0.1, 0.9], &[0.0, 1.0], f64::NAN), None);
        }
    }

    #[test]
    fn constant_predictions_rank_by_chance() {
        let (predictions, targets) = ([0.4; 4], [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(auroc(&predictions, &targets, 0.5), Some(0.5));
        assert_eq!(auprc(&predictions, &targets, 0.5), Some(0.25));
    }

    #[test]
    fn f1_exists_once_there_is_a_positive_on_either_side() {
        assert_eq!(f1(&[0.1], &[0.2], 0.5), None);
        assert_eq!(f1(&[0.9], &[0.2], 0.5), Some(0.0));
        assert_eq!(f1(&[0.9, 0.9, 0.1], &[0.9, 0.1, 0.9], 0.5), Some(0.5));
    }
}
