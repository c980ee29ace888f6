//! Linear layers in f32 for few rows: tasks share the columns, so that every weight is read once.
//!
//! A value is the same sum in the same order as in tasks of rows, so that it depends neither on the
//! number of rows nor on that of threads.

use std::ops::Range;

use rayon::prelude::*;

use super::gemm::Matrix;
use super::linear::LinearLayer;
use super::reduced::Out;
use super::rows::{MANY, per_task, unwritten};
use super::unpacked::{self, PANEL};

/// Most rows that are few. With more of them, weights that every task reads cost little.
const MOST: usize = 64;

/// Fewest rows that tasks of rows share well, if there is a task for each thread.
const SHARED: usize = 32;

/// Fewest products of numbers in a task: below, waking a thread costs more than it gains.
const LEAST: usize = 1 << 18;

/// Whether the layers share their columns: tasks of so few rows would be small, or too few for the threads. Packed
/// weights are so much smaller that tasks of rows are faster, which also round and activate their rows.
pub(super) fn applies(rows: usize, layers: &[LinearLayer<'_>]) -> bool {
    let tasks = rows.div_ceil(per_task(rows, MANY));
    let is_shared_badly = rows < SHARED || tasks < rayon::current_num_threads();
    (1..=MOST).contains(&rows) && is_shared_badly && are_possible(rows, layers)
}

/// Whether sums would be those of tasks of rows.
fn are_possible(rows: usize, layers: &[LinearLayer<'_>]) -> bool {
    let is_possible =
        |layer: &LinearLayer<'_>| layer.packed.is_none() && unpacked::applies(rows, layer.width);
    layers.iter().all(is_possible)
}

/// `x W + b` of layers side by side: `[rows, Σ output]`. `finish` changes some columns of a row at
/// a time.
///
/// # Panics
/// If the layers [cannot](are_possible) share their columns, or sizes do not agree.
pub(super) fn forward(
    x: Matrix<'_>,
    layers: &[LinearLayer<'_>],
    finish: impl Fn(&mut [f32]) + Sync,
) -> Vec<f32> {
    assert!(are_possible(x.num_rows(), layers), "sums in another order");
    let width: usize = layers.iter().map(|layer| layer.width.output).sum();
    let pieces = pieces(x, layers);
    let widths: Vec<usize> = pieces.iter().map(|piece| piece.columns.len()).collect();
    let mut memory = unwritten(x.num_rows() * width);
    let outs = Out::side_by_side(&mut memory, x.num_rows(), &widths);
    let mut tasks: Vec<Vec<(&Piece, Out<'_>)>> = Vec::new();
    for (piece, out) in pieces.iter().zip(outs) {
        tasks.resize_with(tasks.len().max(piece.task + 1), Vec::new);
        tasks[piece.task].push((piece, out));
    }
    let work = |task: Vec<(&Piece, Out<'_>)>| {
        for (piece, mut out) in task {
            let layer = &layers[piece.layer];
            let columns = piece.columns.clone();
            unpacked::multiply(x, layer.matrix(), columns, layer.bias, &mut out);
            // SAFETY: the product has written all of the piece.
            #[expect(unsafe_code, reason = "the line above writes all of it")]
            unsafe {
                out.each_row(&finish);
            }
        }
    };
    match <[_; 1]>::try_from(tasks) {
        Ok([task]) => work(task),
        Err(tasks) => tasks.into_par_iter().with_max_len(1).for_each(work),
    }
    // SAFETY: the pieces are all columns of all rows, and their tasks have written them.
    #[expect(unsafe_code, reason = "what the tasks have written")]
    unsafe {
        super::rows::initialized(memory)
    }
}

/// Columns of a layer that a task computes.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    task: usize,
    layer: usize,
    columns: Range<usize>,
}

/// All columns of the layers in order, with about as many in every task.
fn pieces(x: Matrix<'_>, layers: &[LinearLayer<'_>]) -> Vec<Piece> {
    let count = |layer: &LinearLayer<'_>| layer.width.output.div_ceil(PANEL);
    let total: usize = layers.iter().map(count).sum();
    let products = |layer: &LinearLayer<'_>| layer.width.input * layer.width.output;
    let products = x.num_rows() * layers.iter().map(products).sum::<usize>();
    let tasks = rayon::current_num_threads()
        .min(products / LEAST)
        .clamp(1, total.max(1));
    let mut pieces: Vec<Piece> = Vec::new();
    let mut number = 0;
    for (layer, of) in layers.iter().enumerate() {
        for first in (0..of.width.output).step_by(PANEL) {
            let task = number * tasks / total;
            let end = (first + PANEL).min(of.width.output);
            number += 1;
            match pieces.last_mut() {
                Some(last) if last.task == task && last.layer == layer => last.columns.end = end,
                _ => pieces.push(Piece {
                    task,
                    layer,
                    columns: first..end,
                }),
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flex::gemm::gemm_new;
    use crate::flex::linear::{Width, add_to_rows};
    use crate::flex::rows::unwritten;

    fn values(count: usize, mut state: u32) -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(work)
    }

    fn check(rows: usize, input: usize, outputs: [usize; 2]) {
        let x = values(rows * input, 1);
        let weights = outputs.map(|output| values(input * output, 2));
        let bias = values(outputs[0], 3);
        let layers: [LinearLayer<'_>; 2] = std::array::from_fn(|layer| LinearLayer {
            weight: &weights[layer],
            bias: (layer == 0).then_some(&bias[..]),
            packed: None,
            width: Width {
                input,
                output: outputs[layer],
            },
        });
        if !are_possible(rows, &layers) {
            // The machine has no AVX-512.
            assert!(!unpacked::applies(rows, layers[0].width));
            return;
        }
        let double = |values: &mut [f32]| values.iter_mut().for_each(|value| *value *= 2.0);
        let found = [1, 2, 5].map(|threads| {
            in_pool(threads, || {
                forward(Matrix::new(&x, rows, input), &layers, double)
            })
        });
        let mut expected = vec![0.0; found[0].len()];
        let width = outputs[0] + outputs[1];
        let mut first = 0;
        for layer in &layers {
            let mut out = unwritten(rows * layer.width.output);
            let out = gemm_new(&mut out, 1.0, Matrix::new(&x, rows, input), layer.matrix());
            if let Some(bias) = layer.bias {
                add_to_rows(out, bias);
            }
            for (row, values) in out.chunks(layer.width.output).enumerate() {
                for (column, value) in values.iter().enumerate() {
                    expected[row * width + first + column] = 2.0 * value;
                }
            }
            first += layer.width.output;
        }
        for found in found {
            assert!(found == expected, "{rows} × {input} × {outputs:?}");
        }
    }

    #[test]
    fn values_are_those_of_tasks_of_rows_to_the_bit() {
        for (rows, input, outputs) in [
            (1, 500, [65, 384]),
            (2, 70, [70, 100]),
            (3, 3, [65, 66]),
            (7, 384, [384, 90]),
            (16, 384, [384, 1536]),
            (13, 600, [200, 90]),
            (33, 1536, [384, 97]),
            (64, 768, [300, 768]),
        ] {
            check(rows, input, outputs);
        }
    }

    #[test]
    fn sums_in_another_order_and_rows_for_all_threads_are_not_for_shared_columns() {
        let weight = vec![0.0; 600 * 100];
        let applies = |rows, input, output| {
            let layer = LinearLayer {
                weight: &weight,
                bias: None,
                packed: None,
                width: Width { input, output },
            };
            in_pool(2, || applies(rows, &[layer]))
        };
        for (rows, input, output) in [(1, 600, 100), (2, 600, 64), (2, 2, 100)] {
            assert!(!applies(rows, input, output), "{rows} × {input} × {output}");
        }
        for rows in [0, 32, 65] {
            assert!(!applies(rows, 600, 100), "{rows} rows");
        }
        assert_eq!(
            applies(31, 600, 100),
            unpacked::applies(
                31,
                Width {
                    input: 600,
                    output: 100
                }
            )
        );
    }

    #[test]
    fn tasks_have_about_as_many_columns_and_small_products_one_task() {
        let weight = vec![0.0; 384 * 1536];
        let layer = LinearLayer {
            weight: &weight,
            bias: None,
            packed: None,
            width: Width {
                input: 384,
                output: 1536,
            },
        };
        let x = vec![0.0; 384];
        let tasks = |rows: usize| {
            let x = vec![0.0; rows * 384];
            let found = in_pool(2, || pieces(Matrix::new(&x, rows, 384), &[layer]));
            found
                .into_iter()
                .map(|piece| piece.columns)
                .collect::<Vec<_>>()
        };
        assert_eq!(tasks(16), [0..768, 768..1536]);
        assert_eq!(pieces(Matrix::new(&x, 0, 384), &[layer]).len(), 1);
    }
}
