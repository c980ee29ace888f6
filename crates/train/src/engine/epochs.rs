//! The loop over epochs and steps: when to validate, to save, to stop.

use std::sync::Arc;

use burn::data::dataloader::{DataLoader, DataLoaderIterator};
use gradus_data::SegmentBatch;
use gradus_model::SegmentModel;

use super::average::square_sum;
use super::{Engine, EpochLog, ValidLog};
use crate::checkpoint::Snapshot;
use crate::{Result, TrainError};

/// How the loop continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Go,
    /// Early stopping ended the run.
    Over,
}

impl<M: SegmentModel> Engine<'_, M> {
    /// Trains from the current step to the end of the last epoch.
    pub(super) async fn run_epochs(&mut self) -> Result<()> {
        let over = self.epochs().await;
        // A step that is done is logged, however the run ended.
        self.settle().await?;
        over
    }

    async fn epochs(&mut self) -> Result<()> {
        // Beside an offset, there is a candidate before the first step: the offset alone.
        let is_new = self.state.step == 0 && !self.state.is_validated();
        if self.config.offset.kinds().is_some() && is_new && self.validate_first().await?.is_none()
        {
            return Err(self.stop().await?);
        }
        while self.state.epoch <= self.config.epochs {
            if self.epoch().await? == Flow::Over {
                self.state.history.stopped_early = true;
                break;
            }
        }
        Ok(())
    }

    async fn epoch(&mut self) -> Result<Flow> {
        if self.train_epoch().await? == Flow::Over {
            return Ok(Flow::Over);
        }
        let Some(log) = self.validate().await? else {
            return Err(self.stop().await?);
        };
        self.end_epoch(&log)?;
        if self.is_over() {
            return Ok(Flow::Over);
        }
        self.save().await?;
        Ok(Flow::Go)
    }

    /// Trains on the remaining batches of an epoch. Validations and checkpoints due after a step are done before the
    /// next step, so a resumed run catches up on them. Those due after the last step belong to the end of the
    /// epoch.
    async fn train_epoch(&mut self) -> Result<Flow> {
        let train = Arc::clone(&self.train);
        train.begin_at(self.state.epoch - 1, self.state.batch);
        let mut batches = train.iter();
        loop {
            let progress = batches.progress();
            let inside = progress.items_processed < progress.items_total;
            if inside && self.state.batch > 0 && self.after_step().await? == Flow::Over {
                return Ok(Flow::Over);
            }
            if self.stop.is_stopped() {
                return Err(self.stop().await?);
            }
            let Some(micro_batches) = next_batch(&mut *batches)? else {
                self.settle().await?;
                return Ok(Flow::Go);
            };
            self.step(micro_batches).await?;
        }
    }

    async fn after_step(&mut self) -> Result<Flow> {
        let step = self.state.step;
        let due = |every: usize| every > 0 && step.is_multiple_of(every);
        let [validate, save] = [self.config.eval_every, self.config.checkpoint_every].map(due);
        if validate || save {
            self.settle().await?;
        }
        if validate && !self.state.is_validated() {
            if self.validate().await?.is_none() {
                return Err(self.stop().await?);
            }
            if self.is_over() {
                return Ok(Flow::Over);
            }
        }
        if save && self.state.skipped_in_a_row == 0 {
            self.save().await?;
        }
        Ok(Flow::Go)
    }

    fn end_epoch(&mut self, valid: &ValidLog) -> Result<()> {
        let state = &mut self.state;
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
            rating_objective: valid.rating_objective,
            best: valid.best,
            train_seconds: state.train_seconds,
            valid_seconds: valid.seconds,
            tokens_per_second: state.tokens as f64 / state.train_seconds.max(f64::MIN_POSITIVE),
        };
        self.observer.on_epoch(&log);
        state.history.epochs.push(log);
        state.next_epoch();
        Ok(())
    }

    /// Whether early stopping ends the run now.
    fn is_over(&self) -> bool {
        let stopping = self.config.early_stopping.as_ref();
        self.state.watch.is_over(stopping)
    }

    /// Saves a checkpoint and reports it.
    async fn stop(&mut self) -> Result<TrainError> {
        self.settle().await?;
        self.save().await?;
        Ok(TrainError::Stopped {
            step: self.state.step,
            checkpoint: self.newest_checkpoint(),
        })
    }

    pub(crate) fn newest_checkpoint(&self) -> Option<std::path::PathBuf> {
        let store = self.store.as_ref()?;
        store.newest().map(Into::into)
    }

    /// Saves a checkpoint, unless there is one of this step.
    async fn save(&mut self) -> Result<()> {
        let Self {
            store: Some(store),
            state,
            best,
            observer,
            learner,
            optimizer,
            schedule,
            average,
            ..
        } = self
        else {
            return Ok(());
        };
        if !store.is_kept() || self.saved == Some(state.position()) {
            return Ok(());
        }
        // A checkpoint that cannot be resumed must not displace one that can.
        if !square_sum(&**learner).await?.is_finite() {
            let step = state.step;
            observer.on_note(&format!(
                "no checkpoint at step {step}: some weights are not finite"
            ));
            return Ok(());
        }
        let path = store.save(&Snapshot {
            step: state.step,
            learner: &**learner,
            optimizer,
            schedule,
            average: average.as_ref().map(|average| &average.model),
            best: state.best_step.zip(best.as_ref()),
            state,
        })?;
        self.saved = Some(state.position());
        observer.on_checkpoint(&path, state.step);
        Ok(())
    }
}

/// All micro-batches of the next batch.
fn next_batch(
    batches: &mut dyn DataLoaderIterator<SegmentBatch>,
) -> Result<Option<Vec<SegmentBatch>>> {
    let mut micro_batches = Vec::new();
    for batch in batches {
        let batch = batch?;
        let last = batch.micro_batches_left == 0;
        micro_batches.push(batch);
        if last {
            break;
        }
    }
    Ok((!micro_batches.is_empty()).then_some(micro_batches))
}
