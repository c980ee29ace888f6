//! A linear model, to see what can be told from features alone.

/// Held-out Pearson correlation of a ridge regression; the first three quarters of the rows train it.
pub(crate) fn held_out_pearson(rows: &[(Vec<f64>, f64)]) -> f64 {
    let (train, test) = rows.split_at(rows.len() * 3 / 4);
    let (weights, offsets) = fit(train);
    let predict = |features: &[f64]| -> f64 {
        let centered = features.iter().zip(&offsets).map(|(x, offset)| x - offset);
        centered.zip(&weights).map(|(x, weight)| x * weight).sum()
    };
    let predictions: Vec<f64> = test.iter().map(|(features, _)| predict(features)).collect();
    let targets: Vec<f64> = test.iter().map(|&(_, target)| target).collect();
    pearson(&predictions, &targets)
}

/// Weights of centered features, and their means.
fn fit(rows: &[(Vec<f64>, f64)]) -> (Vec<f64>, Vec<f64>) {
    const PENALTY: f64 = 1.0;
    let count = rows.len() as f64;
    let dims = rows[0].0.len();
    let offsets: Vec<f64> = (0..dims)
        .map(|d| rows.iter().map(|(features, _)| features[d]).sum::<f64>() / count)
        .collect();
    let target_mean = rows.iter().map(|(_, target)| target).sum::<f64>() / count;
    let mut gram = vec![vec![0.0; dims]; dims];
    let mut right = vec![0.0; dims];
    for (features, target) in rows {
        let centered: Vec<f64> = features
            .iter()
            .zip(&offsets)
            .map(|(x, offset)| x - offset)
            .collect();
        for i in 0..dims {
            right[i] += centered[i] * (target - target_mean);
            for j in 0..dims {
                gram[i][j] += centered[i] * centered[j];
            }
        }
    }
    for (i, row) in gram.iter_mut().enumerate() {
        row[i] += PENALTY;
    }
    (solve(gram, right), offsets)
}

/// Gaussian elimination; safe without pivoting, as the matrix is positive definite.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let dims = right.len();
    for pivot in 0..dims {
        for row in pivot + 1..dims {
            let factor = matrix[row][pivot] / matrix[pivot][pivot];
            let (upper, lower) = matrix.split_at_mut(row);
            for (x, y) in lower[0][pivot..].iter_mut().zip(&upper[pivot][pivot..]) {
                *x -= factor * y;
            }
            right[row] -= factor * right[pivot];
        }
    }
    for row in (0..dims).rev() {
        let known: f64 = (row + 1..dims).map(|d| matrix[row][d] * right[d]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right
}

/// 0 where one side is constant: nothing is told from it.
pub(crate) fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let product = |a: &[f64], mean_a: f64, b: &[f64], mean_b: f64| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| (a - mean_a) * (b - mean_b))
            .sum()
    };
    let spread = product(x, mean_x, x, mean_x) * product(y, mean_y, y, mean_y);
    if spread <= 1e-12 {
        return 0.0;
    }
    product(x, mean_x, y, mean_y) / spread.sqrt()
}
