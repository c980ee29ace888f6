//! The loop over steps and epochs, as a strategy of Burn's [`SupervisedTraining`].
//!
//! Burn's own single-device strategy averages batch losses as if all batches weighed the same and
//! clips each parameter by itself. This one weighs by rated pairs, clips by the global norm, stops
//! on the first loss or gradient that is not a number, and keeps the best epoch's weights.
//!
//! [`SupervisedTraining`]: burn::train::SupervisedTraining

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use burn::data::dataloader::{DataLoader, Progress};
use burn::module::Module as _;
use burn::prelude::*;
use burn::train::{
    EventProcessorTraining, InferenceStep, Interrupter, Learner, LearnerEvent,
    SupervisedLearningStrategy, SupervisedTrainingEventProcessor, TrainLoader, TrainingComponents,
    TrainingItem, ValidLoader,
};
use gradus_model::RewardModel;

use crate::learner::{RatingOutcome, RegressionLearner, StepScope};
use crate::optimizer::{clip_global_norm, global_norm};
use crate::{
    EpochLog, Objective, ObjectiveTotals, Result, StepLog, TrainError, TrainHistory, TrainObserver,
};

/// Called with the model of each epoch that is the best so far.
pub(crate) type OnBest = Box<dyn FnMut(&RewardModel, &TrainHistory) -> Result<()> + Send>;

/// What the strategy leaves behind; shared because Burn's launch consumes the rest.
pub(crate) struct RunState {
    pub(crate) history: TrainHistory,
    pub(crate) best: Option<RewardModel>,
    pub(crate) error: Option<TrainError>,
    pub(crate) observer: Box<dyn TrainObserver>,
    pub(crate) on_best: OnBest,
}

pub(crate) struct RatingStrategy {
    pub(crate) device: Device,
    /// 0 turns clipping off.
    pub(crate) clip_norm: f64,
    pub(crate) state: Arc<Mutex<RunState>>,
}

type Processor = SupervisedTrainingEventProcessor<RegressionLearner>;

impl SupervisedLearningStrategy<RegressionLearner> for RatingStrategy {
    fn fit(
        &self,
        components: TrainingComponents<RegressionLearner>,
        mut learner: Learner<RegressionLearner>,
        train: TrainLoader<RegressionLearner>,
        valid: ValidLoader<RegressionLearner>,
        starting_epoch: usize,
    ) -> (RegressionLearner, Processor) {
        let train = train.to_device(&self.device.clone().autodiff());
        let valid = valid.to_device(&self.device.clone().inner());
        learner.fork(&self.device.clone().autodiff());
        let mut events = Events {
            processor: components.event_processor,
            interrupter: components.interrupter,
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for epoch in starting_epoch..=components.num_epochs {
            let outcome = self.epoch(
                epoch,
                &mut learner,
                &*train,
                &*valid,
                &mut events,
                &mut state,
            );
            if let Err(error) = outcome {
                events.interrupter.stop(Some(&error.to_string()));
                state.error = Some(error);
            }
            if events.interrupter.should_stop() {
                break;
            }
        }
        (learner.model(), events.processor)
    }
}

impl RatingStrategy {
    fn epoch(
        &self,
        epoch: usize,
        learner: &mut Learner<RegressionLearner>,
        train: &dyn DataLoader<gradus_data::SegmentBatch>,
        valid: &dyn DataLoader<gradus_data::SegmentBatch>,
        events: &mut Events,
        state: &mut RunState,
    ) -> Result<()> {
        let started = Instant::now();
        events.train(LearnerEvent::StartSplit {
            epoch_number: epoch,
            total_items: train.num_items(),
        });
        let trained = self.train_epoch(epoch, learner, train, events, state)?;
        events.train(LearnerEvent::EndSplit(epoch));
        let train_seconds = started.elapsed().as_secs_f64();
        if events.interrupter.should_stop() {
            return Ok(());
        }

        let started = Instant::now();
        events.valid(LearnerEvent::StartSplit {
            epoch_number: epoch,
            total_items: valid.num_items(),
        });
        let validated = valid_epoch(learner, valid, events);
        events.valid(LearnerEvent::EndSplit(epoch));
        events.train(LearnerEvent::EndEpoch(epoch));
        if events.interrupter.should_stop() {
            return Ok(());
        }

        let objective = learner.model().objective().clone();
        let valid_loss = validated.mean_loss(&objective);
        if !valid_loss.is_finite() {
            let step = state.history.steps.len();
            return Err(TrainError::NonFinite {
                step,
                epoch,
                what: "validation loss",
                value: valid_loss,
                ids: Vec::new(),
            });
        }
        let best = state
            .history
            .best()
            .is_none_or(|before| valid_loss < before.valid_loss);
        let log = EpochLog {
            epoch,
            step: state.history.steps.len(),
            train_loss: trained.mean_loss(&objective),
            valid_loss,
            valid_mse: validated.sums.mse(),
            objective: -validated.sums.mse(),
            best,
            train_seconds,
            valid_seconds: started.elapsed().as_secs_f64(),
            tokens_per_second: trained.tokens as f64 / train_seconds.max(f64::MIN_POSITIVE),
        };
        state.observer.on_epoch(&log);
        state.history.epochs.push(log);
        if best {
            let model = learner.model().valid().model;
            (state.on_best)(&model, &state.history)?;
            state.best = Some(model);
        }
        Ok(())
    }

