//! Rows of a table looked up, and the gradient of the table.

use super::math::add;
use super::rows::{MANY, by_rows, per_task, zeroed};

/// The rows of a table of rows of `width` values, one for every id.
///
/// # Panics
/// If the table has no such row.
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

/// Gradient of a table of `rows` rows: zeros, and what each id adds to its row, in their order.
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
