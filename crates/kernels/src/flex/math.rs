//! Functions and sums that the compiler vectorizes.
//!
//! A loop inside [`vector_fn!`] is compiled for the machine's vector instructions, together with
//! the `#[inline(always)]` functions it calls: a branch-free function of one value then processes
//! eight or more values at a time.

/// Defines functions that are compiled three times on x86: for any machine, for AVX2 with fused
/// multiply-add, and for AVX-512; a call uses the best the machine supports. On aarch64 the
/// baseline has vector instructions; elsewhere the fused operations are not used (see `runs_on`).
macro_rules! vector_fn {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident $(<$life:lifetime>)? ($($argument:ident: $type:ty),* $(,)?)
        $(-> $result:ty)? $body:block
    )+) => {$(
        $(#[$attribute])*
        $visibility fn $name $(<$life>)? ($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn for_any $(<$life>)? ($($argument: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn for_avx2 $(<$life>)? ($($argument: $type),*) $(-> $result)? {
                    for_any($($argument),*)
                }

                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,fma")]
                fn for_avx512 $(<$life>)? ($($argument: $type),*) $(-> $result)? {
                    for_any($($argument),*)
                }

                if $crate::flex::math::has_avx512() {
                    // SAFETY: the machine has the instructions; there is no other requirement.
                    #[expect(unsafe_code, reason = "the compiler cannot see the check")]
                    return unsafe { for_avx512($($argument),*) };
                }
                if $crate::flex::math::has_avx2() {
                    // SAFETY: the machine has the instructions; there is no other requirement.
                    #[expect(unsafe_code, reason = "the compiler cannot see the check")]
                    return unsafe { for_avx2($($argument),*) };
                }
            }
            for_any($($argument),*)
        }
    )+};
}
pub(super) use vector_fn;

/// Whether the machine has AVX2 and fused multiply-add; the standard library caches the answer.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// Whether the machine has AVX-512 with the extensions VL, BW and DQ.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn has_avx512() -> bool {
    has_avx2()
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512dq")
}

/// The best supported instructions of this machine.
#[cfg(target_arch = "x86_64")]
pub(crate) fn vectors() -> Option<&'static str> {
    if has_avx512() {
        Some("avx512")
    } else if has_avx2() {
        Some("avx2")
    } else {
        None
    }
}

/// Number of partial sums.
const LANES: usize = 32;

/// `eˣ` within 2 units in the last place; 0 below -87.3, the underflow limit of f32.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding and subtracting 1.5 · 2²³ rounds to an integer, which is then in the low bits of the
    // sum.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let clamped = x.clamp(-87.3, 88.3);
    let shifted = clamped.mul_add(std::f32::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let rest = whole.mul_add(-LN_2_LOW, whole.mul_add(-LN_2_HIGH, clamped));
    let mut series = 1.987_569_1e-4_f32;
    series = series.mul_add(rest, 1.398_2e-3);
    series = series.mul_add(rest, 8.333_452e-3);
    series = series.mul_add(rest, 4.166_579_6e-2);
    series = series.mul_add(rest, 0.166_666_65);
    series = series.mul_add(rest, 0.5);
    let power = (series * rest).mul_add(rest, rest) + 1.0;
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    let value = power * scale;
    if x < -87.3 { 0.0 } else { value }
}

/// The error function within 2e-7, by Eigen's rational approximation.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let x = x.clamp(-3.832_507, 3.832_507);
    let square = x * x;
    let mut above = 2.290_506_6e-4_f32;
    above = above.mul_add(square, 3.408_291e-3);
    above = above.mul_add(square, 5.095_569_5e-2);
    above = above.mul_add(square, 0.185_208_32);
    above = above.mul_add(square, std::f32::consts::FRAC_2_SQRT_PI);
    let mut below = -1.179_160_3e-7_f32;
    below = below.mul_add(square, 2.354_796_6e-5);
    below = below.mul_add(square, 1.017_962_6e-3);
    below = below.mul_add(square, 1.407_047_e-2);
    below = below.mul_add(square, 0.110_985_05);
    below = below.mul_add(square, 0.497_469_25);
    below = below.mul_add(square, 1.0);
    x * above / below
}

/// `tanh x` within 1e-6.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let doubled = exp(2.0 * x.clamp(-10.0, 10.0));
    (doubled - 1.0) / (doubled + 1.0)
}

