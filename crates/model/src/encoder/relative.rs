//! Relative positions in buckets that widen with the distance.

use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::checks;
use crate::error::ConfigProblem;

/// How distances between tokens become rows of a table, as in DeBERTa.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelativeBuckets {
    /// Buckets to each side: a row for every distance up to half of them, the others share rows
    /// whose width grows with the logarithm. `None` gives each of `max_distance` a row.
    pub num_buckets: Option<usize>,
    /// The greatest distance that is told from farther ones, in tokens.
    pub max_distance: usize,
}

impl RelativeBuckets {
    /// Rows to each side of the table.
    pub(super) fn span(&self) -> usize {
        self.num_buckets.unwrap_or(self.max_distance)
    }

    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        checks::sizes(&[("max_distance", self.max_distance)])?;
        if let Some(buckets) = self.num_buckets {
            let expected = "an even number of at least 4";
            let fine = buckets >= 4 && buckets.is_multiple_of(2);
            ConfigProblem::unless(fine, "num_buckets", buckets, expected)?;
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

    /// Which rows a sequence needs, and where.
    pub(super) fn of_sequence(&self, seq_length: usize, device: &Device) -> RelativeRows {
        let length = index(seq_length);
        let rows: Vec<i64> = (0..2 * length)
            // The last one stands beside the table; it is never looked at.
            .map(|number| self.row((length - 1 - number).max(1 - length)))
            .collect();
        let first = rows.iter().copied().min().unwrap_or(0);
        let last = rows.iter().copied().max().unwrap_or(0);
        let tensor = |values: Vec<i64>| {
            let shape = [values.len()];
            Tensor::<1, Int>::from_data(TensorData::new(values, shape), device)
        };
        let shifted: Vec<i64> = rows.iter().map(|row| row - first).collect();
        let mut mirrored = shifted[..shifted.len() - 1].to_vec();
        mirrored.reverse();
        mirrored.extend(shifted.first());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rows of a table"
        )]
        let (start, end) = (first as usize, last as usize + 1);
        RelativeRows {
            start,
            end,
            falling: tensor(shifted),
            rising: tensor(mirrored),
        }
    }
}

/// The rows of the table that a sequence needs.
#[derive(Debug, Clone)]
pub(super) struct RelativeRows {
    /// First row and one past the last.
    pub(super) start: usize,
    pub(super) end: usize,
    /// `[2 · seq_length]`: the row, counted from `start`, of the distances
    /// `seq_length - 1, .., 0, .., 1 - seq_length` and one more that is not looked at.
    pub(super) falling: Tensor<1, Int>,
    /// The same for the distances from `1 - seq_length` to `seq_length - 1`.
    pub(super) rising: Tensor<1, Int>,
}

#[expect(clippy::cast_possible_wrap, reason = "no sequence has 2^63 tokens")]
fn index(size: usize) -> i64 {
    size as i64
}

/// The distance itself up to `middle`, then a bucket number that grows with its logarithm.
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

/// Lays scores by distance out as scores by pair.
///
/// # Shapes
/// - `by_distance`: `[batch_size, num_heads, seq_length, 2 · seq_length]`: in row `i`, column `c`
///   holds what belongs to the pair of `i` and `j = i + c - (seq_length - 1)`
/// - returns: `[batch_size, num_heads, seq_length, seq_length]`
pub(super) fn by_pair(by_distance: Tensor<4>) -> Tensor<4> {
    let [batch_size, num_heads, seq_length, width] = by_distance.dims();
    // One column less in each row moves row `i` by `i` to the left.
    let flat = by_distance.reshape([batch_size, num_heads, seq_length * width]);
    flat.narrow(2, seq_length - 1, seq_length * (width - 1))
        .reshape([batch_size, num_heads, seq_length, width - 1])
        .narrow(3, 0, seq_length)
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
    fn scores_by_distance_become_scores_by_pair() {
        let device = Device::flex();
        // Column c of row i holds 10 i + c.
        let values: Vec<f32> = (0..3)
            .flat_map(|row| (0..6).map(move |column| (10 * row + column) as f32))
            .collect();
        let scores = Tensor::<4>::from_data(TensorData::new(values, [1, 1, 3, 6]), &device);
        let pairs: Vec<f32> = by_pair(scores).into_data().try_into_vec().unwrap();
        assert_eq!(pairs, [2.0, 3.0, 4.0, 11.0, 12.0, 13.0, 20.0, 21.0, 22.0]);
        let one = by_pair(Tensor::<4>::from_data([[[[5.0, 6.0]]]], &device));
        assert_eq!(one.into_scalar::<f32>().to_bits(), 5f32.to_bits());
    }

    #[test]
    fn rows_run_against_and_along_the_distance() {
        let buckets = RelativeBuckets {
            num_buckets: None,
            max_distance: 8,
        };
        let rows = buckets.of_sequence(3, &Device::flex());
        let list = |rows: Tensor<1, Int>| rows.into_data().iter::<i64>().collect::<Vec<_>>();
        assert_eq!((rows.start, rows.end), (6, 11));
        assert_eq!(list(rows.falling)[..5], [4, 3, 2, 1, 0]);
        assert_eq!(list(rows.rising)[..5], [0, 1, 2, 3, 4]);
    }
}
