//! Rotary positions: pairs of features turned by an angle.

use super::math::vector_fn;
use super::rows::{MANY, by_rows, per_task, zeroed};
use crate::ops::Turns;

/// Turns the heads of each token, `[tokens, heads · 2 · pairs]`, by the angles of its position, or
/// back: the gradient is turned back.
pub(super) fn rotate(states: &[f32], turns: &Turns, positions: &[usize], back: bool) -> Vec<f32> {
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
