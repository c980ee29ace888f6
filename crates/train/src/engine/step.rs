//! One optimizer step: forward and backward passes over the micro-batches of a batch, then the
//! update.

use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::prelude::*;
use gradus_data::SegmentBatch;
use gradus_model::SegmentModel;
use web_time::Instant;

use super::Engine;
use super::learner::{RatingOutcome, StepOutput, StepScope};
use super::optimizer::{clip_global_norm, global_norm_async};
use super::seeds::micro_batch_seed;
use super::workers::Workers;
use super::{SkippedStep, StepLog};
use crate::read::values;
use crate::{Result, TrainError};

impl<M: SegmentModel> Engine<'_, M> {
    /// Trains on one batch, given as micro-batches. A batch whose loss or gradient is not finite
    /// changes no weight, but counts as a step of the schedule.
    pub(crate) async fn step(&mut self, micro_batches: Vec<SegmentBatch>) -> Result<()> {
        let started = Instant::now();
        let number = self.state.step + 1;
        let contents = Contents::of(&micro_batches);
        let Some((outcome, gradients)) = self.gradients(number, micro_batches)? else {
            return Ok(());
        };
        let totals = outcome.totals_async().await?;
        let loss = totals.loss(self.learner.objective());
        let norm = global_norm_async(&*self.learner, &gradients).await?;
        let rate = self.schedule.step();
        let state = &mut self.state;
        state.step = number;
        state.batch += 1;
        let found = [("loss", loss), ("gradient norm", norm)];
        if let Some((what, value)) = found.into_iter().find(|(_, value)| !value.is_finite()) {
            return self.skip(what, value, contents).await;
        }

        let clip = self.config.clip_norm;
        let gradients = if clip > 0.0 {
            clip_global_norm(&*self.learner, gradients, norm, clip)
        } else {
            gradients
        };
        let optimizer = &mut self.optimizer;
        self.learner
            .update(|learner| optimizer.step(rate.clone(), learner, gradients));
        if let Some(average) = &mut self.average {
            average.update(&self.learner.model, state.history.steps.len() + 1);
        }

        let log = StepLog {
            step: number,
            epoch: state.epoch,
            loss,
            learning_rate: rate.base(),
            gradient_norm: norm,
            rated: outcome.rated,
            tokens: outcome.tokens,
        };
        state.skipped_in_a_row = 0;
        state.totals.add(&totals);
        state.tokens += outcome.tokens;
        state.train_seconds += started.elapsed().as_secs_f64();
        if let Some(file) = &mut self.log {
            file.step(&log)?;
        }
        self.observer.on_step(&log);
        self.state.history.steps.push(log);
        Ok(())
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

    /// Skips a batch with non-finite loss or gradient; fails after too many consecutive ones.
    async fn skip(&mut self, what: &'static str, value: f64, contents: Contents) -> Result<()> {
        let poisoned = contents.poisoned().await?;
        let state = &mut self.state;
        state.skipped_in_a_row += 1;
        let log = SkippedStep {
            step: state.step,
            epoch: state.epoch,
            what: what.into(),
            value: value.to_string(),
            poisoned,
            ids: contents.ids,
        };
        if let Some(file) = &mut self.log {
            file.skipped(&log)?;
        }
        self.observer.on_skip(&log);
        let in_a_row = state.skipped_in_a_row;
        let error = (in_a_row > self.config.max_skipped_steps).then(|| TrainError::NonFinite {
            step: log.step,
            epoch: log.epoch,
            what,
            value,
            in_a_row,
            ids: log.ids.clone(),
            poisoned: log.poisoned.clone(),
            checkpoint: self.store.as_ref().and_then(|s| s.newest().map(Into::into)),
        });
        state.history.skipped.push(log);
        error.map_or(Ok(()), Err)
    }
}

/// Ids and targets of a batch, for error messages.
struct Contents {
    ids: Vec<String>,
    /// `[batch_size, num_segments, num_aspects]` of each micro-batch.
    targets: Vec<Tensor<3>>,
}

impl Contents {
    fn of(micro_batches: &[SegmentBatch]) -> Self {
        Self {
            ids: micro_batches
                .iter()
                .flat_map(|micro_batch| micro_batch.ids.clone())
                .collect(),
            targets: micro_batches
                .iter()
                .map(|micro_batch| micro_batch.targets.clone())
                .collect(),
        }
    }

    /// Ids of the examples with a target that is not finite.
    async fn poisoned(&self) -> Result<Vec<String>> {
        let mut finite = Vec::new();
        for targets in &self.targets {
            let [batch_size, num_segments, num_aspects] = targets.dims();
            let values: Vec<f32> = values(targets.clone()).await?;
            let row = num_segments * num_aspects;
            let rows = (0..batch_size).map(|k| &values[k * row..(k + 1) * row]);
            finite.extend(rows.map(|row| row.iter().all(|value| value.is_finite())));
        }
        let ids = self.ids.iter().zip(finite);
        let poisoned = ids.filter(|(_, finite)| !finite);
        Ok(poisoned.map(|(id, _)| id.clone()).collect())
    }
}
