//! Rotary position embeddings.

use std::sync::Arc;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::buffer::{tensor, values};
use super::kernel::{Kernel, run};
use super::math::vector_fn;
use super::packed::Rows;
use super::rows::{MANY, by_rows, per_task};
use crate::rotate::{Side, Turns};

/// Rotates the heads of the query or key tokens, `[1, tokens, num_heads · d_head]`.
///
/// # Panics
/// If `d_head` is not twice the number of pairs.
pub(crate) fn rotate(states: Tensor<3>, turns: Turns, rows: &Rows, side: Side) -> Tensor<3> {
    let tokens = match side {
        Side::Query => &rows.queries,
        Side::Key => &rows.keys,
    };
    let [_, _, width] = states.dims();
    assert!(
        width.is_multiple_of(2 * turns.pairs),
        "heads of {} features in a width of {width}",
        2 * turns.pairs
    );
    let positions = tokens.positions().clone();
    run(FusedRotate { turns, positions }, [states.into_dispatch()])
}

/// Rotates the heads of every token, `[.., num_tokens, num_heads · d_head]`, by the angles of its
/// position.
#[derive(Debug, Clone)]
struct FusedRotate {
    turns: Turns,
    positions: Arc<[usize]>,
}

impl FusedRotate {
    fn turn(&self, x: &FlexTensor, back: bool) -> FlexTensor {
        let out = turn(values(x), &self.turns, &self.positions, back);
        tensor(out, x.shape())
    }
}

impl Kernel<1> for FusedRotate {
    type Saved = Self;

    fn forward_saved(self, [x]: [FlexTensor; 1]) -> (FlexTensor, Self) {
        (self.turn(&x, false), self)
    }

    /// Rotates the gradient back.
    fn backward(kernel: Self, gradient: &FlexTensor, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        [Some(kernel.turn(gradient, true))]
    }
}

/// Rotates the heads of each token, `[tokens, heads · 2 · pairs]`, by the angles of its position,
/// or `back`.
fn turn(states: &[f32], turns: &Turns, positions: &[usize], back: bool) -> Vec<f32> {
    let width = states.len() / positions.len().max(1);
    let tokens = positions.len();
    let [out] = by_rows(tokens, per_task(tokens, MANY), [width], |rows, [out]| {
        let out = out.write_copy_of_slice(&states[rows.start * width..rows.end * width]);
        turn_rows(out, [width; 2], turns, &positions[rows], back);
        [out]
    });
    out
}

/// The same in place, of the heads at the start of each token's state: the first `width` of `stride`
/// values.
pub(super) fn turn_in_place(
    states: &mut [f32],
    [width, stride]: [usize; 2],
    turns: &Turns,
    positions: &[usize],
    back: bool,
) {
    let task = per_task(positions.len(), MANY);
    let tasks = states.par_chunks_mut(task * stride);
    tasks
        .zip(positions.par_chunks(task))
        .for_each(|(states, positions)| turn_rows(states, [width, stride], turns, positions, back));
}

vector_fn! {
    fn turn_rows(
        states: &mut [f32],
        sizes: [usize; 2],
        turns: &Turns,
        positions: &[usize],
        back: bool,
    ) {
        let ([width, stride], pairs) = (sizes, turns.pairs);
        let sign = if back { -1.0 } else { 1.0 };
        for (states, position) in states.chunks_exact_mut(stride).zip(positions) {
            let angles = position * pairs..(position + 1) * pairs;
            let (cos, sin) = (&turns.cos[angles.clone()], &turns.sin[angles]);
            for head in states[..width].chunks_exact_mut(2 * pairs) {
                let (first, second) = head.split_at_mut(pairs);
                let values = first.iter_mut().zip(second).zip(cos.iter().zip(sin));
                for ((first, second), (cos, sin)) in values {
                    let (cos, sin) = (*cos, sign * sin);
                    let turned = (*first * cos - *second * sin, *second * cos + *first * sin);
                    (*first, *second) = turned;
                }
            }
        }
    }
}
