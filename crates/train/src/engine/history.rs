//! The log of a run: steps, epochs and validations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One optimizer step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
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
#[non_exhaustive]
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
    #[serde(rename = "objective")]
    pub rating_objective: f64,
    /// Whether it is the best validation so far.
    pub best: bool,
    /// Seconds spent training.
    pub train_seconds: f64,
    /// Seconds spent validating.
    pub valid_seconds: f64,
    /// Training tokens a second, padding not counted.
    pub tokens_per_second: f64,
}

/// One validation: at the end of an epoch or inside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ValidLog {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Steps done so far in the run.
    pub step: usize,
    /// Loss over all rated pairs of the validation split.
    pub valid_loss: f64,
    /// Mean squared error over the same pairs, in target units.
    pub valid_mse: f64,
    /// The rating objective `J = -valid_mse`; close to 0 is good.
    #[serde(rename = "objective")]
    pub rating_objective: f64,
    /// Further metrics by name; `None` for a number that does not exist.
    #[serde(default)]
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Whether it is the best so far, by the loss or by the metric of early stopping.
    pub best: bool,
    /// Seconds it took.
    pub seconds: f64,
}

/// A skipped step: its loss or gradient was not finite, and no weight changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SkippedStep {
    /// Step of the run, from 1.
    pub step: usize,
    /// Epoch, from 1.
    pub epoch: usize,
    /// What was not finite: `loss` or `gradient norm`.
    pub what: String,
    /// The value found, as text: `NaN`, `inf` or `-inf`.
    pub value: String,
    /// Ids of the batch's examples.
    pub ids: Vec<String>,
    /// Ids of those with a target that is not finite.
    pub poisoned: Vec<String>,
}

/// The log of a whole run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrainHistory {
    /// All steps that changed the weights, in order.
    pub steps: Vec<StepLog>,
    /// All completed epochs, in order.
    pub epochs: Vec<EpochLog>,
    /// All validations, in order.
    #[serde(default)]
    pub validations: Vec<ValidLog>,
    /// All skipped steps, in order.
    #[serde(default)]
    pub skipped: Vec<SkippedStep>,
    /// Whether early stopping ended the run.
    #[serde(default)]
    pub stopped_early: bool,
}

impl TrainHistory {
    /// The best validation, whose weights were kept.
    pub fn best(&self) -> Option<&ValidLog> {
        self.validations.iter().rev().find(|valid| valid.best)
    }
}
