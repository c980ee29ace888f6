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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::engine::Session;

    /// Writes down what it is told, behind its own name.
    struct Recorder(&'static str, Arc<Mutex<Vec<String>>>);

    impl Recorder {
        fn told(&self, what: &str) {
            self.1.lock().unwrap().push(format!("{} {what}", self.0));
        }
    }

    impl TrainObserver for Recorder {
        fn on_start(&mut self, total_steps: usize, epochs: usize) {
            self.told(&format!("start {total_steps} {epochs}"));
        }
        fn on_step(&mut self, step: &StepLog) {
            self.told(&format!("step {}", step.step));
        }
        fn on_epoch(&mut self, epoch: &EpochLog) {
            self.told(&format!("epoch {}", epoch.epoch));
        }
        fn on_valid(&mut self, valid: &ValidLog) {
            self.told(&format!("valid {}", valid.step));
        }
        fn on_skip(&mut self, skipped: &SkippedStep) {
            self.told(&format!("skip {}", skipped.step));
        }
        fn on_resume(&mut self, checkpoint: &Path, step: usize, epoch: usize) {
            self.told(&format!("resume {} {step} {epoch}", checkpoint.display()));
        }
        fn on_checkpoint(&mut self, checkpoint: &Path, step: usize) {
            self.told(&format!("checkpoint {} {step}", checkpoint.display()));
        }
        fn on_note(&mut self, note: &str) {
            self.told(&format!("note {note}"));
        }
    }

    fn log<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn every_observer_of_a_session_is_told_everything_in_turn() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let recorder = |name| Recorder(name, told.clone());
        let session = Session::watched_by(recorder("a")).with_observer(recorder("b"));
        let mut observer = session.observer;
        observer.on_start(9, 2);
        observer.on_step(&log(serde_json::json!({
            "step": 1, "epoch": 1, "loss": 0.5, "learning_rate": 0.1, "gradient_norm": 1.0, "rated": 3, "tokens": 7,
        })));
        observer.on_epoch(&log(serde_json::json!({
            "epoch": 2, "step": 1, "train_loss": 0.5, "valid_loss": 0.5, "valid_mse": 0.5, "objective": -0.5,
            "best": true, "train_seconds": 1.0, "valid_seconds": 1.0, "tokens_per_second": 1.0,
        })));
        observer.on_valid(&log(serde_json::json!({
            "epoch": 1, "step": 3, "valid_loss": 0.5, "valid_mse": 0.5, "objective": -0.5, "metrics": {},
            "best": true, "seconds": 1.0,
        })));
        observer.on_skip(&log(serde_json::json!({
            "step": 4, "epoch": 1, "what": "loss", "value": "NaN", "ids": [], "poisoned": [],
        })));
        observer.on_resume("here".as_ref(), 5, 6);
        observer.on_checkpoint("there".as_ref(), 7);
        observer.on_note("damaged");
        let expected = [
            "start 9 2",
            "step 1",
            "epoch 2",
            "valid 3",
            "skip 4",
            "resume here 5 6",
            "checkpoint there 7",
            "note damaged",
        ];
        let expected: Vec<String> = expected
            .iter()
            .flat_map(|what| ["a", "b"].map(|name| format!("{name} {what}")))
            .collect();
        assert_eq!(*told.lock().unwrap(), expected);
    }
}
