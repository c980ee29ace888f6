//! What becomes known of a step once its values are read: its log, or that it must not have been.

use burn::optim::ModuleOptimizer;
use burn::prelude::*;
use gradus_data::SegmentBatch;
use gradus_model::SegmentModel;

use super::average::Average;
use super::learner::RegressionLearner;
use super::slot::Slot;
use super::{Engine, SkippedStep, StepLog};
use crate::objective::{Denominators, Objective, ObjectiveTotals};
use crate::read::{UnderWay, values};
use crate::{Result, TrainError};

/// A step that was made, but for what its device has to tell.
pub(super) struct Made {
    /// Number of the step in the run, from 1.
    pub(super) number: usize,
    /// The learning rate.
    pub(super) rate: f64,
    /// Rated segment-aspect pairs.
    pub(super) rated: usize,
    /// Tokens, padding not counted.
    pub(super) tokens: usize,
    pub(super) denominators: Denominators,
    pub(super) contents: Contents,
}

impl Made {
    /// What the values of [`Engine::step`]'s reading say: the sums of the objective's terms, then that of the squares of
    /// the gradients.
    pub(super) fn found(&self, mut values: Vec<f64>, objective: &Objective) -> Found {
        let squares = values.pop().unwrap_or(f64::NAN);
        let totals = ObjectiveTotals::of(&values, self.denominators.clone());
        Found {
            loss: totals.loss(objective),
            norm: squares.sqrt(),
            totals,
        }
    }
}

/// Loss and gradient norm of a step.
pub(super) struct Found {
    pub(super) loss: f64,
    pub(super) norm: f64,
    totals: ObjectiveTotals,
}

impl Found {
    /// What is not finite.
    pub(super) fn not_finite(&self) -> Option<(&'static str, f64)> {
        let found = [("loss", self.loss), ("gradient norm", self.norm)];
        found.into_iter().find(|(_, value)| !value.is_finite())
    }
}

/// A step whose values are being read.
pub(super) struct Unsettled<M: Module> {
    pub(super) made: Made,
    pub(super) values: UnderWay,
    /// The state before it.
    pub(super) before: Before<M>,
}

/// What a step changes. The tensors are shared with the run, and so are not overwritten by it.
pub(super) struct Before<M: Module> {
    learner: RegressionLearner<M>,
    optimizer: ModuleOptimizer,
    average: Option<Average<M>>,
}

/// What became of the step before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// It stands, or there was none.
    Stands,
    /// It changed no weight: its loss or gradient was not finite.
    TakenBack,
}

impl<M: SegmentModel> Engine<'_, M> {
    /// The state to come back to.
    pub(super) fn before(&self) -> Before<M> {
        Before {
            learner: (*self.learner).clone(),
            optimizer: self.optimizer.clone(),
            average: self.average.clone(),
        }
    }

    /// Waits for what is known of the newest step, and takes its changes back if its loss or gradient is not finite.
    pub(super) async fn settle(&mut self) -> Result<Settled> {
        let Some(unsettled) = self.unsettled.take() else {
            return Ok(Settled::Stands);
        };
        let Unsettled {
            made,
            values,
            before,
        } = unsettled;
        let found = made.found(values.await?, self.learner.objective());
        let mut settled = Settled::Stands;
        if found.not_finite().is_some() {
            self.learner = Slot::new(before.learner);
            self.optimizer = before.optimizer;
            self.average = before.average;
            settled = Settled::TakenBack;
        }
        self.record(made, found).await?;
        Ok(settled)
    }

    /// Logs a step, made or skipped; fails after too many consecutive skipped ones.
    pub(super) async fn record(&mut self, made: Made, found: Found) -> Result<()> {
        if let Some((what, value)) = found.not_finite() {
            return self.skip(what, value, made).await;
        }
        let log = StepLog {
            step: made.number,
            epoch: self.state.epoch,
            loss: found.loss,
            learning_rate: made.rate,
            gradient_norm: found.norm,
            rated: made.rated,
            tokens: made.tokens,
        };
        let state = &mut self.state;
        state.skipped_in_a_row = 0;
        state.totals.add(&found.totals);
        state.tokens += made.tokens;
        if let Some(file) = &mut self.log {
            file.step(&log)?;
        }
        self.observer.on_step(&log);
        self.state.history.steps.push(log);
        Ok(())
    }

    async fn skip(&mut self, what: &'static str, value: f64, made: Made) -> Result<()> {
        let poisoned = made.contents.poisoned().await?;
        let state = &mut self.state;
        state.skipped_in_a_row += 1;
        let log = SkippedStep {
            step: made.number,
            epoch: state.epoch,
            what: what.into(),
            value: value.to_string(),
            poisoned,
            ids: made.contents.ids,
        };
        if let Some(file) = &mut self.log {
            file.skipped(&log)?;
        }
        self.observer.on_skip(&log);
        let in_a_row = state.skipped_in_a_row;
        let error = (in_a_row > self.config.max_skipped_steps).then(|| TrainError::NonFinite {
            step: log.step,
            epoch: log.epoch,
            what,
            value,
            in_a_row,
            ids: log.ids.clone(),
            poisoned: log.poisoned.clone(),
            checkpoint: self.store.as_ref().and_then(|s| s.newest().map(Into::into)),
        });
        state.history.skipped.push(log);
        error.map_or(Ok(()), Err)
    }
}

