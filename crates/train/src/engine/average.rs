//! A moving average of the weights.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::container::TensorContainer;

use crate::Result;
use crate::read::sum_of;

/// An exponential moving average of a model's weights, in their own precision.
///
/// After the `t`-th update, from 1,
///
/// ```text
/// average = d average + (1 - d) weights,        d = min(decay, (1 + t) / (10 + t))
/// ```
///
/// so that the untrained weights do not dominate the first averages.
#[derive(Debug, Clone)]
pub(crate) struct Average<M> {
    pub(crate) model: M,
    decay: f64,
}

impl<M: Module> Average<M> {
    /// Starts with the weights of `model`, which is on a device without autodiff.
    pub(crate) fn new(model: M, decay: f64) -> Self {
        Self { model, decay }
    }

    /// Adds the weights after update number `count` of a run, from 1.
    pub(crate) fn update(&mut self, weights: &M, count: usize) {
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

/// Sum of squares of all weights: not finite if any of them is not.
///
/// # Errors
/// [`TrainError::Device`](crate::TrainError::Device) if the computation failed on the device.
pub(crate) async fn square_sum<M: Module>(module: &M) -> Result<f64> {
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
    sum_of(squares.0).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, read_sync};
    use gradus_model::encoder::BertConfig;
    use gradus_model::{EncoderConfig, Pooling, RewardModel, RewardModelConfig};

    fn model() -> RewardModel {
        let encoder = EncoderConfig::Bert(BertConfig::small(20));
        let config = RewardModelConfig::new(encoder, Pooling::Mean, 1);
        config.init(&Device::flex())
    }

    /// A weight of the head, which is the last.
    fn bias(model: &RewardModel) -> f32 {
        struct Last(f32);
        impl ModuleVisitor for Last {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if let Some(value) = param.val().into_data().iter::<f32>().next() {
                    self.0 = value;
                }
            }
        }
        let mut last = Last(0.0);
        model.visit(&mut last);
        last.0
    }

    #[test]
    fn the_average_follows_its_formula() {
        let start = model();
        let mut average = Average::new(start.clone().with_head_bias(&[1.0]), 0.9);
        average.update(&start.clone().with_head_bias(&[2.0]), 1);
        // The first update counts with 1 - 2/11.
        assert!((bias(&average.model) - (1.0 + 9.0 / 11.0)).abs() < 1e-6);
        let before = bias(&average.model);
        average.update(&start.with_head_bias(&[3.0]), 1000);
        assert!((bias(&average.model) - (0.9 * before + 0.3)).abs() < 1e-6);
    }

    #[test]
    fn weights_that_do_not_move_are_their_own_average() {
        let start = model();
        let mut average = Average::new(start.clone(), 0.99);
        for count in 1..5 {
            average.update(&start, count);
        }
        let sum = |model| read_sync(square_sum(model)).unwrap();
        let difference = sum(&average.model) - sum(&start);
        assert!(difference.abs() < f64::MIN_POSITIVE, "{difference}");
    }

    #[test]
    fn a_weight_that_is_no_number_shows_in_the_sum_of_squares() {
        let is_finite = |model| read_sync(square_sum(&model)).unwrap().is_finite();
        assert!(is_finite(model()));
        assert!(!is_finite(model().with_head_bias(&[f32::NAN])));
        assert!(!is_finite(model().with_head_bias(&[f32::INFINITY])));
    }
}
