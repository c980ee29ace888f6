//! One optimizer step: forward and backward passes over the micro-batches of a batch, then the
//! update.

use burn::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::prelude::*;
use gradus_data::SegmentBatch;
use gradus_model::SegmentModel;
use web_time::Instant;

use super::Engine;
use super::clip::{clip_global_norm, clip_on_device, square_sum};
use super::learner::{RatingOutcome, StepOutput, StepScope};
use super::seeds::micro_batch_seed;
use super::settle::{Contents, Made, Settled, Unsettled};
use super::workers::Workers;
use crate::Result;
use crate::read::Reading;

impl<M: SegmentModel> Engine<'_, M> {
    /// Trains on one batch, given as micro-batches. A batch whose loss or gradient is not finite
    /// changes no weight, but counts as a step of the schedule.
    ///
    /// On a device that does not answer at once, the weights change before loss and gradient norm are known, so that
    /// the device never waits for this program: the next step [settles](Self::settle) this one.
    pub(crate) async fn step(&mut self, micro_batches: Vec<SegmentBatch>) -> Result<()> {
        let started = Instant::now();
        let number = self.state.step + 1;
        let contents = Contents::of(&micro_batches);
        let again = self.unsettled.is_some().then(|| micro_batches.clone());
        let mut computed = self.gradients(number, micro_batches)?;
        // The weights of a step that should not have been made are gone, and what came of them too.
        if self.settle().await? == Settled::TakenBack
            && let Some(micro_batches) = again
        {
            computed = self.gradients(number, micro_batches)?;
        }
        let Some((outcome, gradients)) = computed else {
            return Ok(());
        };
        let sums = outcome.sums();
        let squares = square_sum(&*self.learner, &gradients);
        let squares = squares.unwrap_or_else(|| Tensor::zeros([1], &sums.device()));
        let reading = Reading::begin(Tensor::cat(vec![sums, squares.clone()], 0));
        let rate = self.schedule.step();
        self.state.step = number;
        self.state.batch += 1;
        let made = Made {
            number,
            rate: rate.base(),
            rated: outcome.rated,
            tokens: outcome.tokens,
            denominators: outcome.denominators,
            contents,
        };
        let clip = self.config.clip_norm;
        let clip = if clip > 0.0 { clip } else { f64::INFINITY };
        match reading {
            Reading::Done(values) => {
                let found = made.found(values?, self.learner.objective());
                if found.not_finite().is_none() {
                    let gradients = clip_global_norm(&*self.learner, gradients, found.norm, clip);
                    self.update(rate, gradients);
                }
                self.record(made, found).await?;
            }
            Reading::UnderWay(values) => {
                let before = self.before();
                let gradients = if clip.is_finite() {
                    clip_on_device(&*self.learner, gradients, squares, clip)
                } else {
                    gradients
                };
                self.update(rate, gradients);
                self.unsettled = Some(Unsettled {
                    made,
                    values,
                    before,
                });
            }
        }
        self.state.train_seconds += started.elapsed().as_secs_f64();
        Ok(())
    }

    fn update(&mut self, rate: ModuleLearningRate, gradients: GradientsParams) {
        let optimizer = &mut self.optimizer;
        self.learner
            .update(|learner| optimizer.step(rate, learner, gradients));
        if let Some(average) = &mut self.average {
            average.update(&self.learner.model, self.state.history.steps.len() + 1);
        }
    }

    /// Loss and gradients of a batch: the sums over its micro-batches.
    fn gradients(
        &self,
        number: usize,
        micro_batches: Vec<SegmentBatch>,
    ) -> Result<Option<(RatingOutcome, GradientsParams)>> {
        let denominators = micro_batches
            .iter()
            .map(|micro_batch| self.learner.denominators(micro_batch));
        let scope = StepScope {
            number,
            denominators: denominators.sum(),
        };
        let mut accumulator = GradientsAccumulator::new();
        let mut whole: Option<RatingOutcome> = None;
        let mut micro_batches = micro_batches.into_iter();
        let mut done = 0;
        loop {
            let together = self.workers.as_ref().map_or(1, Workers::count);
            let group: Vec<SegmentBatch> = micro_batches.by_ref().take(together).collect();
            if group.is_empty() {
                break;
            }
            let first = done;
            done += group.len();
            for output in self.compute(&scope, first, group)? {
                accumulator.accumulate(&*self.learner, output.gradients);
                whole = Some(match whole {
                    Some(whole) => whole.plus(output.outcome),
                    None => output.outcome,
                });
            }
        }
        Ok(whole.map(|outcome| (outcome, accumulator.grads())))
    }

    /// Gradients of the micro-batches that are computed at the same time: one per device.
    fn compute(
        &self,
        scope: &StepScope,
        first: usize,
        micro_batches: Vec<SegmentBatch>,
    ) -> Result<Vec<StepOutput>> {
        if let Some(workers) = &self.workers {
            return workers.compute(&self.learner, scope, first, micro_batches);
        }
        let outputs = micro_batches
            .into_iter()
            .enumerate()
            .map(|(index, micro_batch)| {
                let seed = micro_batch_seed(self.config.seed, scope.number, first + index);
                self.device.seed(seed);
                self.learner.step(micro_batch, scope)
            });
        Ok(outputs.collect())
    }
}
