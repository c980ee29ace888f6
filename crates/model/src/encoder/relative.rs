//! Relative positions in buckets that grow with the distance.

use std::ops::Range;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::checks;
use crate::error::ConfigProblem;
use gradus_kernels::Distances;

/// Mapping from token distances to table rows, as in DeBERTa.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelativeBuckets {
    /// Buckets per direction: distances up to half of them have a row each, greater ones share rows
    /// by their logarithm. `None`: each distance up to `max_distance` has a row.
    pub num_buckets: Option<usize>,
    /// Maximum distance, in tokens; greater ones are treated as equal.
    pub max_distance: usize,
}

impl RelativeBuckets {
    /// Table rows per direction.
    pub(super) fn span(&self) -> usize {
        self.num_buckets.unwrap_or(self.max_distance)
    }

    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        checks::sizes(&[("max_distance", self.max_distance)])?;
        if let Some(buckets) = self.num_buckets {
            let expected = "an even number of at least 4";
            let fine = buckets >= 4 && buckets.is_multiple_of(2);
            ConfigProblem::unless(fine, "num_buckets", buckets, expected)?;
            checks::sizes(&[("num_buckets", buckets)])?;
            let expected = format!("more than half of `num_buckets` ({buckets}) and one");
            let fine = self.max_distance > buckets / 2 + 1;
            ConfigProblem::unless(fine, "max_distance", self.max_distance, expected)?;
        }
        Ok(())
    }

    /// The row of a distance `query - key`.
    fn row(&self, distance: i64) -> i64 {
        let span = index(self.span());
        let bucket = match self.num_buckets {
            None => distance,
            Some(buckets) => bucket(distance, index(buckets / 2), index(self.max_distance)),
        };
        (bucket + span).clamp(0, 2 * span - 1)
    }

    /// The rows that a sequence needs.
    pub(super) fn of_sequence(&self, seq_length: usize, device: &Device) -> RelativeRows {
        let greatest = index(seq_length) - 1;
        let falling = (-greatest..=greatest).rev();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rows of a table"
        )]
        let rows: Vec<usize> = falling
            .map(|distance| self.row(distance) as usize)
            .collect();
        let first = rows.iter().copied().min().unwrap_or(0);
        let last = rows.iter().copied().max().unwrap_or(0);
        let shifted = rows.iter().map(|row| row - first).collect();
        RelativeRows {
            rows: first..last + 1,
            distances: Distances::new(shifted, device),
        }
    }
}

/// The table rows that a sequence needs.
#[derive(Debug, Clone)]
pub(super) struct RelativeRows {
    pub(super) rows: Range<usize>,
    /// Row of each distance, relative to the first row needed.
    pub(super) distances: Distances,
}

#[expect(clippy::cast_possible_wrap, reason = "no sequence has 2^63 tokens")]
fn index(size: usize) -> i64 {
    size as i64
}

/// The distance itself up to `middle`, beyond it a bucket that grows with its logarithm.
fn bucket(distance: i64, middle: i64, max_distance: i64) -> i64 {
    let size = distance.abs();
    if size <= middle {
        return distance;
    }
    let (size, half) = (size as f64, middle as f64);
    let share = (size / half).ln() / ((max_distance - 1) as f64 / half).ln();
    #[expect(clippy::cast_possible_truncation, reason = "far below 2^63")]
    let steps = (share * (half - 1.0)).ceil() as i64;
    (middle + steps) * distance.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_distances_have_buckets_of_their_own_and_far_ones_share() {
        // As `make_log_bucket_position` of transformers gives them for 16 buckets and 192.
        let buckets: Vec<i64> = [0, 1, 7, 8, 9, 12, 13, 20, 50, 100, 191]
            .map(|distance| bucket(distance, 8, 192))
            .to_vec();
        assert_eq!(buckets, [0, 1, 7, 8, 9, 9, 10, 11, 13, 14, 15]);
        assert_eq!(bucket(-50, 8, 192), -13);
    }

    #[test]
    fn a_sequence_needs_the_rows_of_its_distances() {
        let buckets = RelativeBuckets {
            num_buckets: None,
            max_distance: 8,
        };
        let device = Device::flex();
        assert_eq!(buckets.of_sequence(3, &device).rows, 6..11);
        assert_eq!(buckets.of_sequence(1, &device).rows, 8..9);
        assert_eq!(buckets.of_sequence(40, &device).rows, 0..16);
    }
}
