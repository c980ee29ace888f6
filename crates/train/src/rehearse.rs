//! What a run would be: its steps, time and memory, without a bundle.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use burn::module::Module as _;
use burn::tensor::Device;
use gradus_data::{Example, ExampleSource, SegmentBatcher, StoredRecords};
use gradus_model::RewardModelConfig;
use serde::Serialize;

use crate::engine::{FitData, Preview, Session, StepLog, StopHandle, TrainObserver, Training};
use crate::plan::{
    Assembled, Freeze, SplitCounts, TokenCache, TrainingPlan, assemble, assemble_stored,
};
use crate::{Result, TrainError};

/// Steps that are done to measure their time, besides the first, which also prepares the device.
const STEPS: usize = 4;
/// Time after which no further step is measured.
const ENOUGH: Duration = Duration::from_secs(20);
/// The time of a token in a validation, which computes no gradient, as a share of that in a step.
const FORWARD: f64 = 1.0 / 3.0;

/// What a run would be.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Rehearsal {
    /// The aspects, in the order of the model's outputs.
    pub aspects: Vec<String>,
    /// Counts of examples and truncations.
    pub counts: SplitCounts,
    /// Number of parameters of the model.
    pub num_parameters: usize,
    /// Passes over the training split.
    pub epochs: usize,
    /// Optimizer steps of all epochs.
    pub steps: usize,
    /// Steps that were done to measure their time.
    pub measured_steps: usize,
    /// Expected seconds of all epochs with their validations, from the measured steps.
    pub seconds: f64,
    /// Expected bytes of memory of the model and its steps, without the examples; estimated from the shapes of the
    /// model for the longest example.
    pub memory: usize,
}

/// Prepares a run as [`train`](crate::train()) does, measures a few of its steps, and forgets it: nothing is written.
/// The session's observers and checkpoints are not used.
///
/// # Errors
/// Those of [`train`](crate::train()).
pub fn rehearse(
    plan: &TrainingPlan,
    train: &[Example],
    valid: &[Example],
    device: &Device,
    session: Session,
) -> Result<Rehearsal> {
    let plan = &*plan.settled(train, valid)?;
    run(plan, device, session, || {
        assemble(plan, train, valid, device)
    })
}

/// The same for splits in files; see [`train_stored`](crate::train_stored). The cache of tokens is written.
///
/// # Errors
/// Those of [`train_stored`](crate::train_stored).
pub fn rehearse_stored(
    plan: &TrainingPlan,
    train: &StoredRecords,
    valid: &StoredRecords,
    cache: TokenCache<'_>,
    device: &Device,
    session: Session,
) -> Result<Rehearsal> {
    let stop = session.stop.clone();
    let plan = &*plan.settled(train, valid)?;
    run(plan, device, session, || {
        assemble_stored(plan, train, valid, cache, &|| stop.is_stopped(), device)
    })
}

fn run<E: ExampleSource + 'static>(
    plan: &TrainingPlan,
    device: &Device,
    mut session: Session,
    assemble: impl FnOnce() -> Result<Assembled<E>>,
) -> Result<Rehearsal> {
    drop(plan.take_place(false)?);
    let Assembled {
        text,
        train,
        valid,
        counts,
        model,
        config,
        ..
    } = assemble()?;
    if let Some(on_preview) = session.on_preview.take() {
        on_preview(Preview {
            text: text.config(),
            counts: &counts,
        });
    }
    let num_parameters = model.num_params();
    let memory = memory(plan, &config, longest(&train)?, device);
    let splits = FitData {
        train: train.into(),
        valid: valid.into(),
        batcher: SegmentBatcher::of(&text),
        aspects: text.config().aspects.clone(),
    };
    let times = Arc::new(Mutex::new(Times::new(session.stop.clone())));
    session.observer = Box::new(Stopwatch(times.clone()));
    session.checkpoints = None;
    let mut engine = Training::new(model, &splits, &plan.training, device)
        .with_session(session)
        .start()?;
    times.lock().unwrap_or_else(PoisonError::into_inner).begin();
    match engine.run() {
        Ok(()) | Err(TrainError::Stopped { .. }) => {}
        Err(error) => return Err(error),
    }
    let times = times.lock().unwrap_or_else(PoisonError::into_inner);
    if !times.is_enough {
        // Somebody else stopped it, or it is shorter than what is measured.
        times.interrupted()?;
    }
    let per_token = times.seconds_per_token();
    let tokens = counts.train.tokens as f64 + FORWARD * counts.valid.tokens as f64;
    Ok(Rehearsal {
        aspects: splits
            .aspects
            .iter()
            .map(|spec| spec.name.clone())
            .collect(),
        num_parameters,
        epochs: plan.training.epochs,
        steps: times.total,
        measured_steps: times.steps.len(),
        seconds: per_token * tokens * plan.training.epochs as f64,
        memory,
        counts,
    })
}

