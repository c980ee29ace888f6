//! How far predictions lie from their targets.

use super::{Moments, finite, mean_of_errors, usable};

/// Mean squared error, in squared rating units. `None` for no pairs.
pub fn mse(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    mean_of_errors(predictions, targets, |error| error * error)
}

/// Root of the mean squared error, in rating units. `None` for no pairs.
pub fn rmse(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    mse(predictions, targets).map(f64::sqrt)
}

/// Mean absolute error, in rating units. `None` for no pairs.
pub fn mae(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    mean_of_errors(predictions, targets, f64::abs)
}

/// Mean of `prediction - target`: positive where predictions are too high. `None` for no pairs.
pub fn bias(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    mean_of_errors(predictions, targets, |error| error)
}

/// Largest absolute error, in rating units. `None` for no pairs.
pub fn max_error(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    if !usable(predictions, targets) {
        return None;
    }
    finite(
        predictions
            .iter()
            .zip(targets)
            .map(|(p, t)| (p - t).abs())
            .fold(0.0, f64::max),
    )
}

/// Coefficient of determination, `1 - MSE / variance of the targets`.
///
/// Range `(-inf, 1]`; 0 is what the mean of these targets would reach. `None` where the targets
/// are constant (one pair included).
pub fn r2(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    let error = mse(predictions, targets)?;
    let variance = Moments::of(predictions, targets).variance_targets;
    if variance > 0.0 {
        finite(1.0 - error / variance)
    } else {
        None
    }
}

/// Lin's concordance correlation, `2 cov / (var_p + var_t + bias²)`.
///
/// Range `[-1, 1]`; 1 only where every prediction equals its target, so that it falls with a bias
/// or a wrong spread where Pearson's correlation does not. `None` for fewer than two pairs or when
/// either side is constant. See Lin (1989), <https://doi.org/10.2307/2532051>.
pub fn concordance(predictions: &[f64], targets: &[f64]) -> Option<f64> {
    let bias = bias(predictions, targets)?;
    let Moments {
        variance_predictions,
        variance_targets,
        covariance,
    } = Moments::of(predictions, targets);
    if variance_predictions == 0.0 || variance_targets == 0.0 {
        return None;
    }
    let spread = variance_predictions + variance_targets + bias * bias;
    finite(2.0 * covariance / spread).map(|agreement| agreement.clamp(-1.0, 1.0))
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
    }
}
