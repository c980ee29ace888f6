//! The loop over epochs and steps: when to validate, to save, to stop.

use burn::data::dataloader::{DataLoader, DataLoaderIterator};
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::optim::ModuleOptimizer;
use burn::prelude::*;
use burn::train::LearnerEvent;
use gradus_data::SegmentBatch;

use crate::average::{Average, square_sum};
use crate::checkpoint::Snapshot;
use crate::events::Events;
use crate::learner::RegressionLearner;
use crate::slot::Slot;
use crate::strategy::RunState;
use crate::workers::Workers;
use crate::{EpochLog, Result, TrainConfig, TrainError, ValidLog};

/// What changes with every step besides the weights.
pub(crate) struct Parts {
    pub(crate) optimizer: ModuleOptimizer,
    pub(crate) schedule: ModuleLrScheduler,
    pub(crate) average: Option<Average>,
}

/// A run in progress.
pub(crate) struct Trainer<'a> {
    pub(crate) config: &'a TrainConfig,
    /// Without autodiff; random numbers are drawn from its generator.
    pub(crate) device: Device,
    pub(crate) learner: Slot<RegressionLearner>,
    pub(crate) parts: Parts,
    /// The devices of every step, if there are several.
    pub(crate) workers: Option<Workers>,
    /// Epoch and batch of the newest checkpoint.
    pub(crate) saved: Option<(usize, usize)>,
    pub(crate) events: &'a mut Events,
    pub(crate) run: &'a mut RunState,
}

/// Whether the loop goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Go,
    /// Early stopping ended the run.
    Over,
}

