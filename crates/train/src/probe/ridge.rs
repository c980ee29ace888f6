//! Ridge regression from sums: no feature is kept.

use nalgebra::{Cholesky, DMatrix, DVector};

/// Weighted sums of products over the rows `(x, 1, t)` of one aspect: all that a ridge and its
/// errors need, of a size that does not grow with the data.
pub(super) struct Moments {
    /// `Σ w u u'` with `u = (x, 1, t)`.
    sums: DMatrix<f64>,
}

/// A linear function of the features.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Solution {
    pub(super) weights: DVector<f64>,
    pub(super) bias: f64,
}

/// A feature whose variance is this share of the mean square or less is constant.
const CONSTANT: f64 = 1e-12;

impl Moments {
    pub(super) fn zeros(d_model: usize) -> Self {
        Self {
            sums: DMatrix::zeros(d_model + 2, d_model + 2),
        }
    }

    /// Adds rows of features next to each other, with a target and a weight for each.
    pub(super) fn add(&mut self, features: &[f32], targets: &[f32], weights: &[f32]) {
        if targets.is_empty() {
            return;
        }
        let width = self.sums.nrows();
        let d_model = width - 2;
        let rows = DMatrix::from_fn(targets.len(), width, |row, column| {
            f64::from(match column {
                column if column < d_model => features[row * d_model + column],
                column if column == d_model => 1.0,
                _ => targets[row],
            })
        });
        let mut weighted = rows.transpose();
        for (mut column, &weight) in weighted.column_iter_mut().zip(weights) {
            column *= f64::from(weight);
        }
        self.sums.gemm(1.0, &weighted, &rows, 1.0);
    }

    /// Sum of the weights.
    pub(super) fn weight(&self) -> f64 {
        let one = self.sums.nrows() - 2;
        self.sums[(one, one)]
    }

    /// Mean squared error of a solution over the rows that were added; `None` without weight.
    pub(super) fn mse(&self, solution: &Solution) -> Option<f64> {
        let d_model = self.sums.nrows() - 2;
        // The error is this vector times (x, 1, t).
        let error = DVector::from_fn(d_model + 2, |row, _| match row {
            row if row < d_model => -solution.weights[row],
            row if row == d_model => -solution.bias,
            _ => 1.0,
        });
        let sum = error.dot(&(&self.sums * &error));
        (self.weight() > 0.0).then(|| sum.max(0.0) / self.weight())
    }

    /// The centred problem, features scaled to variance 1.
    pub(super) fn problem(&self) -> Problem {
        let (d_model, weight) = (self.sums.nrows() - 2, self.weight());
        let (one, target) = (d_model, d_model + 1);
        let means = self.sums.column(one).rows(0, d_model) / weight;
        let target_mean = self.sums[(one, target)] / weight;
        let covariance = |a: usize, b: usize| self.sums[(a, b)] / weight - means[a] * means[b];
        let scales = DVector::from_fn(d_model, |k, _| {
            let variance = covariance(k, k);
            let square = self.sums[(k, k)] / weight;
            if variance > CONSTANT * square {
                1.0 / variance.sqrt()
            } else {
                0.0
            }
        });
        Problem {
            correlations: DMatrix::from_fn(d_model, d_model, |a, b| {
                covariance(a, b) * scales[a] * scales[b]
            }),
            right: DVector::from_fn(d_model, |k, _| {
                (self.sums[(k, target)] / weight - means[k] * target_mean) * scales[k]
            }),
            means,
            scales,
            target_mean,
        }
    }
}

/// `(R + penalty I) z = r` in standardised features.
pub(super) struct Problem {
    correlations: DMatrix<f64>,
    right: DVector<f64>,
    means: DVector<f64>,
    /// One over the standard deviation; 0 for a constant feature, which then has no weight.
    scales: DVector<f64>,
    target_mean: f64,
}

impl Problem {
    /// Minimises `mean (t - b - z·x̃)² + penalty |z|²`; the intercept is not penalised. `None` where
    /// the penalty is too small to make the matrix positive definite.
    pub(super) fn solve(&self, penalty: f64) -> Option<Solution> {
        let mut matrix = self.correlations.clone();
        for k in 0..matrix.nrows() {
            matrix[(k, k)] += penalty;
        }
        let weights = Cholesky::new(matrix)?.solve(&self.right);
        let weights = weights.component_mul(&self.scales);
        let bias = self.target_mean - weights.dot(&self.means);
        let finite = bias.is_finite() && weights.iter().all(|weight| weight.is_finite());
        finite.then_some(Solution { weights, bias })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `t = 2 + 3 x₀ - x₁` with a third feature that never changes.
    fn moments(noise: f32) -> Moments {
        let mut moments = Moments::zeros(3);
        for k in 0..40_u8 {
            let (a, b) = (f32::from(k % 7), f32::from(k % 5) * 10.0);
            let target = 2.0 + 3.0 * a - b + noise * f32::from(k % 3);
            moments.add(&[a, b, 4.0], &[target], &[1.0 + f32::from(k % 2)]);
        }
        moments
    }

    #[test]
    fn a_small_penalty_finds_the_function_behind_the_targets() {
        let moments = moments(0.0);
        let solution = moments.problem().solve(1e-9).unwrap();
        let expected = [3.0, -1.0, 0.0];
        for (found, expected) in solution.weights.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{solution:?}");
        }
        assert!((solution.bias - 2.0).abs() < 1e-5, "{solution:?}");
        assert!(moments.mse(&solution).unwrap() < 1e-9);
    }

    #[test]
    fn a_large_penalty_leaves_the_mean() {
        let moments = moments(1.0);
        let solution = moments.problem().solve(1e9).unwrap();
        assert!(solution.weights.norm() < 1e-6);
        let (loose, tight) = (
            moments.mse(&solution).unwrap(),
            moments
                .mse(&moments.problem().solve(1e-9).unwrap())
                .unwrap(),
        );
        assert!(tight < 0.1 * loose, "{tight} {loose}");
    }

    #[test]
    fn a_weight_counts_as_often_as_it_says() {
        let (mut weighted, mut repeated) = (Moments::zeros(1), Moments::zeros(1));
        weighted.add(&[1.0, 2.0, 4.0], &[0.5, 1.0, -1.0], &[1.0, 3.0, 1.0]);
        for (x, t) in [(1.0, 0.5), (2.0, 1.0), (2.0, 1.0), (2.0, 1.0), (4.0, -1.0)] {
            repeated.add(&[x], &[t], &[1.0]);
        }
        let solve = |moments: &Moments| moments.problem().solve(0.1).unwrap();
        let (a, b) = (solve(&weighted), solve(&repeated));
        assert!((a.bias - b.bias).abs() < 1e-12);
        assert!((&a.weights - &b.weights).norm() < 1e-12);
    }

    #[test]
    fn nothing_added_has_no_error() {
        let solution = Solution {
            weights: DVector::zeros(2),
            bias: 0.0,
        };
        assert_eq!(Moments::zeros(2).mse(&solution), None);
    }
}
