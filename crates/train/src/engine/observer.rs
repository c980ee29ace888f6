//! Observers of a run.

use std::path::Path;

use super::{EpochLog, SkippedStep, StepLog, ValidLog};

/// Callbacks of a run: a progress display, a log, a rule that stops it by its
/// [`StopHandle`](crate::StopHandle). Each does nothing by default.
///
/// Observers can stop a run but not change it otherwise: the weights do not depend on them.
pub trait TrainObserver: Send {
    /// Called once, when the number of steps is known.
    fn on_start(&mut self, total_steps: usize, epochs: usize) {
        let _ = (total_steps, epochs);
    }
    /// Called after each optimizer step.
    fn on_step(&mut self, step: &StepLog) {
        let _ = step;
    }
    /// Called after each epoch, its validation included.
    fn on_epoch(&mut self, epoch: &EpochLog) {
        let _ = epoch;
    }
    /// Called after each validation.
    fn on_valid(&mut self, valid: &ValidLog) {
        let _ = valid;
    }
    /// Called for a step whose loss or gradient was not finite.
    fn on_skip(&mut self, skipped: &SkippedStep) {
        let _ = skipped;
    }
    /// Called once, before the first step, if the run resumes from a checkpoint.
    fn on_resume(&mut self, checkpoint: &Path, step: usize, epoch: usize) {
        let _ = (checkpoint, step, epoch);
    }
    /// Called after each checkpoint.
    fn on_checkpoint(&mut self, checkpoint: &Path, step: usize) {
        let _ = (checkpoint, step);
    }
    /// Called with something the user should know: a damaged checkpoint, for instance.
    fn on_note(&mut self, note: &str) {
        let _ = note;
    }
}

/// Ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl TrainObserver for Unobserved {}

/// Several observers, called in order.
impl TrainObserver for Vec<Box<dyn TrainObserver>> {
    fn on_start(&mut self, total_steps: usize, epochs: usize) {
        for each in self {
            each.on_start(total_steps, epochs);
        }
    }

    fn on_step(&mut self, step: &StepLog) {
        for each in self {
            each.on_step(step);
        }
    }

    fn on_epoch(&mut self, epoch: &EpochLog) {
        for each in self {
            each.on_epoch(epoch);
        }
    }

    fn on_valid(&mut self, valid: &ValidLog) {
        for each in self {
            each.on_valid(valid);
        }
    }

    fn on_skip(&mut self, skipped: &SkippedStep) {
        for each in self {
            each.on_skip(skipped);
        }
    }

    fn on_resume(&mut self, checkpoint: &Path, step: usize, epoch: usize) {
        for each in self {
            each.on_resume(checkpoint, step, epoch);
        }
    }

    fn on_checkpoint(&mut self, checkpoint: &Path, step: usize) {
        for each in self {
            each.on_checkpoint(checkpoint, step);
        }
    }

    fn on_note(&mut self, note: &str) {
        for each in self {
            each.on_note(note);
        }
    }
}
