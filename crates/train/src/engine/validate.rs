//! Validation: loss and metrics over the whole split, and the best model so far.

use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::module::Module as _;
use gradus_data::SegmentBatch;
use gradus_model::SegmentModel;
use web_time::Instant;

use super::learner::RegressionLearner;
use super::metrics::{ValidScores, WindowPlaces};
use super::residual_head::without_weights;
use super::{Engine, ValidLog};
use crate::objective::ObjectiveTotals;
use crate::plan::{LOSS, MSE};
use crate::{Result, TrainError};

impl<M: SegmentModel> Engine<'_, M> {
    /// Validates the moving average of the weights, or the weights without one, and keeps them if they are the
    /// best so far. Returns `None` if the run was asked to stop meanwhile.
    pub(super) async fn validate(&mut self) -> Result<Option<ValidLog>> {
        let mut learner = self.learner.valid();
        if let Some(average) = &self.average {
            learner.model = average.model.clone();
        }
        self.validate_as(learner).await
    }

    /// Validates what a run beside an offset must not end below: the offset alone, or with a trained head what that says
    /// beside it. Training begins with the weights as they are.
    pub(super) async fn validate_first(&mut self) -> Result<Option<ValidLog>> {
        let mut learner = self.learner.valid();
        if self.head_is_new {
            learner.model = without_weights(learner.model);
        }
        self.validate_as(learner).await
    }

    async fn validate_as(&mut self, learner: RegressionLearner<M>) -> Result<Option<ValidLog>> {
        let started = Instant::now();
        let epoch = self.state.epoch;
        let Some((totals, scores)) = Box::pin(self.score_split(&learner)).await? else {
            return Ok(None);
        };

        let mut log = ValidLog {
            epoch,
            step: self.state.step,
            valid_loss: totals.loss(learner.objective()),
            valid_mse: totals.mse(),
            rating_objective: -totals.mse(),
            metrics: self.metrics.compute(&scores),
            best: false,
            seconds: started.elapsed().as_secs_f64(),
        };
        self.check_finite(&log)?;
        log.best = self.observe(&log);
        if let Some(file) = &mut self.log {
            file.valid(&log)?;
        }
        self.observer.on_valid(&log);
        self.state.history.validations.push(log.clone());
        if log.best {
            self.state.best_step = Some(log.step);
            (self.on_best)(&learner.model, &self.state.history)?;
            self.best = Some(learner.model);
        }
        Ok(Some(log))
    }

    async fn score_split(
        &mut self,
        learner: &RegressionLearner<M>,
    ) -> Result<Option<(ObjectiveTotals, ValidScores)>> {
        let wanted = !self.metrics.names().is_empty();
        let (mut totals, mut scores) = (ObjectiveTotals::default(), ValidScores::default());
        let mut places = WindowPlaces::default();
        let valid: Arc<dyn DataLoader<SegmentBatch>> = self.valid.clone();
        for batch in valid.iter() {
            let batch = batch?;
            if self.stop.is_stopped() {
                return Ok(None);
            }
            let (targets, rated) = (batch.targets.clone(), batch.rated.clone());
            let windows = batch.windows.clone();
            let term = learner.objective().response.as_ref().filter(|_| wanted);
            let whole = term.map(|term| (term, batch.clone()));
            let outcome = learner.outcome(batch, None);
            totals.add(&outcome.totals_async().await?);
            if wanted {
                let scored = outcome.scores.clone();
                scores
                    .add(scored, targets, rated, (&windows, &mut places))
                    .await?;
            }
            if let Some((term, batch)) = whole {
                let scored = outcome.scores.clone();
                scores.add_responses(term, scored, &batch).await?;
            }
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
            in_a_row: self.state.skipped_in_a_row,
            ids: Vec::new(),
            poisoned: Vec::new(),
            checkpoint: self.newest_checkpoint(),
        })
    }

    /// Compares a validation with earlier ones; returns whether it is the best.
    fn observe(&mut self, log: &ValidLog) -> bool {
        let stopping = self.config.early_stopping.as_ref();
        let goodness = match stopping.map_or(LOSS, |stopping| &stopping.metric) {
            LOSS => Some(-log.valid_loss),
            MSE => Some(-log.valid_mse),
            name => {
                let value = log.metrics.get(name).copied().flatten();
                value.map(|value| self.metrics.goodness(name, value))
            }
        };
        let min_delta = stopping.map_or(0.0, |stopping| stopping.min_delta);
        self.state.watch.observe(goodness, min_delta)
    }
}