/// Sum of `of(index)` over `0..length`: first in lanes, then over the lanes, so the order does not
/// depend on the machine's vector length.
#[inline(always)]
fn sum_of(length: usize, of: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let whole = length - length % LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += of(start + lane);
        }
    }
    for index in whole..length {
        lanes[index - whole] += of(index);
    }
    fold(lanes)
}

/// Sum over the lanes.
#[inline(always)]
fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Sum of the values.
#[inline(always)]
pub(super) fn sum(values: &[f32]) -> f32 {
    sum_of(values.len(), |index| values[index])
}

/// Dot product of two slices of equal length.
#[inline(always)]
pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let right = &right[..left.len()];
    sum_of(left.len(), |index| left[index] * right[index])
}

/// Sum of the squares of the differences from `center`.
#[inline(always)]
pub(super) fn squares_around(values: &[f32], center: f32) -> f32 {
    sum_of(values.len(), |index| {
        (values[index] - center) * (values[index] - center)
    })
}

/// Replaces every value by `exp(value - greatest)` and returns their sum.
#[inline(always)]
pub(super) fn exp_and_sum(values: &mut [f32], greatest: f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (chunks, rest) = values.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for (value, sum) in chunk.iter_mut().zip(&mut lanes) {
            *value = exp(*value - greatest);
            *sum += *value;
        }
    }
    for (value, lane) in rest.iter_mut().zip(&mut lanes) {
        *value = exp(*value - greatest);
        *lane += *value;
    }
    fold(lanes)
}

/// The greatest value; negative infinity for an empty slice.
#[inline(always)]
pub(super) fn max(values: &[f32]) -> f32 {
    let greater = |a: f32, b: f32| if a > b { a } else { b };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (value, greatest) in chunk.iter().zip(&mut lanes) {
            *greatest = greater(*value, *greatest);
        }
    }
    for (value, greatest) in rest.iter().zip(&mut lanes) {
        *greatest = greater(*value, *greatest);
    }
    // In halves: one lane after the other would take longer than all of the above.
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = greater(lanes[lane + width], lanes[lane]);
        }
        width /= 2;
    }
    lanes[0]
}

/// Adds `values` to `to`.
#[inline(always)]
pub(super) fn add(to: &mut [f32], values: &[f32]) {
    for (to, value) in to.iter_mut().zip(values) {
        *to += value;
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the numbers are exact")]
mod tests {
    use super::*;

    fn inputs() -> impl Iterator<Item = f32> {
        (-9000_i16..9000).map(|step| f32::from(step) / 100.0)
    }

    #[test]
    fn exp_is_that_of_the_standard_library() {
        for x in inputs() {
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs();
            if x < -87.3 {
                assert_eq!(exp(x), 0.0);
            } else if x < 88.3 {
                assert!(error <= 3e-7 * expected, "exp({x}) = {}", exp(x));
            }
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-1e30), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn erf_and_tanh_are_those_of_published_tables() {
        for (x, expected) in [
            (0.0, 0.0),
            (0.1, 0.112_462_916),
            (0.5, 0.520_499_9),
            (1.0, 0.842_700_8),
            (2.0, 0.995_322_3),
            (3.5, 0.999_999_3),
            (9.0, 1.0),
        ] {
            assert!((erf(x) - expected).abs() < 3e-7, "erf({x}) = {}", erf(x));
            assert_eq!(erf(-x), -erf(x));
        }
        for x in inputs() {
            assert!((tanh(x) - x.tanh()).abs() < 1e-6, "tanh({x}) = {}", tanh(x));
        }
    }

    #[test]
    fn sums_take_in_every_value_once() {
        for length in [0_usize, 1, 31, 32, 33, 100] {
            let values: Vec<f32> = (0..length).map(|k| k as f32).collect();
            let expected = (length * length.saturating_sub(1) / 2) as f32;
            assert_eq!(sum(&values), expected);
            let expected: f32 = values.iter().map(|x| x * x).sum();
            assert_eq!(dot(&values, &values), expected);
            assert_eq!(squares_around(&values, 0.0), expected);
            let greatest = values.last().copied().unwrap_or(f32::NEG_INFINITY);
            assert_eq!(max(&values), greatest);
        }
    }
}
