//! Order and ties of finite values.

use std::cmp::Ordering;

/// Order of two finite values; `-0.0` and `0.0` are the same value.
pub(crate) fn order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

/// Whether two finite values are exactly the same value: a tie.
pub(crate) fn same(a: f64, b: f64) -> bool {
    order(a, b).is_eq()
}

/// Whether all values are the same (also true of no values).
pub(crate) fn is_constant(values: &[f64]) -> bool {
    values.iter().all(|&value| same(value, values[0]))
}

/// Ranks from 1; tied values share the mean of the ranks they take up.
pub(crate) fn average_ranks(values: &[f64]) -> Vec<f64> {
    let mut by_value: Vec<usize> = (0..values.len()).collect();
    by_value.sort_unstable_by(|&a, &b| order(values[a], values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in by_value.chunk_by(|&a, &b| same(values[a], values[b])) {
        let rank = f64::midpoint((before + 1) as f64, (before + tied.len()) as f64);
        for &index in tied {
            ranks[index] = rank;
        }
        before += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tied_values_share_their_mean_rank() {
        assert_eq!(
            average_ranks(&[0.5, 0.1, 0.5, -0.0, 0.0]),
            [4.5, 3.0, 4.5, 1.5, 1.5]
        );
    }

    #[test]
    fn nothing_has_no_ranks() {
        assert!(average_ranks(&[]).is_empty());
    }
}
