//! Disentangled attention (DeBERTa) without projections: separate terms for content and relative
//! position. He et al. (2020), <https://arxiv.org/abs/2006.03654>.

use std::sync::Arc;

use burn::nn::DropoutConfig;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::are_fused;
use crate::casts::matmul;
use crate::composed::{join_heads, split_heads, weigh};
#[cfg(feature = "flex")]
use crate::flex;
use crate::layout::{AttentionMask, Mask};
use crate::sight::Sight;

/// Attention with scores `scale · (q · k + q · r + k · s)`, where `r` and `s` are the rows of the
/// position keys and position queries for the distance of the two tokens. `scale` is 1 / √(`d_head`
/// · terms).
#[derive(Debug, Clone, Copy)]
pub struct Disentangled {
    /// Number of heads of queries, keys and values.
    pub num_heads: usize,
    /// Dropout on the attention probabilities, in `[0, 1)`; applied on an autodiff device only.
    pub dropout: f64,
}

/// The table row for every distance in a batch; shared by all layers.
#[derive(Debug, Clone)]
pub struct Distances {
    #[cfg_attr(
        not(feature = "flex"),
        expect(dead_code, reason = "the composition has tensors of its own")
    )]
    pub(crate) rows: Arc<[usize]>,
    /// The same on the device for the composition, descending and ascending: `[2 · seq_length]`;
    /// the last value is not used.
    tensors: Option<[Tensor<1, Int>; 2]>,
}

impl Distances {
    /// # Shapes
    /// - `rows`: `[2 · seq_length - 1]`, for the distances from query to key
    ///   `seq_length - 1, .., 0, .., 1 - seq_length`
    pub fn new(rows: Vec<usize>, device: &Device) -> Self {
        let tensors = (!are_fused(device)).then(|| Self::tensors(&rows, device));
        Self {
            rows: rows.into(),
            tensors,
        }
    }

    pub(crate) fn tensors(rows: &[usize], device: &Device) -> [Tensor<1, Int>; 2] {
        let tensor = |rows: &mut dyn Iterator<Item = &usize>| {
            let index = |row: &usize| i64::try_from(*row).expect("a row of a table");
            let mut rows: Vec<i64> = rows.map(index).collect();
            rows.extend(rows.last().copied());
            let shape = [rows.len()];
            Tensor::from_data(TensorData::new(rows, shape), device)
        };
        [tensor(&mut rows.iter()), tensor(&mut rows.iter().rev())]
    }
}

impl Disentangled {
    /// # Shapes
    /// - `states`: queries, keys and values, `[.., .., num_heads · d_head]`, in the layout of
    ///   `mask`; keys and values for all its tokens
    /// - `tables`: position keys and position queries, `[1, table_rows, num_heads · d_head]`;
    ///   `None` leaves out the term
    /// - returns: shape of the queries
    ///
    /// # Panics
    /// If `distances` and `mask` are on different devices.
    pub fn forward(
        self,
        states: [Tensor<3>; 3],
        tables: [Option<Tensor<3>>; 2],
        distances: &Distances,
        mask: &AttentionMask,
    ) -> Tensor<3> {
        match (&mask.0, &distances.tensors) {
            #[cfg(feature = "flex")]
            (Mask::Rows(rows), _) => {
                flex::disentangled(self, states, tables, distances, rows.clone())
            }
            (Mask::Sight(sight), Some(rows)) => self.composed(states, tables, rows, sight),
            (Mask::Sight(_), None) => panic!("distances and mask are of one device"),
        }
    }

    /// Scale of the scores.
    pub(crate) fn scale(self, width: usize, tables: &[Option<Tensor<3>>; 2]) -> f64 {
        let terms = 1 + tables.iter().flatten().count();
        1.0 / ((width / self.num_heads * terms) as f64).sqrt()
    }

    pub(crate) fn composed(
        self,
        states: [Tensor<3>; 3],
        tables: [Option<Tensor<3>>; 2],
        [falling, rising]: &[Tensor<1, Int>; 2],
        sight: &Sight,
    ) -> Tensor<3> {
        let [_, _, width] = states[0].dims();
        let scale = self.scale(width, &tables);
        let [query, key, value] = states.map(|states| split_heads(states, self.num_heads));
        let by_distance = |table: Tensor<3>, rows: &Tensor<1, Int>| {
            split_heads(table.select(1, rows.clone()), self.num_heads).transpose()
        };
        let query = query * scale;
        let mut scores = matmul(query.clone(), key.clone().transpose());
        let [keys, queries] = tables;
        if let Some(table) = keys {
            scores = scores + by_pair(matmul(query, by_distance(table, falling)));
        }
        if let Some(table) = queries {
            // In this term the keys select the rows.
            let queries = by_distance(table, rising) * scale;
            scores = scores + by_pair(matmul(key, queries)).transpose();
        }
        let dropout = DropoutConfig::new(self.dropout).init();
        join_heads(weigh(sight.onto(scores), value, &dropout))
    }
}

/// Converts scores by distance to scores by pair.
///
/// # Shapes
/// - `by_distance`: `[batch_size, num_heads, seq_length, 2 · seq_length]`; column `c` of row `i` is
///   the score of the pair `i` and `j = i + c - (seq_length - 1)`
/// - returns: `[batch_size, num_heads, seq_length, seq_length]`
fn by_pair(by_distance: Tensor<4>) -> Tensor<4> {
    let [batch_size, num_heads, seq_length, width] = by_distance.dims();
    // Removing one column per row shifts row `i` left by `i`.
    let flat = by_distance.reshape([batch_size, num_heads, seq_length * width]);
    flat.narrow(2, seq_length - 1, seq_length * (width - 1))
        .reshape([batch_size, num_heads, seq_length, width - 1])
        .narrow(3, 0, seq_length)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let rows = Distances::tensors(&[4, 3, 2, 1, 0], &Device::flex());
        let [falling, rising] = rows.map(|rows| rows.into_data().iter::<i64>().collect::<Vec<_>>());
        assert_eq!(falling[..5], [4, 3, 2, 1, 0]);
        assert_eq!(rising[..5], [0, 1, 2, 3, 4]);
        assert_eq!([falling.len(), rising.len()], [6, 6]);
    }
}
