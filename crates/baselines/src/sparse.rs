//! Ridge regression on many sparse columns, solved by conjugate gradients.

use crate::linear::dot;
use rayon::prelude::*;

/// Largest number of steps; the residual is usually small enough after far fewer.
const MAX_STEPS: usize = 500;
/// Entries a thread works on at once.
const CHUNK: usize = 1024;

/// A matrix by rows and by columns, so that products with it and with its transpose are both sums
/// in a fixed order: results do not depend on the number of threads.
pub(crate) struct SparseMatrix {
    rows: Lines,
    columns: Lines,
    column_means: Vec<f64>,
}

/// Rows, or columns, one behind the other, the shortest first.
#[derive(Default)]
struct Lines {
    indices: Vec<u32>,
    values: Vec<f64>,
    /// Where each line ends.
    ends: Vec<usize>,
    /// The number of each line before they were sorted.
    numbers: Vec<usize>,
}

/// One row or column.
type Line<'a> = (&'a [u32], &'a [f64]);

impl Lines {
    fn of(lines: &[Vec<(u32, f64)>]) -> Self {
        let mut numbers: Vec<usize> = (0..lines.len()).collect();
        numbers.sort_by_key(|&number| lines[number].len());
        let mut all = Self::default();
        for &number in &numbers {
            let line = &lines[number];
            all.indices.extend(line.iter().map(|entry| entry.0));
            all.values.extend(line.iter().map(|entry| entry.1));
            all.ends.push(all.values.len());
        }
        Self { numbers, ..all }
    }

    fn line(&self, place: usize) -> Line<'_> {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = start..self.ends[place];
        (&self.indices[range.clone()], &self.values[range])
    }

    /// The product of every line with a dense vector, in the order before sorting.
    fn times(&self, dense: &[f64]) -> Vec<f64> {
        let mut sorted = vec![0.0; self.ends.len()];
        let chunks = sorted.par_chunks_mut(CHUNK).enumerate();
        chunks.for_each(|(chunk, products)| {
            let first = chunk * CHUNK;
            for (four, products) in products.chunks_mut(4).enumerate() {
                let place = first + 4 * four;
                if let Some(products) = products.first_chunk_mut::<4>() {
                    let lines = [0, 1, 2, 3].map(|k| self.line(place + k));
                    *products = four_dots(lines, dense);
                } else {
                    for (k, product) in products.iter_mut().enumerate() {
                        *product = dot_from(-0.0, self.line(place + k), dense);
                    }
                }
            }
        });
        self.unsorted(sorted)
    }

    /// The sum of squares of every line, in the order before sorting.
    fn squares(&self) -> Vec<f64> {
        let of_line = |place| {
            let (_, values) = self.line(place);
            values.iter().map(|value| value * value).sum()
        };
        self.unsorted((0..self.ends.len()).map(of_line))
    }

    fn unsorted(&self, sorted: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let mut values = vec![0.0; self.numbers.len()];
        for (&number, value) in self.numbers.iter().zip(sorted) {
            values[number] = value;
        }
        values
    }
}

/// Four products at once: each is a chain of additions, of which the processor works on several side by side.
fn four_dots(lines: [Line<'_>; 4], dense: &[f64]) -> [f64; 4] {
    let shared = lines.iter().map(|line| line.0.len()).min().unwrap_or(0);
    let heads = lines.map(|(indices, values)| (&indices[..shared], &values[..shared]));
    let mut sums = [-0.0; 4];
    for k in 0..shared {
        for (sum, (indices, values)) in sums.iter_mut().zip(heads) {
            *sum += values[k] * dense[indices[k] as usize];
        }
    }
    let mut ends = lines.into_iter();
    sums.map(|sum| {
        let (indices, values) = ends.next().unwrap_or_default();
        dot_from(sum, (&indices[shared..], &values[shared..]), dense)
    })
}

/// `sum` and the product of a line with a dense vector, added entry by entry.
fn dot_from(sum: f64, (indices, values): Line<'_>, dense: &[f64]) -> f64 {
    let entries = indices.iter().zip(values);
    entries.fold(sum, |sum, (&index, value)| {
        sum + value * dense[index as usize]
    })
}

impl SparseMatrix {
    /// Takes rows of `(column, value)` with every column below `num_columns`.
    pub(crate) fn new(rows: Vec<Vec<(u32, f64)>>, num_columns: usize) -> Self {
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
            rows: Lines::of(&rows),
            columns: Lines::of(&columns),
            column_means,
        }
    }

    /// Means of the columns.
    pub(crate) fn column_means(&self) -> &[f64] {
        &self.column_means
    }

    /// `(X - 1 means') v`
    fn times(&self, vector: &[f64]) -> Vec<f64> {
        let shift = dot(&self.column_means, vector);
        let mut products = self.rows.times(vector);
        for product in &mut products {
            *product -= shift;
        }
        products
    }

    /// `(X - 1 means')' v`
    fn transposed_times(&self, vector: &[f64]) -> Vec<f64> {
        let total: f64 = vector.iter().sum();
        let mut products = self.columns.times(vector);
        for (product, mean) in products.iter_mut().zip(&self.column_means) {
            *product -= mean * total;
        }
        products
    }

    /// Minimizes `|y - (X - 1 means') w|² + penalty |w|²` by conjugate gradients on the normal
    /// equations, from `start`, until the residual is at most `tolerance` times the right-hand side.
    ///
    /// Preconditioned with the diagonal: dense columns weigh far more than those of rare words.
    pub(crate) fn ridge(
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
        let count = self.rows.ends.len() as f64;
        let squares = self.columns.squares().into_iter();
        squares
            .zip(&self.column_means)
            .map(|(squares, mean)| (squares - count * mean * mean).max(0.0))
            .collect()
    }
}

/// Product of a sparse and a dense vector.
pub(crate) fn sparse_dot(sparse: &[(u32, f64)], dense: &[f64]) -> f64 {
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
