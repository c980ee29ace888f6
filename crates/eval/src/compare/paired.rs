//! The paired t-test, and Holm's correction.

use crate::metrics::{finite, is_constant, mean, usable};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A test statistic and its two-sided p-value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TestResult {
    /// The statistic: t, or the smaller sum of signed ranks.
    pub statistic: f64,
    /// Probability of a statistic at least as extreme if there is no difference.
    pub p: f64,
}

/// Student's paired t-test, two-sided. `None` for fewer than two pairs, or if all differences are equal: t is then
/// undefined.
pub fn paired_t_test(a: &[f64], b: &[f64]) -> Option<TestResult> {
    if !usable(a, b) {
        return None;
    }
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    if is_constant(&differences) {
        return None;
    }
    let count = differences.len() as f64;
    let mean = mean(&differences);
    let squares: f64 = differences.iter().map(|d| (d - mean).powi(2)).sum();
    let statistic = finite(mean / (squares / (count - 1.0) / count).sqrt())?;
    let distribution = StudentsT::new(0.0, 1.0, count - 1.0).ok()?;
    let p = finite(2.0 * distribution.sf(statistic.abs()))?;
    Some(TestResult {
        statistic,
        p: p.clamp(0.0, 1.0),
    })
}

/// Holm's step-down correction of p-values (Holm 1979), in the given order: the probability that any of them falls
/// below a level by chance is at most that level.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut ascending: Vec<usize> = (0..p_values.len()).collect();
    ascending.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut highest: f64 = 0.0;
    for (rank, &index) in ascending.iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        highest = highest.max((factor * p_values[index]).min(1.0));
        adjusted[index] = highest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holm_multiplies_the_smallest_by_the_number_and_keeps_the_order() {
        let adjusted = holm(&[0.04, 0.01, 0.03]);
        for (found, expected) in adjusted.iter().zip([0.06, 0.03, 0.06]) {
            assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn equal_differences_have_no_t() {
        assert_eq!(paired_t_test(&[0.5, 0.5], &[0.25, 0.25]), None);
        assert_eq!(paired_t_test(&[0.5], &[0.25]), None);
        assert_eq!(paired_t_test(&[0.5, f64::NAN], &[0.25, 0.1]), None);
    }
}
