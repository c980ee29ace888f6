//! One run of Burn's [`SupervisedTraining`] over encoded splits.

use std::sync::{Arc, Mutex, PoisonError};

use burn::prelude::*;
use burn::train::logger::InMemoryMetricLogger;
use burn::train::metric::LossMetric;
use burn::train::{Learner, SupervisedTraining, TrainingStrategy};
use gradus_data::{AspectSpec, EncodedExample, SegmentBatcher, SegmentLoader};
use gradus_model::RewardModel;

use crate::checkpoint::{Fingerprint, Store};
use crate::learner::RegressionLearner;
use crate::optimizer::adamw;
use crate::renderer::SilentRenderer;
use crate::start::{Start, check_metric, train_loader};
use crate::strategy::{OnBest, RatingStrategy, training_device};
use crate::{Objective, Result, Session, TrainConfig, TrainError, TrainHistory};

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

/// A trained model and how it got there.
#[derive(Debug)]
pub struct Fitted {
    /// Weights of the best validation.
    pub model: RewardModel,
    /// Log of the run.
    pub history: TrainHistory,
}

/// Trains `model` and returns the best validation's weights.
///
/// `on_best` is called with the model of every validation that is the best so far, so that it can
/// be saved before the run ends. A `session` with checkpoints keeps the state of the run on disk
/// and removes it at the end; resumed, the run goes on as if it had never been interrupted: on a
/// CPU, bit for bit.
///
/// # Errors
/// - [`TrainError::Setting`] for a setting out of range
/// - [`TrainError::NonFinite`] when loss or gradient stay without a finite number
/// - [`TrainError::Stopped`] when the session's handle was used
/// - [`TrainError::NoCheckpoint`], [`TrainError::OtherRun`], [`TrainError::CheckpointsExist`],
///   [`TrainError::NotCheckpoints`], [`TrainError::InUse`], [`TrainError::Checkpoint`] about the
///   checkpoints
/// - [`TrainError::Burn`] when Burn's loop fails
/// - whatever `on_best` returns
pub fn fit(
    model: RewardModel,
    data: &FitData,
    config: &TrainConfig,
    device: &Device,
    session: impl Into<Session>,
    on_best: impl FnMut(&RewardModel, &TrainHistory) -> Result<()> + Send + 'static,
) -> Result<Fitted> {
    let mut session = session.into();
    config.check()?;
    let place = session.checkpoints.take();
    let store = place.map(|place| Store::open(place, config.keep_checkpoints));
    let opened = Opened {
        session,
        store: store.transpose()?,
        settings: Fingerprint::default(),
        on_best: Box::new(on_best),
    };
    let (fitted, store) = fit_opened(model, data, config, device, opened)?;
    store.map_or(Ok(()), Store::finish)?;
    Ok(fitted)
}

/// A session whose checkpoints are open.
pub(crate) struct Opened {
    pub(crate) session: Session,
    pub(crate) store: Option<Store>,
    /// Settings that a resumed run must share, besides those of training and the data.
    pub(crate) settings: Fingerprint,
    pub(crate) on_best: OnBest,
}

/// As [`fit`], without removing the checkpoints at the end.
pub(crate) fn fit_opened(
    model: RewardModel,
    data: &FitData,
    config: &TrainConfig,
    device: &Device,
    opened: Opened,
) -> Result<(Fitted, Option<Store>)> {
    config.check()?;
    check_metric(config, &*opened.session.metrics)?;
    let objective = Objective::new(config, &data.aspects)?;
    let learner = RegressionLearner::new(model.train(), objective);
    let devices = opened.session.devices.clone();
    let start = Start::new(learner, data, config, device, opened)?;
    let learner = start.learner;
    let state = &start.run.state;
    let (epoch, batch) = (state.epoch - 1, state.batch);
    let others = devices.iter().skip(1);
    let others = others.map(|other| training_device(&other.device, config));
    let train = train_loader(data, config, device)?
        .with_devices(others)
        .with_start(epoch, batch);
    let valid = SegmentLoader::new(data.valid.clone(), data.batcher, config.batching(), device)?
        .with_bucketing(true);
    let run = Arc::new(Mutex::new(start.run));
    let strategy = RatingStrategy {
        device: device.clone(),
        devices,
        config: config.clone(),
        run: run.clone(),
    };

    // The directory is named by Burn's interface and stays untouched: metrics go to memory and no
    // log file is installed.
    let mut training = SupervisedTraining::new("", Arc::new(train), Arc::new(valid))
        .with_metric_logger(InMemoryMetricLogger::default())
        .with_application_logger(None)
        .with_training_strategy(TrainingStrategy::Custom(Arc::new(strategy)))
        .checkpoint(epoch)
        .num_epochs(config.epochs);
    if start.dashboard {
        training = training
            .metric_train_numeric(LossMetric::new())
            .metric_valid_numeric(LossMetric::new());
    } else {
        training = training.renderer(Box::new(SilentRenderer));
    }
    // The strategy has the optimizer and the schedules; Burn's learner only brings the model.
    let optimizer = adamw(&learner, config.weight_decay);
    let result = training.launch(Learner::new(learner, optimizer, config.learning_rate));

    let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = run.error.take() {
        return Err(error);
    }
    if let Some(error) = result.error {
        return Err(TrainError::Burn(error));
    }
    if let Some(stop) = result.interrupted {
        let reason = stop.reason.unwrap_or_else(|| "no reason given".into());
        return Err(TrainError::Interrupted { reason });
    }
    let fitted = Fitted {
        model: run.best.take().unwrap_or(result.model.model),
        history: std::mem::take(&mut run.state.history),
    };
    Ok((fitted, run.store.take()))
}
