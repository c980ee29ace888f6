//! AdamW over two parameter groups.

use burn::module::{ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::{AdamWState, AdaptiveMomentumState, LearningRate, ModuleOptimizer, Optimizer};
use burn::prelude::*;
use gradus_kernels::{self as kernels, AdamStep, Moments};

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

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::GradientsParams;
    use burn::tensor::Tolerance;

    fn layer(device: &Device) -> Linear {
        LinearConfig::new(2, 1).init(device)
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
