//! Validation: loss and metrics over the whole split, and which model is the best.

use std::time::Instant;

use burn::data::dataloader::DataLoader;
use burn::module::Module as _;
use burn::train::{InferenceStep, LearnerEvent, TrainingItem};
use gradus_data::SegmentBatch;

use crate::early_stopping::{LOSS, MSE};
use crate::learner::RegressionLearner;
use crate::metrics::ValidScores;
use crate::trainer::Trainer;
use crate::{ObjectiveTotals, Result, TrainError, ValidLog};

impl Trainer<'_> {
    /// Validates the moving average of the weights, or the weights where there is none, and keeps
    /// them if no validation was better. Returns `None` if the run was asked to stop meanwhile.
    pub(crate) fn validate(
        &mut self,
        loader: &dyn DataLoader<SegmentBatch>,
    ) -> Result<Option<ValidLog>> {
        let started = Instant::now();
        let mut learner = self.learner.valid();
        if let Some(average) = &self.parts.average {
            learner.model = average.model.clone();
        }
        let epoch = self.run.state.epoch;
        self.events.valid(LearnerEvent::StartSplit {
            epoch_number: epoch,
            total_items: loader.num_items(),
        });
        let Some((totals, scores)) = self.score_split(&learner, loader)? else {
            return Ok(None);
        };
        self.events.valid(LearnerEvent::EndSplit(epoch));

        let mut log = ValidLog {
            epoch,
            step: self.run.state.step,
            valid_loss: totals.loss(learner.objective()),
            valid_mse: totals.mse(),
            objective: -totals.mse(),
            metrics: self.run.metrics.compute(&scores),
            best: false,
            seconds: started.elapsed().as_secs_f64(),
        };
        self.check_finite(&log)?;
        log.best = self.observe(&log);
        if let Some(file) = &mut self.run.log {
            file.valid(&log)?;
        }
        let run = &mut *self.run;
        run.observer.on_valid(&log);
        run.state.history.validations.push(log.clone());
        if log.best {
            run.state.best_step = Some(log.step);
            (run.on_best)(&learner.model, &run.state.history)?;
            run.best = Some(learner.model);
        }
        Ok(Some(log))
    }

    fn score_split(
        &mut self,
        learner: &RegressionLearner,
        loader: &dyn DataLoader<SegmentBatch>,
    ) -> Result<Option<(ObjectiveTotals, ValidScores)>> {
        let wanted = !self.run.metrics.names().is_empty();
        let (mut totals, mut scores) = (ObjectiveTotals::default(), ValidScores::default());
        let mut batches = loader.iter();
        let mut iteration = 0;
        while let Some(batch) = batches.next() {
            let batch = batch.map_err(|error| self.events.failed(error))?;
            if self.is_stopped()? {
                return Ok(None);
            }
            iteration += 1;
            let (targets, rated) = (batch.targets.clone(), batch.rated.clone());
            let term = learner.objective().response.as_ref().filter(|_| wanted);
            let whole = term.map(|term| (term, batch.clone()));
            let outcome = InferenceStep::step(learner, batch);
            totals.add(&outcome.totals());
            if wanted {
                scores.add(outcome.scores.clone(), targets, rated);
            }
            if let Some((term, batch)) = whole {
                scores.add_responses(term, outcome.scores.clone(), &batch);
            }
            let item = TrainingItem::new(outcome, batches.progress(), Some(iteration), None);
            self.events.valid(LearnerEvent::ProcessedItem(item));
        }
        Ok(Some((totals, scores)))
    }

    fn check_finite(&self, log: &ValidLog) -> Result<()> {
        if log.valid_loss.is_finite() {
            return Ok(());
        }
        Err(TrainError::NonFinite {
            step: log.step,
            epoch: log.epoch,
            what: "validation loss",
            value: log.valid_loss,
            in_a_row: self.run.state.skipped_in_a_row,
            ids: Vec::new(),
            poisoned: Vec::new(),
            checkpoint: self.newest_checkpoint(),
        })
    }

    /// Compares a validation with those before; returns whether it is the best.
    fn observe(&mut self, log: &ValidLog) -> bool {
        let stopping = self.config.early_stopping.as_ref();
        let goodness = match stopping.map_or(LOSS, |stopping| &stopping.metric) {
            LOSS => Some(-log.valid_loss),
            MSE => Some(-log.valid_mse),
            name => {
                let value = log.metrics.get(name).copied().flatten();
                value.map(|value| self.run.metrics.goodness(name, value))
            }
        };
        let min_delta = stopping.map_or(0.0, |stopping| stopping.min_delta);
        self.run.state.watch.observe(goodness, min_delta)
    }
}
