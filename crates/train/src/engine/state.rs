//! The progress of a run: all of its state except tensors.

use serde::{Deserialize, Serialize};

use super::TrainHistory;
use super::early_stopping::Watch;
use crate::objective::ObjectiveTotals;

/// The progress of a run; part of a checkpoint.
///
/// The order of the batches and all random numbers depend only on the seed, the epoch and the step,
/// so the state of generators is not stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoopState {
    /// The current epoch, from 1; one past the last at the end.
    pub(crate) epoch: usize,
    /// Completed batches of this epoch.
    pub(crate) batch: usize,
    /// Completed steps of the run, including skipped ones.
    pub(crate) step: usize,
    /// Number of consecutive skipped steps.
    pub(crate) skipped_in_a_row: usize,
    /// Sums of the losses over the batches of this epoch.
    pub(crate) totals: ObjectiveTotals,
    /// Tokens of the batches of this epoch.
    pub(crate) tokens: usize,
    /// Seconds spent training in this epoch.
    pub(crate) train_seconds: f64,
    /// The best validation so far, for early stopping.
    pub(crate) watch: Watch,
    /// The step of the best weights so far.
    pub(crate) best_step: Option<usize>,
    /// The log.
    pub(crate) history: TrainHistory,
}

impl Default for LoopState {
    fn default() -> Self {
        Self {
            epoch: 1,
            batch: 0,
            step: 0,
            skipped_in_a_row: 0,
            totals: ObjectiveTotals::default(),
            tokens: 0,
            train_seconds: 0.0,
            watch: Watch::default(),
            best_step: None,
            history: TrainHistory::default(),
        }
    }
}

impl LoopState {
    /// Starts the next epoch.
    pub(crate) fn next_epoch(&mut self) {
        self.epoch += 1;
        self.batch = 0;
        self.totals = ObjectiveTotals::default();
        self.tokens = 0;
        self.train_seconds = 0.0;
    }

    /// Epoch and batch.
    pub(crate) fn position(&self) -> (usize, usize) {
        (self.epoch, self.batch)
    }

    /// Whether this step was validated.
    pub(crate) fn is_validated(&self) -> bool {
        let last = self.history.validations.last();
        last.is_some_and(|valid| valid.step == self.step)
    }
}
