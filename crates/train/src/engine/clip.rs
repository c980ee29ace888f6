//! The global norm of gradients, and clipping to it.

use burn::module::{ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::prelude::*;
use burn::tensor::read_sync;
use gradus_kernels as kernels;

use crate::Result;
use crate::read::values;

/// Euclidean norm over all gradients of a module; NaN or infinite if any of them is.
///
/// # Errors
/// [`TrainError::Device`](crate::TrainError::Device) if the computation failed on the device.
pub fn global_norm<M: Module>(module: &M, gradients: &GradientsParams) -> Result<f64> {
    let Some(squares) = square_sum(module, gradients) else {
        return Ok(0.0);
    };
    let squares: Vec<f64> = read_sync(values(squares))?;
    Ok(squares.iter().sum::<f64>().sqrt())
}

/// The square of the [`global_norm`], of shape `[1]`, on its device; none without gradients.
pub(super) fn square_sum<M: Module>(module: &M, gradients: &GradientsParams) -> Option<Tensor<1>> {
    struct SquareSum<'a> {
        gradients: &'a GradientsParams,
        sum: Option<Tensor<1>>,
    }
    impl ModuleVisitor for SquareSum<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.get::<D>(param.id) {
                let squares = kernels::square_sum(gradient);
                self.sum = Some(match self.sum.take() {
                    Some(sum) => sum + squares,
                    None => squares,
                });
            }
        }
    }
    let mut visitor = SquareSum {
        gradients,
        sum: None,
    };
    module.visit(&mut visitor);
    visitor.sum
}

/// Scales all gradients by `max_norm / norm` when `norm` (see [`global_norm`]) exceeds `max_norm`.
pub fn clip_global_norm<M: Module>(
    module: &M,
    gradients: GradientsParams,
    norm: f64,
    max_norm: f64,
) -> GradientsParams {
    if norm <= max_norm {
        return gradients;
    }
    let factor = max_norm / norm;
    scale(module, gradients, &Factor::Known(factor))
}

/// [`clip_global_norm`] where the norm is not known to this program yet, only its square to the device.
pub(super) fn clip_on_device<M: Module>(
    module: &M,
    gradients: GradientsParams,
    squares: Tensor<1>,
    max_norm: f64,
) -> GradientsParams {
    let factor = (squares.sqrt().recip() * max_norm).clamp_max(1.0);
    scale(module, gradients, &Factor::OnDevice(factor))
}

#[expect(
    clippy::large_enum_variant,
    reason = "there is one, for the length of a call"
)]
enum Factor {
    Known(f64),
    /// Of shape `[1]`.
    OnDevice(Tensor<1>),
}

fn scale<M: Module>(module: &M, gradients: GradientsParams, factor: &Factor) -> GradientsParams {
    struct Scale<'a> {
        gradients: GradientsParams,
        factor: &'a Factor,
    }
    impl ModuleVisitor for Scale<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let Some(gradient) = self.gradients.remove::<D>(param.id) else {
                return;
            };
            let scaled = match self.factor {
                Factor::Known(factor) => kernels::scale(gradient, *factor),
                Factor::OnDevice(factor) => gradient * factor.clone().reshape([1; D]),
            };
            self.gradients.register::<D>(param.id, scaled);
        }
    }
    let mut visitor = Scale { gradients, factor };
    module.visit(&mut visitor);
    visitor.gradients
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Tolerance;

    fn layer(device: &Device) -> Linear {
        LinearConfig::new(2, 1).init(device)
    }

    /// Loss x·w + b with x = (3, 4): gradients (3, 4) and 1, of norm √26.
    fn gradients(layer: &Linear, device: &Device) -> GradientsParams {
        let x = Tensor::<2>::from_floats([[3.0, 4.0]], device);
        GradientsParams::from_grads(layer.forward(x).sum().backward(), layer)
    }

    #[test]
    fn the_norm_runs_over_all_parameters_together() {
        let device = Device::flex().autodiff();
        let layer = layer(&device);
        let norm = global_norm(&layer, &gradients(&layer, &device)).unwrap();
        assert!((norm - 26f64.sqrt()).abs() < 1e-5, "{norm}");
    }

    #[test]
    fn clipping_keeps_the_direction_and_bounds_the_global_norm() {
        let device = Device::flex().autodiff();
        let layer = layer(&device);
        let before = gradients(&layer, &device);
        let norm = global_norm(&layer, &before).unwrap();
        let after = clip_global_norm(&layer, before, norm, 1.0);
        assert!((global_norm(&layer, &after).unwrap() - 1.0).abs() < 1e-5);
        let weight = after.get::<2>(layer.weight.id).unwrap();
        let factor = 1.0 / 26f32.sqrt();
        weight.into_data().assert_approx_eq::<f32>(
            &TensorData::from([[3.0 * factor], [4.0 * factor]]),
            Tolerance::absolute(1e-5),
        );
    }

    #[test]
    fn small_gradients_pass_unchanged() {
        let device = Device::flex().autodiff();
        let layer = layer(&device);
        let before = gradients(&layer, &device);
        let after = clip_global_norm(&layer, before, 26f64.sqrt(), 10.0);
        assert!((global_norm(&layer, &after).unwrap() - 26f64.sqrt()).abs() < 1e-5);
    }

    #[test]
    fn clipping_on_the_device_gives_what_clipping_by_a_known_norm_gives() {
        let device = Device::flex().autodiff();
        let layer = layer(&device);
        for max_norm in [0.5, 1.0, 10.0] {
            let [known, unknown] = [(); 2].map(|()| gradients(&layer, &device));
            let norm = global_norm(&layer, &known).unwrap();
            let known = clip_global_norm(&layer, known, norm, max_norm);
            let squares = square_sum(&layer, &unknown).unwrap();
            let unknown = clip_on_device(&layer, unknown, squares, max_norm);
            let weight = |of: &GradientsParams| of.get::<2>(layer.weight.id).unwrap().into_data();
            weight(&unknown).assert_approx_eq::<f32>(&weight(&known), Tolerance::absolute(1e-6));
        }
    }
}