impl Trainer<'_> {
    /// Trains from where the run is to the end of epoch `epochs`.
    pub(crate) fn run(
        &mut self,
        train: &dyn DataLoader<SegmentBatch>,
        valid: &dyn DataLoader<SegmentBatch>,
        epochs: usize,
    ) -> Result<()> {
        while self.run.state.epoch <= epochs {
            if self.epoch(train, valid)? == Flow::Over {
                self.run.state.history.stopped_early = true;
                break;
            }
        }
        Ok(())
    }

    fn epoch(
        &mut self,
        train: &dyn DataLoader<SegmentBatch>,
        valid: &dyn DataLoader<SegmentBatch>,
    ) -> Result<Flow> {
        let epoch = self.run.state.epoch;
        self.events.train(LearnerEvent::StartSplit {
            epoch_number: epoch,
            total_items: train.num_items(),
        });
        if self.train_epoch(train, valid)? == Flow::Over {
            return Ok(Flow::Over);
        }
        self.events.train(LearnerEvent::EndSplit(epoch));
        let Some(log) = self.validate(valid)? else {
            return Err(self.stop()?);
        };
        self.events.train(LearnerEvent::EndEpoch(epoch));
        self.end_epoch(&log)?;
        if self.is_over() {
            return Ok(Flow::Over);
        }
        self.save()?;
        Ok(Flow::Go)
    }

    /// Steps through the rest of an epoch's batches. What is due after a step is done before the
    /// next one, so that a run that was stopped in between catches up on it; what is due after
    /// the last step is the end of the epoch.
    fn train_epoch(
        &mut self,
        train: &dyn DataLoader<SegmentBatch>,
        valid: &dyn DataLoader<SegmentBatch>,
    ) -> Result<Flow> {
        let mut batches = train.iter();
        loop {
            let progress = batches.progress();
            let inside = progress.items_processed < progress.items_total;
            if inside && self.run.state.batch > 0 && self.after_step(valid)? == Flow::Over {
                return Ok(Flow::Over);
            }
            if self.is_stopped()? {
                return Err(self.stop()?);
            }
            let Some(pieces) = self.next_batch(&mut *batches)? else {
                return Ok(Flow::Go);
            };
            self.step(pieces, batches.progress())?;
        }
    }

    fn after_step(&mut self, valid: &dyn DataLoader<SegmentBatch>) -> Result<Flow> {
        let step = self.run.state.step;
        let due = |every: usize| every > 0 && step.is_multiple_of(every);
        if due(self.config.eval_every) && !self.run.state.is_validated() {
            if self.validate(valid)?.is_none() {
                return Err(self.stop()?);
            }
            if self.is_over() {
                return Ok(Flow::Over);
            }
        }
        if due(self.config.checkpoint_every) && self.run.state.skipped_in_a_row == 0 {
            self.save()?;
        }
        Ok(Flow::Go)
    }

    /// All pieces of the next planned batch.
    fn next_batch(
        &mut self,
        batches: &mut dyn DataLoaderIterator<SegmentBatch>,
    ) -> Result<Option<Vec<SegmentBatch>>> {
        let mut pieces = Vec::new();
        for piece in batches {
            let piece = piece.map_err(|error| self.events.failed(error))?;
            let last = piece.pieces_left == 0;
            pieces.push(piece);
            if last {
                break;
            }
        }
        Ok((!pieces.is_empty()).then_some(pieces))
    }

    fn end_epoch(&mut self, valid: &ValidLog) -> Result<()> {
        let state = &mut self.run.state;
        let train_loss = state.totals.loss(self.learner.objective());
        if !train_loss.is_finite() {
            return Err(TrainError::NonFinite {
                step: state.step,
                epoch: state.epoch,
                what: "mean training loss",
                value: train_loss,
                in_a_row: state.skipped_in_a_row,
                ids: Vec::new(),
                poisoned: Vec::new(),
                checkpoint: self.newest_checkpoint(),
            });
        }
        let log = EpochLog {
            epoch: state.epoch,
            step: state.step,
            train_loss,
            valid_loss: valid.valid_loss,
            valid_mse: valid.valid_mse,
            objective: valid.objective,
            best: valid.best,
            train_seconds: state.train_seconds,
            valid_seconds: valid.seconds,
            tokens_per_second: state.tokens as f64 / state.train_seconds.max(f64::MIN_POSITIVE),
        };
        self.run.observer.on_epoch(&log);
        state.history.epochs.push(log);
        state.next_epoch();
        Ok(())
    }

    /// Whether early stopping ends the run here.
    fn is_over(&self) -> bool {
        let stopping = self.config.early_stopping.as_ref();
        self.run.state.watch.is_over(stopping)
    }

    /// Whether somebody asked the run to stop.
    ///
    /// # Errors
    /// If Burn's part of the loop has failed.
    pub(crate) fn is_stopped(&self) -> Result<bool> {
        if let Some(error) = self.events.interrupter.error() {
            return Err(TrainError::Burn(error));
        }
        Ok(self.run.stop.is_stopped() || self.events.interrupter.should_stop())
    }

    /// Saves where the run is and says so.
    fn stop(&mut self) -> Result<TrainError> {
        self.save()?;
        Ok(TrainError::Stopped {
            step: self.run.state.step,
            checkpoint: self.newest_checkpoint(),
        })
    }

    pub(crate) fn newest_checkpoint(&self) -> Option<std::path::PathBuf> {
        let store = self.run.store.as_ref()?;
        store.newest().map(Into::into)
    }

    /// Saves a checkpoint, unless there is one of this very place.
    fn save(&mut self) -> Result<()> {
        let RunState {
            store: Some(store),
            state,
            best,
            observer,
            ..
        } = &mut *self.run
        else {
            return Ok(());
        };
        if !store.is_kept() || self.saved == Some(state.position()) {
            return Ok(());
        }
        // What cannot be gone on from must not push out what can.
        if !square_sum(&*self.learner).is_finite() {
            let step = state.step;
            observer.on_note(&format!(
                "no checkpoint of step {step}: the weights have grown beyond all numbers"
            ));
            return Ok(());
        }
        let path = store.save(&Snapshot {
            learner: &self.learner,
            optimizer: &self.parts.optimizer,
            schedule: &self.parts.schedule,
            average: self.parts.average.as_ref().map(|average| &average.model),
            state,
            best: best.as_ref(),
        })?;
        self.saved = Some(state.position());
        observer.on_checkpoint(&path, state.step);
        Ok(())
    }
}