/// Tokens of the longest example.
fn longest(examples: &impl ExampleSource) -> Result<usize> {
    let mut longest = 0;
    for index in 0..examples.len() {
        longest = longest.max(examples.get(index)?.token_ids.len());
    }
    Ok(longest)
}

/// The memory of a step with the longest examples.
fn memory(
    plan: &TrainingPlan,
    config: &RewardModelConfig,
    longest: usize,
    device: &Device,
) -> usize {
    let training = &plan.training;
    let fitting = |tokens: usize| (tokens / longest.max(1)).max(1);
    let rows = training.batch_tokens.map_or(training.batch_size, fitting);
    let rows = rows.min(training.micro_batch_size.unwrap_or(usize::MAX));
    let estimate = config.memory(rows, longest, device);
    match (&config.lora, training.freeze) {
        (Some(_), _) => estimate.training_adapters,
        (None, Freeze::Encoder) => estimate.training_head,
        (None, _) => estimate.training,
    }
}

/// When which step ended.
struct Times {
    total: usize,
    started: Instant,
    /// Tokens of each step, and when it ended.
    steps: Vec<(usize, Instant)>,
    is_enough: bool,
    stop: StopHandle,
}

impl Times {
    fn new(stop: StopHandle) -> Self {
        Self {
            total: 0,
            started: Instant::now(),
            steps: Vec::new(),
            is_enough: false,
            stop,
        }
    }

    fn begin(&mut self) {
        self.started = Instant::now();
    }

    fn add(&mut self, tokens: usize) {
        self.steps.push((tokens, Instant::now()));
        let long = self.steps.len() > 1 && self.started.elapsed() > ENOUGH;
        if self.steps.len() > STEPS || long {
            self.is_enough = true;
            self.stop.stop();
        }
    }

    /// Whether the run was stopped from outside.
    fn interrupted(&self) -> Result<()> {
        if self.stop.is_stopped() {
            return Err(TrainError::Stopped {
                step: self.steps.len(),
                checkpoint: None,
            });
        }
        Ok(())
    }

    /// The mean over all steps but the first, if there are more.
    fn seconds_per_token(&self) -> f64 {
        let (Some(first), Some(last)) = (self.steps.first(), self.steps.last()) else {
            return 0.0;
        };
        let (since, measured) = match self.steps.len() {
            1 => (self.started, &self.steps[..]),
            _ => (first.1, &self.steps[1..]),
        };
        let tokens: usize = measured.iter().map(|(tokens, _)| tokens).sum();
        last.1.duration_since(since).as_secs_f64() / tokens.max(1) as f64
    }
}

/// Notes when steps end, and stops the run when enough of them are done.
struct Stopwatch(Arc<Mutex<Times>>);

impl TrainObserver for Stopwatch {
    fn on_start(&mut self, total_steps: usize, _epochs: usize) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.total = total_steps;
    }

    fn on_step(&mut self, step: &StepLog) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.add(step.tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_warms_up_and_the_others_are_measured_by_their_tokens() {
        let mut times = Times::new(StopHandle::new());
        let started = times.started;
        let at = |seconds: u64| started + Duration::from_secs(seconds);
        times.steps = vec![(100, at(9))];
        assert!((times.seconds_per_token() - 0.09).abs() < 1e-12);
        times.steps.extend([(30, at(12)), (20, at(14))]);
        assert!((times.seconds_per_token() - 0.1).abs() < 1e-12);
    }
}