    fn train_epoch(
        &self,
        epoch: usize,
        learner: &mut Learner<RegressionLearner>,
        loader: &dyn DataLoader<gradus_data::SegmentBatch>,
        events: &mut Events,
        state: &mut RunState,
    ) -> Result<Totals> {
        let mut totals = Totals::default();
        let mut batches = loader.iter();
        while let Some(batch) = batches.next() {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    events.interrupter.fail(error);
                    break;
                }
            };
            let progress = batches.progress();
            let step = state.history.steps.len() + 1;
            let log = self.step(step, epoch, learner, batch, progress, events, &mut totals)?;
            state.observer.on_step(&log);
            state.history.steps.push(log);
            if events.interrupter.should_stop() {
                break;
            }
        }
        Ok(totals)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the loop's state, taken apart by the borrow checker"
    )]
    fn step(
        &self,
        step: usize,
        epoch: usize,
        learner: &mut Learner<RegressionLearner>,
        batch: gradus_data::SegmentBatch,
        progress: Progress,
        events: &mut Events,
        totals: &mut Totals,
    ) -> Result<StepLog> {
        let model = learner.model();
        let scope = StepScope {
            number: step,
            denominators: model.denominators(&batch),
        };
        let output = model.step(batch, &scope);
        let outcome = output.item;
        let loss = totals.add(&outcome).loss(model.objective());
        let finite = |what, value: f64| {
            if value.is_finite() {
                return Ok(());
            }
            Err(TrainError::NonFinite {
                step,
                epoch,
                what,
                value,
                ids: outcome.ids.clone(),
            })
        };
        finite("loss", loss)?;
        let norm = global_norm(&model, &output.grads);
        finite("gradient norm", norm)?;
        let gradients = if self.clip_norm > 0.0 {
            clip_global_norm(&model, output.grads, norm, self.clip_norm)
        } else {
            output.grads
        };
        // The optimiser updates weights in place only when nobody else holds them.
        drop(model);
        learner.lr_step();
        learner.optimizer_step(gradients);
        let log = StepLog {
            step,
            epoch,
            loss,
            learning_rate: learner.lr_current().base(),
            gradient_norm: norm,
            rated: outcome.rated,
            tokens: outcome.tokens,
        };
        let rate = Some(learner.lr_current());
        let item = TrainingItem::new(outcome, progress, Some(step), rate);
        events.train(LearnerEvent::ProcessedItem(item));
        Ok(log)
    }
}

fn valid_epoch(
    learner: &Learner<RegressionLearner>,
    loader: &dyn DataLoader<gradus_data::SegmentBatch>,
    events: &mut Events,
) -> Totals {
    let model = learner.model().valid();
    let mut totals = Totals::default();
    let mut batches = loader.iter();
    let mut iteration = 0;
    while let Some(batch) = batches.next() {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                events.interrupter.fail(error);
                break;
            }
        };
        iteration += 1;
        let progress = batches.progress();
        let outcome = InferenceStep::step(&model, batch);
        totals.add(&outcome);
        let item = TrainingItem::new(outcome, progress, Some(iteration), None);
        events.valid(LearnerEvent::ProcessedItem(item));
        if events.interrupter.should_stop() {
            break;
        }
    }
    totals
}

/// Sends events to Burn's processor; an error there stops the run through the interrupter.
struct Events {
    processor: Processor,
    interrupter: Interrupter,
}

impl Events {
    fn train(&mut self, event: LearnerEvent<RatingOutcome>) {
        let sent = self.processor.process_train(event);
        self.interrupter.fail_on_error(sent);
    }

    fn valid(&mut self, event: LearnerEvent<RatingOutcome>) {
        let sent = self.processor.process_valid(event);
        self.interrupter.fail_on_error(sent);
    }
}

/// Sums over the batches of an epoch.
#[derive(Default)]
struct Totals {
    sums: ObjectiveTotals,
    tokens: usize,
}

impl Totals {
    /// Adds a batch and returns its own sums.
    fn add(&mut self, outcome: &RatingOutcome) -> ObjectiveTotals {
        let totals = outcome.totals();
        self.sums.add(&totals);
        self.tokens += outcome.tokens;
        totals
    }

    fn mean_loss(&self, objective: &Objective) -> f64 {
        self.sums.loss(objective)
    }
}
