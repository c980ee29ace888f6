//! The reward model with its objective: gradients of a micro-batch.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::prelude::*;
use burn::tensor::read_sync;
use gradus_data::SegmentBatch;
use gradus_model::{RewardModel, SegmentModel, TrainingPrecision};

use crate::Result;
use crate::objective::{Denominators, Objective, ObjectiveTotals, Sums};

/// A model with the objective it is trained on.
#[derive(Module, Debug)]
pub struct RegressionLearner<M: Module = RewardModel> {
    /// The model to train.
    pub model: M,
    #[module(skip)]
    objective: Objective,
    /// Number of first steps in which the encoder is frozen.
    #[module(skip)]
    frozen_steps: usize,
    /// Number format of the encoder's products in training.
    #[module(skip)]
    precision: TrainingPrecision,
}

/// The optimizer step that a micro-batch belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct StepScope {
    /// Number of the step in the run, from 1.
    pub number: usize,
    /// Sum of the [denominators](RegressionLearner::denominators) of all its micro-batches.
    pub denominators: Denominators,
}

impl<M: SegmentModel> RegressionLearner<M> {
    /// Trains `model` on an objective; a [loss](crate::PointwiseLoss) alone is one.
    pub fn new(model: M, objective: impl Into<Objective>) -> Self {
        Self {
            model,
            objective: objective.into(),
            frozen_steps: 0,
            precision: TrainingPrecision::F32,
        }
    }

    /// Computes the products of linear layers and attention in training in this precision, which the device must
    /// have: see [`TrainingPrecision::on`]. Default: `f32`.
    #[must_use]
    pub fn with_precision(mut self, precision: TrainingPrecision) -> Self {
        self.precision = precision;
        self
    }

    /// Freezes the encoder in the first steps of the run: it computes as in inference, without dropout and
    /// gradients. [`usize::MAX`] for all steps.
    #[must_use]
    pub fn with_frozen_steps(mut self, steps: usize) -> Self {
        self.frozen_steps = steps;
        self
    }

    /// Whether the encoder is trained in a step. A step without a number counts as late in the run.
    fn encoder_is_frozen(&self, scope: Option<&StepScope>) -> bool {
        scope.map_or(usize::MAX, |scope| scope.number) <= self.frozen_steps
    }

    /// The objective.
    pub fn objective(&self) -> &Objective {
        &self.objective
    }

    /// The denominators of a batch, computed on the host.
    pub fn denominators(&self, batch: &SegmentBatch) -> Denominators {
        self.objective.denominators(&batch.weight_sums)
    }

    /// Computes the gradients of a micro-batch's part of the step's loss.
    ///
    /// Their sum over the micro-batches of a step is the gradient of the whole batch.
    pub fn step(&self, batch: SegmentBatch, scope: &StepScope) -> StepOutput {
        let outcome = self.outcome(batch, Some(scope));
        let gradients = outcome.loss.backward();
        StepOutput {
            gradients: GradientsParams::from_grads(gradients, self),
            outcome,
        }
    }

    /// Forward pass over a micro-batch, with its offsets added to what the head gives; without a step, the micro-batch is the whole batch.
    pub(crate) fn outcome(&self, batch: SegmentBatch, scope: Option<&StepScope>) -> RatingOutcome {
        let denominators = self.denominators(&batch);
        let drops = batch.targets.device().is_autodiff() && !self.encoder_is_frozen(scope);
        let (mut sums, scores) = self.pass(&batch, scope);
        if let Some(weight) = self.objective.r_drop.filter(|_| drops) {
            let (again, others) = self.pass(&batch, scope);
            let (both, passes) = ([sums, again], [scores.clone(), others]);
            sums = self.objective.sums_of_two(weight, both, passes, &batch);
        }
        let step = scope.map_or(&denominators, |scope| &scope.denominators);
        RatingOutcome {
            loss: self.objective.loss(&sums, step),
            sums: sums.stack(),
            scores: scores.detach(),
            denominators,
            rated: batch.num_rated,
            tokens: batch.num_tokens,
            ids: batch.ids,
        }
    }

    /// One forward pass: the sums of the objective's terms, and the scores.
    fn pass(&self, batch: &SegmentBatch, scope: Option<&StepScope>) -> (Sums, Tensor<3>) {
        let input = batch.input_tensors().into();
        let in_training = batch.targets.device().is_autodiff();
        let raw = if in_training {
            self.precision.during(|| {
                if self.encoder_is_frozen(scope) {
                    self.model.raw_on_frozen_encoder(input)
                } else {
                    self.model.raw(input)
                }
            })
        } else {
            self.model.raw(input)
        };
        let raw = match batch.offsets.clone() {
            Some(offsets) => raw + offsets,
            None => raw,
        };
        let scores = self.model.output().forward(raw.clone());
        (self.objective.sums(raw, scores.clone(), batch), scores)
    }
}

/// The output of a micro-batch, and the gradients of its part of the step's loss.
#[non_exhaustive]
pub struct StepOutput {
    /// Gradients by parameter.
    pub gradients: GradientsParams,
    /// Loss and scores.
    pub outcome: RatingOutcome,
}

/// The output of a batch: its loss and denominators.
#[derive(Debug)]
#[non_exhaustive]
pub struct RatingOutcome {
    /// The batch's part of the step's loss, of shape `[1]`; the whole loss if the batch is the whole step.
    pub loss: Tensor<1>,
    /// Sums of the objective's terms.
    sums: Tensor<1>,
    /// Scores, without gradient: `[batch_size, num_segments, num_aspects]`.
    pub scores: Tensor<3>,
    /// The denominators of the batch itself.
    pub denominators: Denominators,
    /// Rated segment-aspect pairs.
    pub rated: usize,
    /// Tokens, padding not counted.
    pub tokens: usize,
    /// Ids of the batch's examples.
    pub ids: Vec<String>,
}

impl RatingOutcome {
    /// The sums of the batch, to be added to those of other batches. Waits for the device.
    ///
    /// # Errors
    /// [`TrainError::Device`](crate::TrainError::Device) if the computation failed there.
    pub fn totals(&self) -> Result<ObjectiveTotals> {
        read_sync(self.totals_async())
    }

    /// [`totals`](Self::totals) where nothing may wait for a device, as in a browser.
    ///
    /// # Errors
    /// Those of [`totals`](Self::totals).
    pub async fn totals_async(&self) -> Result<ObjectiveTotals> {
        ObjectiveTotals::read(self.sums.clone(), self.denominators.clone()).await
    }

    /// The sums of the objective's terms, on their device.
    pub(super) fn sums(&self) -> Tensor<1> {
        self.sums.clone().without_autodiff()
    }

    /// Adds another micro-batch of the same step. The scores are those of `self`.
    #[must_use]
    pub(crate) fn plus(self, other: Self) -> Self {
        let mut ids = self.ids;
        ids.extend(other.ids);
        Self {
            loss: self.loss.detach() + other.loss.detach(),
            sums: self.sums + other.sums,
            scores: self.scores,
            denominators: self.denominators + other.denominators,
            rated: self.rated + other.rated,
            tokens: self.tokens + other.tokens,
            ids,
        }
    }
}

impl RatingOutcome {
    /// Moves the sums to another device. The scores stay on theirs.
    pub(crate) fn moved_to(self, device: &Device) -> Self {
        Self {
            loss: self.loss.detach().to_device(device),
            sums: self.sums.to_device(device),
            ..self
        }
    }
}
