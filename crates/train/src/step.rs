//! One optimizer step: forward and backward passes over the pieces of a batch, then the update.

use std::time::Instant;

use burn::data::dataloader::Progress;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::prelude::*;
use burn::train::{LearnerEvent, TrainOutput, TrainStep as _, TrainingItem};
use gradus_data::SegmentBatch;

use crate::learner::{RatingOutcome, StepScope};
use crate::optimizer::{clip_global_norm, global_norm};
use crate::seeds::piece_seed;
use crate::trainer::Trainer;
use crate::workers::Workers;
use crate::{Result, SkippedStep, StepLog, TrainError};

impl Trainer<'_> {
    /// Trains on one batch, given in its pieces. A batch whose loss or gradient is not finite
    /// changes no weight; the schedule moves on all the same.
    pub(crate) fn step(&mut self, pieces: Vec<SegmentBatch>, progress: Progress) -> Result<()> {
        let started = Instant::now();
        let number = self.run.state.step + 1;
        let contents = Contents::of(&pieces);
        let Some((outcome, gradients)) = self.gradients(number, pieces)? else {
            return Ok(());
        };
        let totals = outcome.totals();
        let loss = totals.loss(self.learner.objective());
        let norm = global_norm(&*self.learner, &gradients);
        let rate = self.parts.schedule.step();
        let state = &mut self.run.state;
        state.step = number;
        state.batch += 1;
        let found = [("loss", loss), ("gradient norm", norm)];
        if let Some((what, value)) = found.into_iter().find(|(_, value)| !value.is_finite()) {
            return self.skip(what, value, contents);
        }

        let clip = self.config.clip_norm;
        let gradients = if clip > 0.0 {
            clip_global_norm(&*self.learner, gradients, norm, clip)
        } else {
            gradients
        };
        let optimizer = &mut self.parts.optimizer;
        self.learner
            .update(|learner| learner.optimize(optimizer, rate.clone(), gradients));
        if let Some(average) = &mut self.parts.average {
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
        let item = TrainingItem::new(outcome, progress, Some(number), Some(rate));
        self.events.train(LearnerEvent::ProcessedItem(item));
        if let Some(file) = &mut self.run.log {
            file.step(&log)?;
        }
        self.run.observer.on_step(&log);
        self.run.state.history.steps.push(log);
        Ok(())
    }

    /// Loss and gradients of a batch: the sums over its pieces, each a share of the whole.
    fn gradients(
        &self,
        number: usize,
        pieces: Vec<SegmentBatch>,
    ) -> Result<Option<(RatingOutcome, GradientsParams)>> {
        let denominators = pieces.iter().map(|piece| self.learner.denominators(piece));
        let scope = StepScope {
            number,
            denominators: denominators.sum(),
        };
        let mut accumulator = GradientsAccumulator::new();
        let mut whole: Option<RatingOutcome> = None;
        let mut pieces = pieces.into_iter();
        let mut done = 0;
        loop {
            let together = self.workers.as_ref().map_or(1, Workers::count);
            let group: Vec<SegmentBatch> = pieces.by_ref().take(together).collect();
            if group.is_empty() {
                break;
            }
            let first = done;
            done += group.len();
            for output in self.compute(&scope, first, group)? {
                accumulator.accumulate(&*self.learner, output.grads);
                whole = Some(match whole {
                    Some(whole) => whole.plus(output.item),
                    None => output.item,
                });
            }
        }
        Ok(whole.map(|outcome| (outcome, accumulator.grads())))
    }

    /// Gradients of pieces that are computed at the same time; of one, without several devices.
    fn compute(
        &self,
        scope: &StepScope,
        first: usize,
        pieces: Vec<SegmentBatch>,
    ) -> Result<Vec<TrainOutput<RatingOutcome>>> {
        if let Some(workers) = &self.workers {
            return workers.compute(&self.learner, scope, first, pieces);
        }
        let outputs = pieces.into_iter().enumerate().map(|(index, piece)| {
            let seed = piece_seed(self.config.seed, scope.number, first + index);
            self.device.seed(seed);
            self.learner.step(piece, scope)
        });
        Ok(outputs.collect())
    }

    /// Passes over a batch; ends the run if that happened too often.
    fn skip(&mut self, what: &'static str, value: f64, contents: Contents) -> Result<()> {
        let state = &mut self.run.state;
        state.skipped_in_a_row += 1;
        let log = SkippedStep {
            step: state.step,
            epoch: state.epoch,
            what: what.into(),
            value: value.to_string(),
            poisoned: contents.poisoned(),
            ids: contents.ids,
        };
        if let Some(file) = &mut self.run.log {
            file.skipped(&log)?;
        }
        self.run.observer.on_skip(&log);
        let in_a_row = state.skipped_in_a_row;
        let error = (in_a_row > self.config.max_skipped_steps).then(|| TrainError::NonFinite {
            step: log.step,
            epoch: log.epoch,
            what,
            value,
            in_a_row,
            ids: log.ids.clone(),
            poisoned: log.poisoned.clone(),
            checkpoint: self
                .run
                .store
                .as_ref()
                .and_then(|s| s.newest().map(Into::into)),
        });
        state.history.skipped.push(log);
        error.map_or(Ok(()), Err)
    }
}

/// What a batch is made of, to name it if need be.
struct Contents {
    ids: Vec<String>,
    /// `[batch_size, num_segments, num_aspects]` of each piece.
    targets: Vec<Tensor<3>>,
}

impl Contents {
    fn of(pieces: &[SegmentBatch]) -> Self {
        Self {
            ids: pieces.iter().flat_map(|piece| piece.ids.clone()).collect(),
            targets: pieces.iter().map(|piece| piece.targets.clone()).collect(),
        }
    }

    /// Ids of the examples that have a target that is not finite.
    fn poisoned(&self) -> Vec<String> {
        let mut finite = Vec::new();
        for targets in &self.targets {
            let [batch_size, num_segments, num_aspects] = targets.dims();
            let values: Vec<f32> = targets.clone().into_data().iter::<f32>().collect();
            let row = num_segments * num_aspects;
            let rows = (0..batch_size).map(|k| &values[k * row..(k + 1) * row]);
            finite.extend(rows.map(|row| row.iter().all(|value| value.is_finite())));
        }
        let ids = self.ids.iter().zip(finite);
        ids.filter(|(_, finite)| !finite)
            .map(|(id, _)| id.clone())
            .collect()
    }
}
