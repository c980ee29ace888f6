//! What happened during a run, step by step and epoch by epoch.

use serde::{Deserialize, Serialize};

/// One optimiser step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepLog {
    /// Step of the run, from 1.
    pub step: usize,
    /// Epoch, from 1.
    pub epoch: usize,
    /// Loss of the batch before the step, in target units.
    pub loss: f64,
    /// Learning rate of the encoder in this step.
    pub learning_rate: f64,
    /// Global gradient norm before clipping.
    pub gradient_norm: f64,
    /// Rated segment-aspect pairs in the batch.
    pub rated: usize,
    /// Tokens in the batch, padding not counted.
    pub tokens: usize,
}

/// One epoch: training, then validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochLog {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Steps done so far in the run.
    pub step: usize,
    /// Weighted mean of the losses of the epoch's batches.
    pub train_loss: f64,
    /// Loss over all rated pairs of the validation split.
    pub valid_loss: f64,
    /// Mean squared error over the same pairs, in target units.
    pub valid_mse: f64,
    /// The rating objective `J = -valid_mse`; close to 0 is good.
    pub objective: f64,
    /// Whether no epoch before had a lower `valid_loss`.
    pub best: bool,
    /// Seconds spent training.
    pub train_seconds: f64,
    /// Seconds spent validating.
    pub valid_seconds: f64,
    /// Training tokens a second, padding not counted.
    pub tokens_per_second: f64,
}

/// The log of a whole run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainHistory {
    /// Every step, in order.
    pub steps: Vec<StepLog>,
    /// Every epoch, in order.
    pub epochs: Vec<EpochLog>,
}

impl TrainHistory {
    /// The epoch whose weights were kept: the last one marked best.
    pub fn best(&self) -> Option<&EpochLog> {
        self.epochs.iter().rev().find(|epoch| epoch.best)
    }
}

/// Somebody who watches a run, a progress bar for instance.
pub trait TrainObserver: Send {
    /// Called once, when the number of steps is known.
    fn on_start(&mut self, total_steps: usize, epochs: usize) {
        let _ = (total_steps, epochs);
    }
    /// Called after each optimiser step.
    fn on_step(&mut self, step: &StepLog) {
        let _ = step;
    }
    /// Called after each validation.
    fn on_epoch(&mut self, epoch: &EpochLog) {
        let _ = epoch;
    }
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl TrainObserver for Unobserved {}
