//! Embedding lookup, and the gradient of the table.

use std::sync::Arc;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::nn::Embedding;
use burn::tensor::{Int, Tensor};

use super::buffer::{last, tensor, values};
use super::is_fused;
use super::kernel::{Kernel, run};
use super::math::add;
use super::rows::{MANY, by_rows, per_task, zeroed};

/// The rows of a table for the ids. `None` if the device has no fused blocks.
pub(crate) fn embedding(table: &Embedding, ids: &Tensor<2, Int>) -> Option<Tensor<3>> {
    let weight = table.weight.val();
    is_fused(&weight).then(|| {
        let ([batch_size, seq_length], [_, width]) = (ids.dims(), weight.dims());
        let row = |id: i64| usize::try_from(id).expect("ids are numbers of rows");
        let ids: Vec<usize> = ids.to_data().iter::<i64>().map(row).collect();
        let found: Tensor<3> = run(FusedEmbedding(ids.into()), [weight.into_dispatch()]);
        found.reshape([batch_size, seq_length, width])
    })
}

/// Rows of a table, `[rows, width]`, for the ids: `[1, ids, width]`.
#[derive(Debug, Clone)]
struct FusedEmbedding(Arc<[usize]>);

impl Kernel<1> for FusedEmbedding {
    /// The ids, and the table's number of rows.
    type Saved = (Arc<[usize]>, usize);

    fn forward_saved(self, [table]: [FlexTensor; 1]) -> (FlexTensor, Self::Saved) {
        let Self(ids) = self;
        let [rows, width] = table.shape().dims();
        let found = forward(values(&table), &ids, width);
        (tensor(found, [1, ids.len(), width].into()), (ids, rows))
    }

    fn backward(
        (ids, rows): Self::Saved,
        gradient: &FlexTensor,
        _needed: [bool; 1],
    ) -> [Option<FlexTensor>; 1] {
        let width = last(gradient);
        let found = backward(values(gradient), &ids, rows, width);
        [Some(tensor(found, [rows, width].into()))]
    }
}

/// The rows of `table`, `[rows, width]`, for the ids.
///
/// # Panics
/// If an id is not below the number of rows.
pub(super) fn forward(table: &[f32], ids: &[usize], width: usize) -> Vec<f32> {
    let count = ids.len();
    let [out] = by_rows(count, per_task(count, MANY), [width], |rows, [out]| {
        let out = zeroed(out);
        for (out, &id) in out.chunks_exact_mut(width).zip(&ids[rows]) {
            out.copy_from_slice(&table[id * width..(id + 1) * width]);
        }
        [out]
    });
    out
}

/// Gradient of the table, `[rows, width]`: sums the gradients of each id, in order.
pub(super) fn backward(gradient: &[f32], ids: &[usize], rows: usize, width: usize) -> Vec<f32> {
    let [out] = by_rows(rows, per_task(rows, MANY), [width], |rows, [out]| {
        let out = zeroed(out);
        for (gradient, id) in gradient.chunks_exact(width).zip(ids) {
            if rows.contains(id) {
                let start = (id - rows.start) * width;
                add(&mut out[start..start + width], gradient);
            }
        }
        [out]
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_as_often_as_they_are_named_and_their_gradients_add_up() {
        let table: Vec<f32> = (0..2000).map(|value| value as f32).collect();
        let ids = [3, 999, 3, 0];
        let found = forward(&table, &ids, 2);
        assert_eq!(found, [6.0, 7.0, 1998.0, 1999.0, 6.0, 7.0, 0.0, 1.0]);
        let gradient = backward(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], &ids, 1000, 2);
        let rows: Vec<(usize, &[f32])> = gradient
            .chunks(2)
            .enumerate()
            .filter(|(_, row)| **row != [0.0, 0.0])
            .collect();
        let expected: [(usize, &[f32]); 3] =
            [(0, &[7.0, 8.0]), (3, &[6.0, 8.0]), (999, &[3.0, 4.0])];
        assert_eq!(rows, expected);
    }
}
