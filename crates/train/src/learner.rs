//! The reward model as Burn's training loop sees it.

use burn::module::Module;
use burn::prelude::*;
use burn::train::metric::{Adaptor, LossInput};
use burn::train::{InferenceStep, ItemLazy, TrainOutput, TrainStep};
use gradus_data::{BatchWeights, SegmentBatch};
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

    /// Forward and backward pass over one piece of a step's batch.
    ///
    /// `sums` are the weights of the whole step: the losses and gradients of its pieces add up to
    /// those of the whole batch, however its rated segments are spread over them.
    pub fn train_piece(
        &self,
        piece: SegmentBatch,
        sums: &BatchWeights,
    ) -> TrainOutput<RatingOutcome> {
        let outcome = self.outcome(piece, sums);
        let gradients = outcome.loss.backward();
        TrainOutput::new(self, gradients, outcome)
    }

    /// Forward pass over one piece of a batch; see [`train_piece`](Self::train_piece).
    pub fn outcome(&self, batch: SegmentBatch, sums: &BatchWeights) -> RatingOutcome {
        let scores = self.model.forward(SegmentInput {
            token_ids: batch.token_ids,
            type_ids: batch.type_ids,
            mask_pad: batch.mask_pad,
            segment_spans: batch.segment_spans,
        });
        let total = sums.segments.iter().sum::<f64>();
        let mean = |loss: RatingLoss, scores: Tensor<3>| {
            loss.weighted_sum(scores, batch.targets.clone(), batch.weights.clone())
                / total.max(f64::from(f32::MIN_POSITIVE))
        };
        RatingOutcome {
            mse: mean(RatingLoss::Mse, scores.clone().detach()),
            loss: mean(self.loss, scores.clone()),
            scores: scores.detach(),
            weight: batch.weight_sums.segments.iter().sum(),
            rated: batch.num_rated,
            tokens: batch.num_tokens,
            ids: batch.ids,
        }
    }
}

/// What a batch, or a piece of one, gave: its loss and how much it counts.
#[derive(Debug)]
pub struct RatingOutcome {
    /// Weighted loss over the rated pairs, divided by the weight of the whole batch; shape `[1]`.
    pub loss: Tensor<1>,
    /// Squared error of the same pairs, likewise, without gradient; shape `[1]`.
    pub mse: Tensor<1>,
    /// Scores, without gradient: `[batch_size, num_segments, num_aspects]`.
    pub scores: Tensor<3>,
    /// Sum of the weights of the rated pairs.
    pub weight: f64,
    /// Rated segment-aspect pairs.
    pub rated: usize,
    /// Tokens, padding not counted.
    pub tokens: usize,
    /// Ids of the batch's examples.
    pub ids: Vec<String>,
}

impl RatingOutcome {
    /// Both pieces of one batch together; of the scores, those of `self` stay.
    #[must_use]
    pub(crate) fn plus(self, piece: Self) -> Self {
        let mut ids = self.ids;
        ids.extend(piece.ids);
        Self {
            loss: self.loss.detach() + piece.loss.detach(),
            mse: self.mse + piece.mse,
            scores: self.scores,
            weight: self.weight + piece.weight,
            rated: self.rated + piece.rated,
            tokens: self.tokens + piece.tokens,
            ids,
        }
    }
}

impl RatingOutcome {
    /// The sums on another device; the scores stay where they are.
    pub(crate) fn to_device(self, device: &Device) -> Self {
        Self {
            loss: self.loss.detach().to_device(device),
            mse: self.mse.to_device(device),
            ..self
        }
    }
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
            scores: self.scores.without_autodiff(),
            ..self
        })
    }
}

impl TrainStep for RegressionLearner {
    type Input = SegmentBatch;
    type Output = RatingOutcome;

    fn step(&self, batch: SegmentBatch) -> TrainOutput<RatingOutcome> {
        let sums = batch.weight_sums.clone();
        self.train_piece(batch, &sums)
    }
}

impl InferenceStep for RegressionLearner {
    type Input = SegmentBatch;
    type Output = RatingOutcome;

    fn step(&self, batch: SegmentBatch) -> RatingOutcome {
        let sums = batch.weight_sums.clone();
        self.outcome(batch, &sums)
    }
}
