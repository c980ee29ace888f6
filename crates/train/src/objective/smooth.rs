//! Functions that stay finite for any input.

use burn::prelude::*;

/// `log(1 + e^x)`: about `x` for large `x`, about 0 for small ones, with the sigmoid as gradient.
///
/// Burn's own function computes `e^x` first, which is infinite in `f32` for `x` of 89 and more.
pub(crate) fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let size = x.clone().abs();
    // (x + |x|) / 2 is max(x, 0) with gradient 1/2 at 0, like the sigmoid.
    (x + size.clone()) * 0.5 + size.neg().exp().log1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softplus_is_finite_everywhere_and_has_the_sigmoid_as_gradient() {
        let device = Device::flex().autodiff();
        let x = [-200.0_f32, -1.0, 0.0, 1.0, 200.0];
        let input = Tensor::<1>::from_floats(x, &device).require_grad();
        let output = softplus(input.clone());
        let gradients = output.clone().sum().backward();
        let output: Vec<f32> = output.into_data().iter().collect();
        let gradient: Vec<f32> = input.grad(&gradients).unwrap().into_data().iter().collect();
        for (k, x) in x.into_iter().map(f64::from).enumerate() {
            let expected = x.max(0.0) + (-x.abs()).exp().ln_1p();
            let slope = 1.0 / (1.0 + (-x).exp());
            assert!((f64::from(output[k]) - expected).abs() < 1e-5, "{x}");
            assert!((f64::from(gradient[k]) - slope).abs() < 1e-6, "{x}");
        }
    }
}
