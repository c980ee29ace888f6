//! Where a run is: everything about it that is not a tensor.

use serde::{Deserialize, Serialize};

use super::TrainHistory;
use super::early_stopping::Watch;
use crate::objective::ObjectiveTotals;

/// Where a run is and what it has seen; part of a checkpoint.
///
/// The order of the batches and all random numbers follow from the seed, the epoch and the step,
/// so that nothing else has to be kept of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoopState {
    /// The epoch the run is in, from 1; one past the last when all is done.
    pub(crate) epoch: usize,
    /// Batches of this epoch that are done.
    pub(crate) batch: usize,
    /// Steps of the run that are done, skipped ones included.
    pub(crate) step: usize,
    /// Steps skipped since the last one that was not.
    pub(crate) skipped_in_a_row: usize,
    /// Sums over the batches of this epoch.
    pub(crate) totals: ObjectiveTotals,
    /// Tokens of the batches of this epoch.
    pub(crate) tokens: usize,
    /// Seconds spent training in this epoch.
    pub(crate) train_seconds: f64,
    /// What validations have reached.
    pub(crate) watch: Watch,
    /// The step whose weights are the best so far.
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
    /// Goes to the first batch of the next epoch.
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
