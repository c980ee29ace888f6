//! Linear systems with a symmetric positive definite matrix, as in ridge regression.

/// Solves `A x = right` by the Cholesky factorization `A = L L'`. `None` unless `A` is positive
/// definite.
///
/// # Shapes
/// - `matrix`: `[size, size]`, row-major; values above the diagonal are not read
/// - `right`: `[size]`
/// - returns: `[size]`
///
/// # Panics
/// If `matrix` has fewer than `size * size` values.
pub fn solve_positive_definite(mut matrix: Vec<f64>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    for i in 0..size {
        let (above, row) = matrix.split_at_mut(i * size);
        for j in 0..i {
            let other = &above[j * size..=j * size + j];
            row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
        }
        let rest = row[i] - dot(&row[..i], &row[..i]);
        row[i] = (rest > 0.0).then(|| rest.sqrt())?;
    }
    let lower = |i: usize, j: usize| matrix[i * size + j];
    for i in 0..size {
        let known = dot(&matrix[i * size..i * size + i], &right[..i]);
        right[i] = (right[i] - known) / lower(i, i);
    }
    for i in (0..size).rev() {
        let known: f64 = (i + 1..size).map(|k| lower(k, i) * right[k]).sum();
        right[i] = (right[i] - known) / lower(i, i);
    }
    Some(right)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_a_small_system_and_refuses_an_indefinite_one() {
        // 4x + 2y = 10, 2x + 5y = 13: x = 1.5, y = 2.
        let solved = solve_positive_definite(vec![4.0, 2.0, 2.0, 5.0], vec![10.0, 13.0]).unwrap();
        assert!((solved[0] - 1.5).abs() < 1e-12 && (solved[1] - 2.0).abs() < 1e-12);
        let indefinite = vec![1.0, 2.0, 2.0, 1.0];
        assert_eq!(solve_positive_definite(indefinite, vec![1.0, 1.0]), None);
    }
}
