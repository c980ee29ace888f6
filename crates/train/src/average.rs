//! A moving average of the weights.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::container::TensorContainer;
use gradus_model::RewardModel;

/// An exponential moving average of a model's weights, in their own precision.
///
/// After the `t`-th update, from 1,
///
/// ```text
/// average = d average + (1 - d) weights,        d = min(decay, (1 + t) / (10 + t))
/// ```
///
/// so that the first updates are not held back by weights that were never trained.
#[derive(Debug, Clone)]
pub(crate) struct Average {
    pub(crate) model: RewardModel,
    decay: f64,
}

impl Average {
    /// Starts at `model`, which lies on a device without autodiff.
    pub(crate) fn new(model: RewardModel, decay: f64) -> Self {
        Self { model, decay }
    }

    /// Takes in the weights after the `count`-th update of a run, counted from 1.
    pub(crate) fn update(&mut self, weights: &RewardModel, count: usize) {
        let count = count as f64;
        let decay = self.decay.min((1.0 + count) / (10.0 + count));
        let mut collect = Collect(TensorContainer::new());
        weights.visit(&mut collect);
        let mut blend = Blend {
            weights: collect.0,
            share: 1.0 - decay,
        };
        self.model = self.model.clone().map(&mut blend);
    }
}

struct Collect(TensorContainer<ParamId>);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.register(param.id, param.val().without_autodiff());
    }
}

struct Blend {
    weights: TensorContainer<ParamId>,
    share: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(weight) = self.weights.remove::<Tensor<D>>(&param.id) else {
            return param;
        };
        let share = self.share;
        // Written as a step towards the weight: a weight that does not move stays exactly.
        param.map(|average| average.clone() + (weight - average) * share)
    }
}

/// Sum of squares of all weights: not finite when any of them is not.
pub(crate) fn square_sum<M: Module>(module: &M) -> f64 {
    struct Squares(Option<Tensor<1>>);
    impl ModuleVisitor for Squares {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let squares = param.val().without_autodiff().square().sum();
            self.0 = Some(match self.0.take() {
                Some(sum) => sum + squares,
                None => squares,
            });
        }
    }
    let mut squares = Squares(None);
    module.visit(&mut squares);
    squares
        .0
        .map_or(0.0, |sum| f64::from(sum.into_scalar::<f32>()))
}
