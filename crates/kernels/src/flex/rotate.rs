//! Rotary position embeddings.

use std::sync::Arc;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use super::buffer::{tensor, values};
use super::kernel::{Kernel, run};
use super::math::vector_fn;
use super::packed::Rows;
use super::rows::{MANY, by_rows, per_task, zeroed};
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
        let out = zeroed(out);
        let states = &states[rows.start * width..rows.end * width];
        turn_rows(out, states, width, turns, &positions[rows], back);
        [out]
    });
    out
}

vector_fn! {
    fn turn_rows(
        out: &mut [f32],
        states: &[f32],
        width: usize,
        turns: &Turns,
        positions: &[usize],
        back: bool,
    ) {
        let pairs = turns.pairs;
        let sign = if back { -1.0 } else { 1.0 };
        let rows = out.chunks_exact_mut(width).zip(states.chunks_exact(width));
        for ((out, states), position) in rows.zip(positions) {
            let angles = position * pairs..(position + 1) * pairs;
            let (cos, sin) = (&turns.cos[angles.clone()], &turns.sin[angles]);
            let heads = out.chunks_exact_mut(2 * pairs).zip(states.chunks_exact(2 * pairs));
            for (out, states) in heads {
                let (out_first, out_second) = out.split_at_mut(pairs);
                let (first, second) = states.split_at(pairs);
                for pair in 0..pairs {
                    let (cos, sin) = (cos[pair], sign * sin[pair]);
                    out_first[pair] = first[pair] * cos - second[pair] * sin;
                    out_second[pair] = second[pair] * cos + first[pair] * sin;
                }
            }
        }
    }
}