/// Ids and targets of a batch, for error messages.
pub(super) struct Contents {
    ids: Vec<String>,
    /// `[batch_size, num_segments, num_aspects]` of each micro-batch.
    targets: Vec<Tensor<3>>,
}

impl Contents {
    pub(super) fn of(micro_batches: &[SegmentBatch]) -> Self {
        Self {
            ids: micro_batches
                .iter()
                .flat_map(|micro_batch| micro_batch.ids.clone())
                .collect(),
            targets: micro_batches
                .iter()
                .map(|micro_batch| micro_batch.targets.clone())
                .collect(),
        }
    }

    /// Ids of the examples with a target that is not finite.
    async fn poisoned(&self) -> Result<Vec<String>> {
        let mut finite = Vec::new();
        for targets in &self.targets {
            let [batch_size, num_segments, num_aspects] = targets.dims();
            let values: Vec<f32> = values(targets.clone()).await?;
            let row = num_segments * num_aspects;
            let rows = (0..batch_size).map(|k| &values[k * row..(k + 1) * row]);
            finite.extend(rows.map(|row| row.iter().all(|value| value.is_finite())));
        }
        let ids = self.ids.iter().zip(finite);
        let poisoned = ids.filter(|(_, finite)| !finite);
        Ok(poisoned.map(|(id, _)| id.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::slow::{IS_SLOW, READS};
    use crate::support::{
        self, Attempt, alone, data, data_of, examples, losses, place, settings, weights,
    };
    use crate::{Begin, Fitted, TrainConfig};

    /// A run with checkpoints on a device that answers at once or late.
    fn run(
        late: bool,
        nan_in: &[usize],
        config: &TrainConfig,
        stop_at: Option<usize>,
    ) -> Result<Fitted> {
        let mut train = examples(21);
        for &number in nan_in {
            train[number].segments[0].targets[0] = Some(f32::NAN);
        }
        let (_keep, directory) = place();
        let data = data_of(train);
        let attempt = |begin, stop_at| Attempt {
            data: &data,
            config,
            directory: &directory,
            begin,
            stop_at,
        };
        IS_SLOW.set(late);
        let (mut fitted, _) = attempt(Begin::New, stop_at).run();
        if stop_at.is_some() {
            assert!(matches!(fitted, Err(TrainError::Stopped { .. })));
            (fitted, _) = attempt(Begin::Resume, None).run();
        }
        IS_SLOW.set(false);
        fitted
    }

    /// Everything that a step can change: moments, clipped gradients, an average of weights.
    fn config() -> TrainConfig {
        TrainConfig {
            shuffle: false,
            bucketing: false,
            clip_norm: 0.05,
            ema_decay: Some(0.8),
            eval_every: 4,
            ..settings()
        }
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        }
    }

    fn assert_alike(found: &Fitted, expected: &Fitted) {
        assert_eq!(found.history.skipped, expected.history.skipped);
        assert_close(&losses(found), &losses(expected));
        let wide = |fitted: &Fitted| -> Vec<f64> {
            weights(&fitted.model).into_iter().map(f64::from).collect()
        };
        assert_close(&wide(found), &wide(expected));
    }

    #[test]
    fn a_device_that_answers_late_skips_the_same_steps_and_ends_with_the_same_weights() {
        let _alone = alone();
        // In the middle, two in a row, at a validation, and the last of an epoch.
        for nan_in in [&[][..], &[7], &[2, 7], &[16], &[20], &[16, 20]] {
            let late = run(true, nan_in, &config(), None).unwrap();
            let at_once = run(false, nan_in, &config(), None).unwrap();
            assert_eq!(at_once.history.skipped.len(), 2 * nan_in.len());
            assert_alike(&late, &at_once);
        }
    }

    #[test]
    fn a_late_device_resumes_bit_for_bit() {
        let _alone = alone();
        for stop_at in [1, 3, 5, 6, 9] {
            let whole = run(true, &[7], &config(), None).unwrap();
            let resumed = run(true, &[7], &config(), Some(stop_at)).unwrap();
            support::assert_same(&resumed, &whole);
        }
    }

    #[test]
    fn too_many_skipped_steps_end_the_run_of_a_late_device_alike() {
        let _alone = alone();
        let config = TrainConfig {
            max_skipped_steps: 1,
            ..config()
        };
        let message = |late| run(late, &[2, 7], &config, None).unwrap_err().to_string();
        assert!(
            message(true).contains("step 2 (epoch 1): loss is NaN"),
            "{}",
            message(true)
        );
        assert_eq!(message(true), message(false));
    }

    #[test]
    fn a_step_reads_its_device_once() {
        let _alone = alone();
        let config = TrainConfig {
            shuffle: false,
            bucketing: false,
            ..settings()
        };
        let config = config.check().unwrap();
        let data = data();
        for late in [false, true] {
            IS_SLOW.set(late);
            let training =
                crate::Training::new(support::model(0.0), &data, &config, &Device::flex());
            let mut engine = training.start().unwrap();
            READS.set(0);
            engine.run().unwrap();
            IS_SLOW.set(false);
            let history = engine.history();
            let [steps, validations] = [history.steps.len(), history.validations.len()];
            assert_eq!([steps, validations], [10, 2]);
            // Seven examples of the validation split make two batches.
            assert_eq!(READS.get(), steps + 2 * validations);
        }
    }
}
