//! Ridge regression from sums, without storing the features.

use gradus_kernels::solve_positive_definite;

/// Weighted sums of products over the rows `(x, 1, t)` of one aspect. Ridge regression and its errors need
/// nothing else. The size does not grow with the data.
pub(super) struct RidgeSums {
    /// `Σ w u u'` with `u = (x, 1, t)`, in row-major order; entries below the diagonal stay 0.
    sums: Vec<f64>,
    width: usize,
}

/// A linear function of the features.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Solution {
    pub(super) weights: Vec<f64>,
    pub(super) bias: f64,
}

/// A feature counts as constant if its variance is at most this share of its mean square.
const CONSTANT: f64 = 1e-12;

impl RidgeSums {
    pub(super) fn zeros(d_model: usize) -> Self {
        let width = d_model + 2;
        Self {
            sums: vec![0.0; width * width],
            width,
        }
    }

    /// Adds rows of features, stored one after the other, with a target and a weight each.
    pub(super) fn add(&mut self, features: &[f32], targets: &[f32], weights: &[f32]) {
        let (width, d_model) = (self.width, self.width - 2);
        let mut row = vec![1.0; width];
        let rows = features.chunks_exact(d_model).zip(targets).zip(weights);
        for ((features, &target), &weight) in rows {
            for (value, &feature) in row.iter_mut().zip(features) {
                *value = f64::from(feature);
            }
            row[d_model + 1] = f64::from(target);
            for a in 0..width {
                let factor = f64::from(weight) * row[a];
                let sums = &mut self.sums[a * width + a..(a + 1) * width];
                for (sum, value) in sums.iter_mut().zip(&row[a..]) {
                    *sum += factor * value;
                }
            }
        }
    }

    /// `Σ w u_a u_b`.
    fn sum(&self, a: usize, b: usize) -> f64 {
        self.sums[a.min(b) * self.width + a.max(b)]
    }

    /// Sum of the weights.
    fn weight(&self) -> f64 {
        let one = self.width - 2;
        self.sum(one, one)
    }

    /// Mean squared error of a solution over the added rows; `None` if their weights are 0.
    pub(super) fn mse(&self, solution: &Solution) -> Option<f64> {
        // The error is the product of this vector and (x, 1, t).
        let weights = solution.weights.iter().map(|weight| -weight);
        let error: Vec<f64> = weights.chain([-solution.bias, 1.0]).collect();
        let row = |a: usize| -> f64 { (0..self.width).map(|b| self.sum(a, b) * error[b]).sum() };
        let sum: f64 = (0..self.width).map(|a| error[a] * row(a)).sum();
        (self.weight() > 0.0).then(|| sum.max(0.0) / self.weight())
    }

    /// The centered problem with features scaled to variance 1.
    pub(super) fn problem(&self) -> Problem {
        let (d_model, weight) = (self.width - 2, self.weight());
        let (one, target) = (d_model, d_model + 1);
        let means: Vec<f64> = (0..d_model).map(|k| self.sum(k, one) / weight).collect();
        let target_mean = self.sum(one, target) / weight;
        let covariance = |a: usize, b: usize| self.sum(a, b) / weight - means[a] * means[b];
        let scale = |k: usize| {
            let variance = covariance(k, k);
            if variance > CONSTANT * self.sum(k, k) / weight {
                1.0 / variance.sqrt()
            } else {
                0.0
            }
        };
        let scales: Vec<f64> = (0..d_model).map(scale).collect();
        let correlations = (0..d_model * d_model).map(|cell| {
            let (a, b) = (cell / d_model, cell % d_model);
            covariance(a, b) * scales[a] * scales[b]
        });
        let right = (0..d_model)
            .map(|k| (self.sum(k, target) / weight - means[k] * target_mean) * scales[k]);
        Problem {
            correlations: correlations.collect(),
            right: right.collect(),
            means,
            scales,
            target_mean,
        }
    }
}

/// `(R + penalty I) z = r` in standardized features.
pub(super) struct Problem {
    correlations: Vec<f64>,
    right: Vec<f64>,
    means: Vec<f64>,
    /// The inverse of the standard deviation; 0 for a constant feature, which thus has no effect.
    scales: Vec<f64>,
    target_mean: f64,
}

impl Problem {
    /// Minimizes `mean (t - b - z·x̃)² + penalty |z|²`; the intercept is not penalized. `None` if the penalty is
    /// too small to make the matrix positive definite.
    pub(super) fn solve(&self, penalty: f64) -> Option<Solution> {
        let size = self.right.len();
        let mut matrix = self.correlations.clone();
        for k in 0..size {
            matrix[k * size + k] += penalty;
        }
        let standardized = solve_positive_definite(matrix, self.right.clone())?;
        let weights: Vec<f64> = standardized
            .iter()
            .zip(&self.scales)
            .map(|(z, scale)| z * scale)
            .collect();
        let bias = self.target_mean - dot(&weights, &self.means);
        let finite = bias.is_finite() && weights.iter().all(|weight| weight.is_finite());
        finite.then_some(Solution { weights, bias })
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `t = 2 + 3 x₀ - x₁` with a third feature that never changes.
    fn moments(noise: f32) -> RidgeSums {
        let mut moments = RidgeSums::zeros(3);
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
        assert!(solution.weights.iter().all(|weight| weight.abs() < 1e-6));
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
        let (mut weighted, mut repeated) = (RidgeSums::zeros(1), RidgeSums::zeros(1));
        weighted.add(&[1.0, 2.0, 4.0], &[0.5, 1.0, -1.0], &[1.0, 3.0, 1.0]);
        for (x, t) in [(1.0, 0.5), (2.0, 1.0), (2.0, 1.0), (2.0, 1.0), (4.0, -1.0)] {
            repeated.add(&[x], &[t], &[1.0]);
        }
        let solve = |moments: &RidgeSums| moments.problem().solve(0.1).unwrap();
        let (a, b) = (solve(&weighted), solve(&repeated));
        assert!((a.bias - b.bias).abs() < 1e-12);
        assert!((a.weights[0] - b.weights[0]).abs() < 1e-12);
    }

    #[test]
    fn nothing_added_has_no_error() {
        let solution = Solution {
            weights: vec![0.0; 2],
            bias: 0.0,
        };
        assert_eq!(RidgeSums::zeros(2).mse(&solution), None);
    }
}
