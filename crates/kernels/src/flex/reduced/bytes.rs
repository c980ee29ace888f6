//! Rows of floats in bytes.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

use crate::flex::math::vector_fn;

/// Of a row in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Row {
    /// Value of a step; not a number where a value of the row is not finite.
    pub(super) step: f32,
    /// The byte that means zero.
    pub(super) zero: i32,
}

/// Writes the bytes of a row, four side by side in a `u32`, into zeros. Of a row with a value that is not finite, the bytes
/// mean nothing.
///
/// # Panics
/// If there is no room for all values.
pub(super) fn divide(quads: &mut [u32], values: &[f32]) -> Row {
    assert!(
        values.len() <= 4 * quads.len(),
        "room for the bytes of a row"
    );
    #[cfg(target_arch = "x86_64")]
    if crate::flex::math::has_avx512() {
        // SAFETY: the machine has the instructions; there is room.
        #[expect(unsafe_code, reason = "the compiler cannot see the check")]
        return unsafe { avx512::divide(quads, values) };
    }
    #[cfg(target_arch = "x86_64")]
    if crate::flex::math::has_avx2() {
        // SAFETY: the machine has the instructions; there is room.
        #[expect(unsafe_code, reason = "the compiler cannot see the check")]
        return unsafe { avx2::divide(quads, values) };
    }
    divide_anywhere(quads, values)
}

/// Adding and subtracting it rounds to a whole number, ties to even.
const ROUND: f32 = 12_582_912.0;

/// How the bytes of a row are found.
#[derive(Debug, Clone, Copy)]
struct Scale {
    per_step: f32,
    /// The byte that means zero, a whole number.
    zero: f32,
    row: Row,
}

impl Scale {
    /// Of a row from `low`, at most 0, to `high`, at least 0. `finite` is 0, or not a number.
    #[inline(always)]
    fn new(low: f32, high: f32, finite: f32) -> Self {
        let step = (high - low) / 255.0;
        // A row of numbers so small that the inverse overflows counts as zeros.
        let inverse = 1.0 / step;
        let per_step = if inverse.is_finite() { inverse } else { 0.0 };
        let zero = (-low * per_step + ROUND) - ROUND;
        #[expect(clippy::cast_possible_truncation, reason = "from 0 to 255")]
        let row = Row {
            step: step + finite,
            zero: zero as i32,
        };
        Self {
            per_step,
            zero,
            row,
        }
    }
}

vector_fn! {
    /// The same on any processor.
    fn divide_anywhere(quads: &mut [u32], values: &[f32]) -> Row {
        const LANES: usize = 32;
        let (mut low, mut high) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        // 0 · x is not a number where x is not finite.
        let mut rest = [0.0_f32; LANES];
        for chunk in values.chunks(LANES) {
            for (lane, value) in chunk.iter().enumerate() {
                low[lane] = if *value < low[lane] { *value } else { low[lane] };
                high[lane] = if *value > high[lane] { *value } else { high[lane] };
                rest[lane] += 0.0 * value;
            }
        }
        let low = low.into_iter().fold(0.0, f32::min);
        let high = high.into_iter().fold(0.0, f32::max);
        let scale = Scale::new(low, high, rest.into_iter().sum());
        let byte = |value: f32| {
            let steps = (value * scale.per_step + ROUND) - ROUND;
            let steps = (steps + scale.zero).clamp(0.0, 255.0);
            // The whole number is in the low bits of the sum.
            (steps + ROUND).to_bits() & 0xff
        };
        let (whole, last) = values.as_chunks::<4>();
        for (quad, [a, b, c, d]) in quads.iter_mut().zip(whole) {
            *quad = byte(*a) | byte(*b) << 8 | byte(*c) << 16 | byte(*d) << 24;
        }
        if !last.is_empty() {
            let bytes = last.iter().rev();
            quads[whole.len()] = bytes.fold(0, |quad, value| quad << 8 | byte(*value));
        }
        scale.row
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_row_of_zeros_of_one_sign_or_with_what_is_no_number() {
        let divided = |values: &[f32]| {
            let mut quads = [0];
            (divide(&mut quads, values), quads[0].to_le_bytes())
        };
        assert_eq!(divided(&[0.0, 0.0]), (Row::default(), [0; 4]));
        let (row, bytes) = divided(&[255.0, 1.0, 0.0]);
        assert_eq!((row.step, row.zero, bytes), (1.0, 0, [255, 1, 0, 0]));
        let (row, bytes) = divided(&[-255.0, -1.0, 0.0]);
        assert_eq!((row.step, row.zero, bytes), (1.0, 255, [0, 254, 255, 0]));
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(divided(&[1.0, wrong]).0.step.is_nan(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn the_bytes_are_the_same_on_any_processor(
            values in prop::collection::vec(-3.0_f32..5.0, 0..100), zeros in 0_usize..4, wild: bool,
            scale in prop::sample::select(vec![1.0_f32, 1e-39, 1e-30, 1e37]),
        ) {
            let mut values: Vec<f32> = values.iter().map(|value| value * scale).collect();
            let len = values.len();
            for place in 0..zeros.min(len) {
                values[place * 7 % len] = if wild { 1e30 } else { 0.0 };
            }
            let mut found = vec![0; values.len().div_ceil(4)];
            let mut expected = found.clone();
            let row = divide(&mut found, &values);
            prop_assert_eq!(row, divide_anywhere(&mut expected, &values));
            prop_assert!((0..=255).contains(&row.zero));
            prop_assert_eq!(&found, &expected);
            // Where `divide` has taken other instructions.
            #[cfg(target_arch = "x86_64")]
            if crate::flex::math::has_avx2() {
                found.fill(0);
                #[expect(unsafe_code, reason = "the machine has the instructions; there is room")]
                let again = unsafe { avx2::divide(&mut found, &values) };
                prop_assert_eq!(row, again);
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
