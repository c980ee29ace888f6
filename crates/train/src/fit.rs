//! One run of Burn's [`SupervisedTraining`] over encoded splits.

use std::sync::{Arc, Mutex, PoisonError};

use burn::module::Module as _;
use burn::prelude::*;
use burn::train::logger::InMemoryMetricLogger;
use burn::train::metric::LossMetric;
use burn::train::{Learner, SupervisedTraining, TrainingStrategy};
use gradus_data::{AspectSpec, EncodedExample, SegmentBatcher, SegmentLoader};
use gradus_model::RewardModel;

use crate::freeze::{freeze, num_layers};
use crate::learner::RegressionLearner;
use crate::optimizer::adamw;
use crate::rates::learning_rates;
use crate::renderer::SilentRenderer;
use crate::strategy::{RatingStrategy, RunState};
use crate::{Objective, Result, TrainConfig, TrainError, TrainHistory, TrainObserver};

/// Encoded splits and what batching them needs.
#[derive(Debug, Clone)]
pub struct FitData {
    /// Training split; every example has a rated segment.
    pub train: Arc<[EncodedExample]>,
    /// Validation split.
    pub valid: Arc<[EncodedExample]>,
    /// Makes batches of either.
    pub batcher: SegmentBatcher,
    /// The aspects, in the order of the targets.
    pub aspects: Vec<AspectSpec>,
}

/// How a run is shown.
pub enum Display {
    /// Through an observer; nothing is printed.
    Observer(Box<dyn TrainObserver>),
    /// Burn's terminal dashboard, plain text where standard output is no terminal.
    Dashboard,
}

/// A trained model and how it got there.
#[derive(Debug)]
pub struct Fitted {
    /// Weights of the epoch with the lowest validation loss.
    pub model: RewardModel,
    /// Log of the run.
    pub history: TrainHistory,
}

/// Trains `model` and returns the best epoch's weights.
///
/// `on_best` is called with the model of every epoch that is the best so far, so that it can be
/// saved before the run ends.
///
/// # Errors
/// [`TrainError::Setting`] for a setting out of range, [`TrainError::NonFinite`] when the loss or a
/// gradient stops being a number, [`TrainError::Burn`] when Burn's loop fails, and whatever
/// `on_best` returns.
pub fn fit(
    model: RewardModel,
    data: &FitData,
    config: &TrainConfig,
    device: &Device,
    display: Display,
    on_best: impl FnMut(&RewardModel, &TrainHistory) -> Result<()> + Send + 'static,
) -> Result<Fitted> {
    config.check()?;
    let objective = Objective::new(config, &data.aspects)?;
    device.seed(config.seed);
    let train = SegmentLoader::new(data.train.clone(), data.batcher, config.batching(), device)?
        .with_bucketing(config.bucketing)
        .with_shuffle(config.shuffle.then_some(config.seed));
    let valid = SegmentLoader::new(data.valid.clone(), data.batcher, config.batching(), device)?
        .with_bucketing(true);
    // With a token budget, shuffling changes the number of batches from epoch to epoch.
    let total_steps = (0..config.epochs)
        .map(|epoch| train.num_batches(epoch))
        .sum();
    let (mut observer, dashboard): (Box<dyn TrainObserver>, bool) = match display {
        Display::Observer(observer) => (observer, false),
        Display::Dashboard => (Box::new(crate::Unobserved), true),
    };
    observer.on_start(total_steps, config.epochs);
    let state = Arc::new(Mutex::new(RunState {
        history: TrainHistory::default(),
        best: None,
        error: None,
        observer,
        on_best: Box::new(on_best),
    }));
    let strategy = RatingStrategy {
        device: device.clone(),
        clip_norm: config.clip_norm,
        state: state.clone(),
    };

    // The directory is named by Burn's interface and stays untouched: metrics go to memory and no
    // log file is installed.
    let mut training = SupervisedTraining::new("", Arc::new(train), Arc::new(valid))
        .with_metric_logger(InMemoryMetricLogger::default())
        .with_application_logger(None)
        .with_training_strategy(TrainingStrategy::Custom(Arc::new(strategy)))
        .num_epochs(config.epochs);
    if dashboard {
        training = training
            .metric_train_numeric(LossMetric::new())
            .metric_valid_numeric(LossMetric::new());
    } else {
        training = training.renderer(Box::new(SilentRenderer));
    }
    let learner = RegressionLearner::new(model.train(), objective);
    let learner = freeze(learner, config, total_steps)?;
    let rates = learning_rates(config, total_steps, num_layers(&learner));
    let optimizer = adamw(&learner, config.weight_decay);
    let result = training.launch(Learner::new(learner, optimizer, rates));

    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = state.error.take() {
        return Err(error);
    }
    if let Some(error) = result.error {
        return Err(TrainError::Burn(error));
    }
    if let Some(stop) = result.interrupted {
        let reason = stop.reason.unwrap_or_else(|| "no reason given".into());
        return Err(TrainError::Interrupted { reason });
    }
    let model = state.best.take().unwrap_or(result.model.model);
    Ok(Fitted {
        model,
        history: std::mem::take(&mut state.history),
    })
}
