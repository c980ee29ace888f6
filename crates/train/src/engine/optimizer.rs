//! AdamW over two parameter groups, and clipping by the global norm.

use burn::module::{ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::{
    AdamWState, AdaptiveMomentumState, GradientsParams, LearningRate, ModuleOptimizer, Optimizer,
};
use burn::prelude::*;
use burn::tensor::read_sync;
use gradus_kernels::{self as kernels, AdamStep, Moments};

use crate::Result;
use crate::read::sum_of;

/// AdamW (Loshchilov and Hutter, 2019, <https://arxiv.org/abs/1711.05101>) with β₁ 0.9, β₂ 0.999, ε 1e-8.
///
/// Weight decay acts on matrices only: not on biases and layer-norm parameters (rank 1).
pub fn adamw<M: Module>(module: &M, weight_decay: f64) -> ModuleOptimizer {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "Burn keeps the decay in f32"
    )]
    let weight_decay = weight_decay as f32;
    let vectors = ParamGroup::from_ids(vector_parameters(module));
    ModuleOptimizer::from(AdamW { weight_decay }).with_group(
        vectors,
        AdamW { weight_decay: 0.0 },
        None,
    )
}

/// The update of one parameter, with the state of Burn's AdamW; see [`kernels::adamw_step`].
#[derive(Debug, Clone)]
struct AdamW {
    weight_decay: f32,
}

impl Optimizer for AdamW {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        let (time, first, second) = match state {
            Some(AdamWState { momentum }) => (momentum.time, momentum.moment_1, momentum.moment_2),
            None => (0, parameter.zeros_like(), parameter.zeros_like()),
        };
        let of = Moments {
            parameter,
            first,
            second,
        };
        let step = AdamStep {
            learning_rate,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: self.weight_decay,
            time: time + 1,
        };
        let moved = kernels::adamw_step(of, gradient, step);
        let momentum = AdaptiveMomentumState::new(step.time, moved.first, moved.second);
        (moved.parameter, Some(AdamWState::new(momentum)))
    }

    fn to_device<const D: usize>(mut state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}

fn vector_parameters<M: Module>(module: &M) -> Vec<ParamId> {
    struct Vectors(Vec<ParamId>);
    impl ModuleVisitor for Vectors {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if D < 2 {
                self.0.push(param.id);
            }
        }
    }
    let mut visitor = Vectors(Vec::new());
    module.visit(&mut visitor);
    visitor.0
}

/// Euclidean norm over all gradients of a module; NaN or infinite if any of them is.
///
/// # Errors
/// [`TrainError::Device`](crate::TrainError::Device) if the computation failed on the device.
pub fn global_norm<M: Module>(module: &M, gradients: &GradientsParams) -> Result<f64> {
    read_sync(global_norm_async(module, gradients))
}

/// [`global_norm`] where nothing may wait for a device, as in a browser.
pub(super) async fn global_norm_async<M: Module>(
    module: &M,
    gradients: &GradientsParams,
) -> Result<f64> {
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
    // One read from the device for the whole model.
    Ok(sum_of(visitor.sum).await?.sqrt())
}

/// Scales all gradients by `max_norm / norm` when `norm` (see [`global_norm`]) exceeds `max_norm`.
pub fn clip_global_norm<M: Module>(
    module: &M,
    gradients: GradientsParams,
    norm: f64,
    max_norm: f64,
) -> GradientsParams {
    struct Scale {
        gradients: GradientsParams,
        factor: f64,
    }
    impl ModuleVisitor for Scale {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.remove::<D>(param.id) {
                self.gradients
                    .register::<D>(param.id, kernels::scale(gradient, self.factor));
            }
        }
    }
    if norm <= max_norm {
        return gradients;
    }
    let mut visitor = Scale {
        gradients,
        factor: max_norm / norm,
    };
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
    fn weight_decay_moves_matrices_and_leaves_vectors() {
        let device = Device::flex().autodiff();
        let layer = layer(&device);
        let (weight, bias) = (layer.weight.val(), layer.bias.clone().unwrap().val());
        let mut optimizer = adamw(&layer, 0.5);
        // Zero gradients: only the decay can move anything.
        let zero = layer.forward(Tensor::<2>::zeros([1, 2], &device)).sum() * 0.0;
        let grads = GradientsParams::from_grads(zero.backward(), &layer);
        let moved = optimizer.step(0.1, layer, grads);
        moved
            .weight
            .val()
            .into_data()
            .assert_approx_eq::<f32>(&(weight * 0.95).into_data(), Tolerance::absolute(1e-6));
        moved
            .bias
            .unwrap()
            .val()
            .into_data()
            .assert_eq(&bias.into_data(), true);
    }
}
