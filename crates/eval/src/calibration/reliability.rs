//! The reliability curve and the expected calibration error.

use crate::metrics::{order, same, usable};
use serde::{Deserialize, Serialize};

/// Mean rating against mean score, in bins of about equal count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reliability {
    /// The bins, lowest scores first.
    pub bins: Vec<ReliabilityBin>,
    /// Mean over segments of the distance between mean score and mean rating of their bin, in
    /// rating units; 0 is perfect. More bins give larger values.
    pub expected_calibration_error: f64,
    /// The largest such distance of a bin.
    pub max_calibration_error: f64,
}

/// One bin of the reliability curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReliabilityBin {
    /// Segments in it.
    pub count: usize,
    /// Lowest score.
    pub low: f64,
    /// Highest score.
    pub high: f64,
    /// Mean score.
    pub mean_score: f64,
    /// Mean rating.
    pub mean_rating: f64,
}

impl Reliability {
    /// Number of bins in reports.
    pub const BINS: usize = 10;

    /// Sorts by score and cuts into at most `bins` bins of about equal count. Equal scores are
    /// never separated, so that the curve does not depend on the order of the input: there are
    /// fewer bins where there are fewer different scores. `None` for no pairs, no bins, unequal
    /// lengths, or a value that is NaN or infinite.
    pub fn compute(scores: &[f64], ratings: &[f64], bins: usize) -> Option<Self> {
        if !usable(scores, ratings) || bins == 0 {
            return None;
        }
        let mut sorted: Vec<(f64, f64)> = scores
            .iter()
            .copied()
            .zip(ratings.iter().copied())
            .collect();
        sorted.sort_by(|a, b| order(a.0, b.0).then_with(|| order(a.1, b.1)));
        let count = sorted.len();
        let mut cut = Vec::new();
        let mut start = 0;
        for bin in 1..=bins {
            let mut end = (bin * count / bins).max(start);
            while end > start && end < count && same(sorted[end - 1].0, sorted[end].0) {
                end += 1;
            }
            if end > start {
                cut.push(ReliabilityBin::of(&sorted[start..end])?);
                start = end;
            }
        }
        Some(Self::from_bins(cut, count))
    }

    fn from_bins(bins: Vec<ReliabilityBin>, count: usize) -> Self {
        let distance = |bin: &ReliabilityBin| (bin.mean_score - bin.mean_rating).abs();
        let weighted = |bin: &ReliabilityBin| bin.count as f64 / count as f64 * distance(bin);
        Self {
            expected_calibration_error: bins.iter().map(weighted).sum(),
            max_calibration_error: bins.iter().map(distance).fold(0.0, f64::max),
            bins,
        }
    }
}

impl ReliabilityBin {
    fn of(sorted: &[(f64, f64)]) -> Option<Self> {
        let count = sorted.len() as f64;
        let bin = Self {
            count: sorted.len(),
            low: sorted.first()?.0,
            high: sorted.last()?.0,
            mean_score: sorted.iter().map(|pair| pair.0).sum::<f64>() / count,
            mean_rating: sorted.iter().map(|pair| pair.1).sum::<f64>() / count,
        };
        (bin.mean_score.is_finite() && bin.mean_rating.is_finite()).then_some(bin)
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // The expected values are exact.
mod tests {
    use super::*;

    #[test]
    fn perfect_scores_have_no_calibration_error() {
        let values: Vec<f64> = (0..50).map(f64::from).collect();
        let reliability = Reliability::compute(&values, &values, 10).unwrap();
        assert_eq!(reliability.expected_calibration_error, 0.0);
        assert_eq!(reliability.bins.len(), 10);
        assert!(reliability.bins.iter().all(|bin| bin.count == 5));
    }

    #[test]
    fn equal_scores_stay_in_one_bin() {
        let reliability =
            Reliability::compute(&[0.5; 6], &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0], 3).unwrap();
        assert_eq!(reliability.bins.len(), 1);
        assert_eq!(reliability.expected_calibration_error, 0.0);
        let two = Reliability::compute(&[0.1, 0.2, 0.2, 0.2], &[0.0; 4], 2).unwrap();
        let counts: Vec<usize> = two.bins.iter().map(|bin| bin.count).collect();
        assert_eq!(counts, [4]);
    }

    #[test]
    fn nothing_has_no_curve() {
        assert_eq!(Reliability::compute(&[], &[], 10), None);
        assert_eq!(Reliability::compute(&[0.1], &[0.2], 0), None);
        assert_eq!(Reliability::compute(&[0.1], &[f64::NAN], 10), None);
    }
}
