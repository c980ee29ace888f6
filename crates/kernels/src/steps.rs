//! Numbers as whole numbers of steps: how weights become bytes.

/// The step of numbers with this greatest magnitude: a 127th, rounded up to 16 bits, so that 127
/// steps are exactly a number and have this step again. What bytes and their step make is therefore
/// divided into the same bytes.
///
/// ```
/// use gradus_kernels::{steps, weight_step};
///
/// let column = [0.31_f32, -0.2, 0.007];
/// let step = weight_step(0.31);
/// let bytes = column.map(|value| steps(value, step));
/// assert_eq!(bytes, [127, -82, 3]);
/// let made = bytes.map(|count| f32::from(count) * step);
/// assert_eq!(weight_step(made[0]), step);
/// assert_eq!(made.map(|value| steps(value, step)), bytes);
/// ```
pub fn weight_step(greatest: f32) -> f32 {
    let step = greatest / 127.0;
    let bits = step.to_bits();
    f32::from_bits((bits + 0xff) & !0xff)
}

/// The nearest number of steps, from -127 to 127.
#[expect(clippy::cast_possible_truncation, reason = "it is clamped")]
pub fn steps(value: f32, step: f32) -> i8 {
    if step == 0.0 {
        return 0;
    }
    (value / step).round_ties_even().clamp(-127.0, 127.0) as i8
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the numbers are exact")]
mod tests {
    use super::*;

    fn values(count: usize, mut state: u32) -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn steps_of_weights_are_found_again_in_what_they_make() {
        for seed in 0..200 {
            let column: Vec<f32> = values(17, seed).iter().map(|value| value * 0.3).collect();
            let greatest = |column: &[f32]| column.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
            let step = weight_step(greatest(&column));
            let counts: Vec<i8> = column.iter().map(|value| steps(*value, step)).collect();
            let made: Vec<f32> = counts
                .iter()
                .map(|count| f32::from(*count) * step)
                .collect();
            assert_eq!(weight_step(greatest(&made)), step);
            let again: Vec<i8> = made.iter().map(|value| steps(*value, step)).collect();
            assert_eq!(again, counts);
            for (made, value) in made.iter().zip(&column) {
                assert!((made - value).abs() <= 0.5001 * step);
            }
        }
        assert_eq!(steps(0.0, weight_step(0.0)), 0);
    }
}
