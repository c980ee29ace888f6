//! The reward model as Burn's training loop sees it.

use burn::module::Module;
use burn::prelude::*;
use burn::train::metric::{Adaptor, LossInput};
use burn::train::{InferenceStep, ItemLazy, TrainOutput, TrainStep};
use gradus_data::SegmentBatch;
use gradus_model::{RewardModel, SegmentInput};

use crate::RatingLoss;

/// A [`RewardModel`] with the loss it is trained on.
#[derive(Module, Debug)]
pub struct RegressionLearner {
    /// The model whose weights are learned.
    pub model: RewardModel,
    #[module(skip)]
    loss: RatingLoss,
}

impl RegressionLearner {
    /// Trains `model` on `loss`.
    pub fn new(model: RewardModel, loss: RatingLoss) -> Self {
        Self { model, loss }
    }

    fn outcome(&self, batch: SegmentBatch) -> RatingOutcome {
        let scores = self.model.forward(SegmentInput {
            token_ids: batch.token_ids,
            type_ids: batch.type_ids,
            mask_pad: batch.mask_pad,
            segment_spans: batch.segment_spans,
        });
        let mse = RatingLoss::Mse.forward(
            scores.clone().detach(),
            batch.targets.clone(),
            batch.weights.clone(),
        );
        RatingOutcome {
            loss: self
                .loss
                .forward(scores, batch.targets, batch.weights.clone()),
            mse,
            weight: batch.weights.sum(),
            rated: batch.num_rated,
            tokens: batch.num_tokens,
            ids: batch.ids,
        }
    }
}

/// What a batch gave: its loss and how much it counts.
#[derive(Debug)]
pub struct RatingOutcome {
    /// Weighted mean loss over the batch's rated pairs, of shape `[1]`.
    pub loss: Tensor<1>,
    /// Weighted mean squared error over the same pairs, without gradient, of shape `[1]`.
    pub mse: Tensor<1>,
    /// Sum of the weights, of shape `[1]`.
    pub weight: Tensor<1>,
    /// Rated segment-aspect pairs.
    pub rated: usize,
    /// Tokens, padding not counted.
    pub tokens: usize,
    /// Ids of the batch's examples.
    pub ids: Vec<String>,
}

impl Adaptor<LossInput> for RatingOutcome {
    fn adapt(&self) -> LossInput {
        LossInput::new(self.loss.clone())
    }
}

impl ItemLazy for RatingOutcome {
    fn sync(self) -> Result<Self, burn::tensor::ExecutionError> {
        self.loss.device().flush()?;
        Ok(Self {
            loss: self.loss.without_autodiff(),
            mse: self.mse.without_autodiff(),
            weight: self.weight.without_autodiff(),
            ..self
        })
    }
}

impl TrainStep for RegressionLearner {
    type Input = SegmentBatch;
    type Output = RatingOutcome;

    fn step(&self, batch: SegmentBatch) -> TrainOutput<RatingOutcome> {
        let outcome = self.outcome(batch);
        let gradients = outcome.loss.backward();
        TrainOutput::new(self, gradients, outcome)
    }
}

impl InferenceStep for RegressionLearner {
    type Input = SegmentBatch;
    type Output = RatingOutcome;

    fn step(&self, batch: SegmentBatch) -> RatingOutcome {
        self.outcome(batch)
    }
}
