//! One run of Burn's [`SupervisedTraining`] over encoded splits.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::module::{Module, ParamGroup};
use burn::prelude::*;
use burn::store::ModuleRecord;
use burn::train::logger::InMemoryMetricLogger;
use burn::train::metric::LossMetric;
use burn::train::{Learner, SupervisedTraining, TrainingStrategy};
use gradus_data::{EncodedExample, SegmentBatcher, SegmentLoader};
use gradus_model::RewardModel;

use crate::average::Average;
use crate::checkpoint::{Fingerprint, Restored, Store, digest_examples};
use crate::early_stopping::{LOSS, MSE};
use crate::learner::RegressionLearner;
use crate::loop_state::LoopState;
use crate::metrics_log::MetricsLog;
use crate::optimizer::adamw;
use crate::renderer::SilentRenderer;
use crate::schedule::WarmupLinear;
use crate::strategy::{OnBest, RatingStrategy, RunState, training_device};
use crate::trainer::Parts;
use crate::{
    Display, Result, Schedule, Session, TrainConfig, TrainError, TrainHistory, Unobserved,
    ValidMetrics,
};

/// Encoded splits and what batching them needs.
#[derive(Debug, Clone)]
pub struct FitData {
    /// Training split; every example has a rated segment.
    pub train: Arc<[EncodedExample]>,
    /// Validation split.
    pub valid: Arc<[EncodedExample]>,
    /// Makes batches of either.
    pub batcher: SegmentBatcher,
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
    let learner = RegressionLearner::new(model.train(), config.loss);
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

fn train_loader(data: &FitData, config: &TrainConfig, device: &Device) -> Result<SegmentLoader> {
    let loader = SegmentLoader::new(data.train.clone(), data.batcher, config.batching(), device)?;
    Ok(loader
        .with_bucketing(config.bucketing)
        .with_shuffle(config.shuffle.then_some(config.seed))
        .with_pieces(config.micro_batch_size)?)
}

/// Refuses to watch a metric that nobody computes.
fn check_metric(config: &TrainConfig, metrics: &dyn ValidMetrics) -> Result<()> {
    let Some(stopping) = &config.early_stopping else {
        return Ok(());
    };
    let mut known = vec![LOSS.to_owned(), MSE.to_owned()];
    known.extend(metrics.names());
    if known.contains(&stopping.metric) {
        return Ok(());
    }
    Err(TrainError::Setting {
        name: "early_stopping.metric",
        found: format!("`{}` (known are: {})", stopping.metric, known.join(", ")),
        expected: "a metric of the validation",
    })
}

/// A run before its first step: new, or as a checkpoint left it.
struct Start {
    learner: RegressionLearner,
    run: RunState,
    dashboard: bool,
}

impl Start {
    fn new(
        learner: RegressionLearner,
        data: &FitData,
        config: &TrainConfig,
        device: &Device,
        opened: Opened,
    ) -> Result<Self> {
        let Opened {
            session,
            mut store,
            settings,
            on_best,
        } = opened;
        let (mut observer, dashboard) = match session.display {
            Display::Observer(observer) => (observer, false),
            Display::Dashboard => {
                let nobody: Box<dyn crate::TrainObserver> = Box::new(Unobserved);
                (nobody, true)
            }
        };
        // With a token budget, shuffling changes the number of batches from epoch to epoch.
        let loader = train_loader(data, config, device)?;
        let total_steps = (0..config.epochs)
            .map(|epoch| loader.num_batches(epoch))
            .sum();
        let restored = match &mut store {
            Some(store) => store.begin(fingerprint(settings, data, config))?,
            None => None,
        };
        observer.on_start(total_steps, config.epochs);
        if let Some(restored) = &restored {
            for damage in &restored.damaged {
                observer.on_note(&format!("damaged checkpoint passed over: {damage}"));
            }
            observer.on_resume(&restored.path, restored.state.step, restored.state.epoch);
        }
        let mut start = Self {
            run: RunState {
                state: LoopState::default(),
                parts: None,
                best: None,
                error: None,
                observer,
                on_best,
                metrics: session.metrics,
                stop: session.stop,
                store,
                log: None,
            },
            learner,
            dashboard,
        };
        start.restore(config, total_steps, restored)?;
        let RunState { store, state, .. } = &start.run;
        let log = store
            .as_ref()
            .map(|store| MetricsLog::start(&store.metrics_path(), &state.history));
        start.run.log = log.transpose()?;
        Ok(start)
    }

    /// Puts optimizer, schedules and average together, over the weights of the checkpoint.
    fn restore(
        &mut self,
        config: &TrainConfig,
        total_steps: usize,
        restored: Option<Restored>,
    ) -> Result<()> {
        let Some(restored) = restored else {
            self.run.parts = Some(self.parts(config, total_steps));
            return Ok(());
        };
        // The weights first: their parameters take the ids that the optimizer's record speaks of.
        self.learner = load(&self.learner, restored.model, &restored.path)?;
        let mut parts = self.parts(config, total_steps);
        parts.optimizer = parts.optimizer.load_record(restored.optimizer);
        parts.schedule = parts.schedule.load_record(restored.schedule);
        if let (Some(average), Some(record)) = (&mut parts.average, restored.average) {
            average.model = load(&average.model, record, &restored.path)?;
        }
        if let Some(record) = restored.best {
            self.run.best = Some(load(&self.learner.valid().model, record, &restored.path)?);
        }
        self.run.state = restored.state;
        self.run.parts = Some(parts);
        Ok(())
    }

    fn parts(&self, config: &TrainConfig, total_steps: usize) -> Parts {
        let average = config.ema_decay;
        Parts {
            optimizer: adamw(&self.learner, config.weight_decay),
            schedule: schedules(config, total_steps),
            average: average.map(|decay| Average::new(self.learner.valid().model, decay)),
        }
    }
}

fn load<M: Module>(module: &M, record: ModuleRecord, checkpoint: &Path) -> Result<M> {
    let loaded = module.clone().try_load_record(record);
    loaded.map_err(|error| TrainError::Checkpoint {
        path: checkpoint.into(),
        reason: error.to_string(),
    })
}

/// Settings that change the result, and digests of the data.
fn fingerprint(settings: Fingerprint, data: &FitData, config: &TrainConfig) -> Fingerprint {
    settings
        .with("training", config)
        .without(&["training.checkpoint_every", "training.keep_checkpoints"])
        .with("data.train", &digest_examples(&data.train))
        .with("data.valid", &digest_examples(&data.valid))
}

/// The encoder's schedule for everything, and the head's own on top.
fn schedules(config: &TrainConfig, total_steps: usize) -> ModuleLrScheduler {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share in [0, 1) of a number of steps"
    )]
    let warmup = (config.warmup * total_steps as f64) as usize;
    let head = ParamGroup::from_predicate(HEAD_PATH);
    match config.schedule {
        Schedule::Constant => {
            ModuleLrScheduler::new(config.learning_rate).with_group(head, config.head_learning_rate)
        }
        Schedule::Linear => {
            let linear = |peak| WarmupLinear::new(peak, warmup, total_steps);
            ModuleLrScheduler::new(linear(config.learning_rate))
                .with_group(head, linear(config.head_learning_rate))
        }
    }
}

/// Where the head's parameters stand in a [`RegressionLearner`].
const HEAD_PATH: &str = "model.head";
