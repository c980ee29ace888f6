//! Activation functions of one value, and their derivatives.

use super::math::{erf, exp, tanh};

/// `√(2/π)` and the cubic coefficient of GELU's tanh approximation.
const TANH_SCALE: f32 = 0.797_884_6;
const TANH_CUBIC: f32 = 0.044_715;

/// The value and the derivative.
#[inline(always)]
pub(super) fn gelu(x: f32) -> (f32, f32) {
    let below = (0.5 * erf(x * std::f32::consts::FRAC_1_SQRT_2)) + 0.5;
    let density = 0.398_942_3 * exp(-0.5 * x * x);
    (x * below, x.mul_add(density, below))
}

#[inline(always)]
pub(super) fn gelu_tanh(x: f32) -> (f32, f32) {
    let inner = TANH_SCALE * (TANH_CUBIC * x * x).mul_add(x, x);
    let tanh = tanh(inner);
    let slope = TANH_SCALE * (3.0 * TANH_CUBIC * x).mul_add(x, 1.0);
    let half = 0.5 * x;
    (
        half.mul_add(tanh, half),
        (half * (1.0 - tanh * tanh)).mul_add(slope, 0.5f32.mul_add(tanh, 0.5)),
    )
}

#[inline(always)]
pub(super) fn relu(x: f32) -> (f32, f32) {
    if x > 0.0 { (x, 1.0) } else { (0.0, 0.0) }
}

#[inline(always)]
pub(super) fn silu(x: f32) -> (f32, f32) {
    let share = 1.0 / (1.0 + exp(-x));
    (x * share, share * x.mul_add(1.0 - share, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_slopes() {
        for function in [gelu, gelu_tanh, relu, silu] {
            for x in [-4.0_f32, -1.5, -0.3, 0.2, 0.9, 2.5] {
                let step = 1e-2;
                let slope = (function(x + step).0 - function(x - step).0) / (2.0 * step);
                let (_, derivative) = function(x);
                assert!(
                    (slope - derivative).abs() < 1e-3,
                    "{x}: {slope} {derivative}"
                );
            }
        }
    }

    #[test]
    fn silu_ends_in_zero_and_in_its_argument() {
        for x in [100.0_f32, 1e30] {
            assert_eq!(silu(x), (x, 1.0));
            let (value, slope) = silu(-x);
            assert!(value.abs() < 1e-6 && slope.abs() < 1e-6, "{value} {slope}");
        }
    }

    #[test]
    fn values_are_those_of_published_tables() {
        for (x, exact, approximate) in [
            (-1.0, -0.158_655_25, -0.158_808),
            (0.5, 0.345_731_23, 0.345_714),
            (3.0, 2.995_950_2, 2.996_363),
        ] {
            assert!((gelu(x).0 - exact).abs() < 1e-6);
            assert!((silu(x).0 - x / (1.0 + (-x).exp())).abs() < 1e-6);
            assert!(
                (gelu_tanh(x).0 - approximate).abs() < 1e-6,
                "{}",
                gelu_tanh(x).0
            );
        }
    }
}
