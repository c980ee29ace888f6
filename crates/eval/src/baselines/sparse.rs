//! Ridge regression on many sparse columns, solved by conjugate gradients.

use super::linear::dot;
use rayon::prelude::*;

/// Largest number of steps; the residual is usually small enough after far fewer.
const MAX_STEPS: usize = 500;
/// Entries a thread works on at once.
const CHUNK: usize = 1024;

/// A matrix by rows and by columns, so that products with it and with its transpose are both sums
/// in a fixed order: results do not depend on the number of threads.
pub(super) struct SparseMatrix {
    rows: Vec<Vec<(u32, f64)>>,
    columns: Vec<Vec<(u32, f64)>>,
    column_means: Vec<f64>,
}

impl SparseMatrix {
    /// Takes rows of `(column, value)` with every column below `num_columns`.
    pub(super) fn new(rows: Vec<Vec<(u32, f64)>>, num_columns: usize) -> Self {
        let mut columns = vec![Vec::new(); num_columns];
        for (index, row) in (0..).zip(&rows) {
            for &(column, value) in row {
                columns[column as usize].push((index, value));
            }
        }
        let count = rows.len().max(1) as f64;
        let column_means = columns
            .iter()
            .map(|column| column.iter().map(|entry| entry.1).sum::<f64>() / count)
            .collect();
        Self {
            rows,
            columns,
            column_means,
        }
    }

    /// Means of the columns.
    pub(super) fn column_means(&self) -> &[f64] {
        &self.column_means
    }

    /// `(X - 1 means') v`
    fn times(&self, vector: &[f64]) -> Vec<f64> {
        let shift = dot(&self.column_means, vector);
        let of_row = |row: &Vec<(u32, f64)>| sparse_dot(row, vector) - shift;
        self.rows
            .par_iter()
            .with_min_len(CHUNK)
            .map(of_row)
            .collect()
    }

    /// `(X - 1 means')' v`
    fn transposed_times(&self, vector: &[f64]) -> Vec<f64> {
        let total: f64 = vector.iter().sum();
        self.columns
            .par_iter()
            .zip(&self.column_means)
            .with_min_len(CHUNK)
            .map(|(column, mean)| sparse_dot(column, vector) - mean * total)
            .collect()
    }

    /// Minimizes `|y - (X - 1 means') w|² + penalty |w|²` by conjugate gradients on the normal
    /// equations, from `start`, until the residual is at most `tolerance` times the right-hand side.
    ///
    /// Preconditioned with the diagonal: dense columns weigh far more than those of rare words.
    pub(super) fn ridge(
        &self,
        targets: &[f64],
        penalty: f64,
        start: Vec<f64>,
        tolerance: f64,
    ) -> Vec<f64> {
        let normal = |vector: &[f64]| {
            let mut product = self.transposed_times(&self.times(vector));
            add_scaled(&mut product, penalty, vector);
            product
        };
        let diagonal: Vec<f64> = self
            .squares()
            .iter()
            .map(|square| square + penalty)
            .collect();
        let preconditioned = |residual: &[f64]| -> Vec<f64> {
            residual
                .iter()
                .zip(&diagonal)
                .map(|(value, scale)| value / scale)
                .collect()
        };
        let right = self.transposed_times(targets);
        let enough = tolerance * tolerance * dot(&right, &right);
        let mut weights = start;
        let mut residual = right;
        add_scaled(&mut residual, -1.0, &normal(&weights));
        let mut scaled = preconditioned(&residual);
        let mut direction = scaled.clone();
        let mut norm = dot(&residual, &scaled);
        for _ in 0..MAX_STEPS {
            if dot(&residual, &residual) <= enough {
                break;
            }
            let product = normal(&direction);
            let step = norm / dot(&direction, &product);
            add_scaled(&mut weights, step, &direction);
            add_scaled(&mut residual, -step, &product);
            scaled = preconditioned(&residual);
            let next = dot(&residual, &scaled);
            let keep = next / norm;
            norm = next;
            for (direction, scaled) in direction.iter_mut().zip(&scaled) {
                *direction = scaled + keep * *direction;
            }
        }
        weights
    }

    /// Sums of squares of the columns about their means.
    fn squares(&self) -> Vec<f64> {
        let count = self.rows.len() as f64;
        self.columns
            .iter()
            .zip(&self.column_means)
            .map(|(column, mean)| {
                let squares: f64 = column.iter().map(|entry| entry.1 * entry.1).sum();
                (squares - count * mean * mean).max(0.0)
            })
            .collect()
    }
}

/// Product of a sparse and a dense vector.
pub(super) fn sparse_dot(sparse: &[(u32, f64)], dense: &[f64]) -> f64 {
    sparse
        .iter()
        .map(|&(index, value)| value * dense[index as usize])
        .sum()
}

fn add_scaled(to: &mut [f64], scale: f64, from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += scale * from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_column_has_the_ridge_of_the_textbook() {
        // Centered x = -1, 0, 1 and y = -1, 0, 1: w = 2 / (2 + penalty).
        let rows = vec![vec![], vec![(0, 1.0)], vec![(0, 2.0)]];
        let matrix = SparseMatrix::new(rows, 1);
        let weights = matrix.ridge(&[-1.0, 0.0, 1.0], 0.5, vec![0.0], 1e-12);
        assert!((weights[0] - 2.0 / 2.5).abs() < 1e-12, "{weights:?}");
    }

    #[test]
    fn constant_columns_and_targets_get_no_weight() {
        let matrix = SparseMatrix::new(vec![vec![(0, 3.0)], vec![(0, 3.0)]], 2);
        assert_eq!(
            matrix.ridge(&[0.0, 0.0], 1.0, vec![0.0; 2], 1e-12),
            [0.0, 0.0]
        );
    }
}
