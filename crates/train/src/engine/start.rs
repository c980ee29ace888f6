//! Starts a run: new, or from a checkpoint.

use std::path::Path;
use std::sync::Arc;

use burn::data::dataloader::DataLoader as _;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::module::{Module, ModuleMapper, Param};
use burn::optim::ModuleOptimizer;
use burn::prelude::*;
use burn::store::ModuleRecord;
use burn::tensor::GradientCheckpointingStrategy;
use gradus_data::SegmentLoader;
use gradus_model::{Output, SegmentModel, TrainingPrecision};

use super::average::Average;
use super::freeze::{freeze, num_layers};
use super::learner::RegressionLearner;
use super::metrics_log::MetricsLog;
use super::optimizer::adamw;
use super::rates::learning_rates;
use super::slot::Slot;
use super::state::LoopState;
use super::workers::Workers;
use super::{Engine, FitData, TrainObserver, Training, ValidMetrics};
use crate::checkpoint::{Fingerprint, Restored, Store, digest_examples, restore_files};
use crate::objective::{LossTerm, Objective};
use crate::plan::{LOSS, MSE, TrainConfig};
use crate::{Result, TrainError};

/// Batches of the training split, in micro-batches.
fn train_loader(data: &FitData, config: &TrainConfig, device: &Device) -> Result<SegmentLoader> {
    let loader = SegmentLoader::new(data.train.clone(), data.batcher, config.batching(), device)?;
    Ok(loader
        .with_bucketing(config.bucketing)
        .with_shuffle(config.shuffle.then_some(config.seed))
        .with_micro_batch_size(config.micro_batch_size)?)
}

/// Refuses early stopping by a metric that is not computed.
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

/// Refuses a loss that takes logits for a model whose output function is not a sigmoid.
fn check_output(config: &TrainConfig, output: Output) -> Result<()> {
    if !config.loss.takes_logits() || output == Output::Sigmoid {
        return Ok(());
    }
    Err(TrainError::Setting {
        name: "loss",
        found: format!(
            "`{}`, which takes logits, for a model without the output function `sigmoid`",
            config.loss
        ),
        expected: "a loss that takes scores, or a model with the output function `sigmoid`",
    })
}

/// The number format in which all devices compute. Says so if it is another than the one set.
fn precision<'a>(
    config: &TrainConfig,
    devices: impl IntoIterator<Item = &'a Device>,
    observer: &mut dyn TrainObserver,
) -> Result<TrainingPrecision> {
    let set = config.precision;
    let mut usable = set;
    for device in devices {
        match set.on(device) {
            Some(precision) if precision == set => {}
            Some(precision) => usable = precision,
            None => {
                return Err(TrainError::Setting {
                    name: "precision",
                    found: format!("`{set}` on a device that does not support its numbers"),
                    expected: "`f32`, or a device that does: `cpu`, or a GPU with bfloat16",
                });
            }
        }
    }
    if usable != set {
        observer.on_note(&format!(
            "this processor has no products in {set}: training in {usable}"
        ));
    }
    Ok(usable)
}

impl<'a, M: SegmentModel> Training<'a, M> {
    /// Prepares the first step, or the one after the checkpoint to resume from.
    ///
    /// # Errors
    /// - [`TrainError::Setting`](crate::TrainError::Setting) for settings that do not fit the data or the
    ///   model
    /// - the errors of [`TrainError`](crate::TrainError) about checkpoints
    pub fn start(mut self) -> Result<Engine<'a, M>> {
        let mut store = self.open_store()?;
        let Self {
            model,
            data,
            config,
            device,
            terms,
            sampler,
            session,
            settings,
            on_best,
            head_is_new,
            store: _,
            snapshots,
        } = self;
        check_metric(config, &*session.metrics)?;
        check_output(config, model.output())?;
        let mut settings = terms_of(settings, &terms);
        if let Some(sampler) = &sampler {
            settings = settings.with("sampler", &sampler.id());
        }
        let mut objective = Objective::new(config, &data.aspects)?;
        objective.terms = terms;
        let mut observer = session.observer;
        let devices = session.devices.iter().map(|shared| &shared.device);
        let precision = precision(config, devices.chain([&device]), &mut *observer)?;
        let learner = RegressionLearner::new(model.train(), objective).with_precision(precision);
        let train = train_loader(data, config, &device)?.with_sampler(sampler);
        // With a token budget, shuffling changes the number of batches from epoch to epoch.
        let total_steps = (0..config.epochs)
            .map(|epoch| train.num_batches(epoch))
            .sum();
        let fingerprint = || fingerprint(settings.clone(), data, config);
        let (settings, restored) = match (&mut store, snapshots) {
            (Some(store), _) => (None, store.begin::<LoopState>(fingerprint()?)?),
            (None, Some(snapshot)) => {
                let settings = fingerprint()?;
                let restored = snapshot.map(|files| restore_files(files, &settings));
                (Some(settings), restored.transpose()?)
            }
            (None, None) => (None, None),
        };
        observer.on_start(total_steps, config.epochs);
        if let Some(restored) = &restored {
            for damage in &restored.damaged {
                observer.on_note(&format!("skipped a damaged checkpoint: {damage}"));
            }
            observer.on_resume(&restored.path, restored.state.step, restored.state.epoch);
        }
        let begun = Begun::new(learner, config, total_steps, restored)?;
        let log = store
            .as_ref()
            .map(|store| MetricsLog::start(&store.metrics_path(), &begun.state.history));
        let resumes = store.as_ref().is_some_and(Store::resumes);

        let training = training_device(&device, config);
        let others = session.devices.iter().skip(1);
        let train = train.with_devices(others.map(|other| training_device(&other.device, config)));
        let valid =
            SegmentLoader::new(data.valid.clone(), data.batcher, config.batching(), &device)?
                .with_bucketing(true);
        let mut learner = begun.learner.fork(&training);
        if let Some(strategy) = training.gradient_checkpointing_strategy() {
            learner = learner.map(&mut Recompute(strategy));
        }
        let plain = device.inner();
        Ok(Engine {
            workers: (session.devices.len() > 1).then(|| {
                let training = |device: &Device| training_device(device, config);
                Workers::new(&session.devices, config, training)
            }),
            learner: Slot::new(learner),
            optimizer: begun.optimizer,
            schedule: begun.schedule,
            average: begun.average,
            train: Arc::new(train.on_device(&training)),
            valid: valid.to_device(&plain),
            saved: resumes.then(|| begun.state.position()),
            state: begun.state,
            unsettled: None,
            best: begun.best,
            observer,
            metrics: session.metrics,
            on_best,
            stop: session.stop,
            log: log.transpose()?,
            head_is_new,
            store,
            settings,
            device: plain,
            config,
        })
    }
}

/// The state that changes with every step: new, or from a checkpoint.
struct Begun<M: Module> {
    learner: RegressionLearner<M>,
    optimizer: ModuleOptimizer,
    schedule: ModuleLrScheduler,
    average: Option<Average<M>>,
    best: Option<M>,
    state: LoopState,
}

impl<M: SegmentModel> Begun<M> {
    fn new(
        learner: RegressionLearner<M>,
        config: &TrainConfig,
        total_steps: usize,
        restored: Option<Restored<LoopState>>,
    ) -> Result<Self> {
        let Some(restored) = restored else {
            return Self::fresh(learner, config, total_steps);
        };
        // The weights come first: they set the parameter ids to which the optimizer's record refers.
        let learner = load(&learner, restored.model, &restored.path)?;
        let mut begun = Self::fresh(learner, config, total_steps)?;
        begun.optimizer = begun.optimizer.load_record(restored.optimizer);
        begun.schedule = begun.schedule.load_record(restored.schedule);
        if let (Some(average), Some(record)) = (&mut begun.average, restored.average) {
            average.model = load(&average.model, record, &restored.path)?;
        }
        if let Some(record) = restored.best {
            begun.best = Some(load(&begun.learner.valid().model, record, &restored.path)?);
        }
        begun.state = restored.state;
        Ok(begun)
    }

    /// Freezes parameters, and initializes the state besides the weights.
    fn fresh(
        learner: RegressionLearner<M>,
        config: &TrainConfig,
        total_steps: usize,
    ) -> Result<Self> {
        let learner = freeze(learner, config, total_steps)?;
        let average = config.ema_decay;
        Ok(Self {
            optimizer: adamw(&learner, config.weight_decay),
            schedule: learning_rates(config, total_steps, num_layers(&learner)),
            average: average.map(|decay| Average::new(learner.valid().model, decay)),
            best: None,
            state: LoopState::default(),
            learner,
        })
    }
}

/// `device` with autodiff, and with gradient checkpointing if it is set.
fn training_device(device: &Device, config: &TrainConfig) -> Device {
    let device = device.clone().autodiff();
    if config.gradient_checkpointing {
        device.gradient_checkpointing()
    } else {
        device
    }
}

/// Gives weights the gradient-checkpointing strategy of the training device. Moving them to the device keeps
/// their old strategy, and tensors of different strategies cannot be combined.
struct Recompute(GradientCheckpointingStrategy);

impl ModuleMapper for Recompute {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let strategy = self.0;
        param.map(|weight| {
            if weight.is_autodiff() {
                weight.with_gradient_checkpointing_strategy(strategy)
            } else {
                weight
            }
        })
    }
}

fn load<M: Module>(module: &M, record: ModuleRecord, checkpoint: &Path) -> Result<M> {
    let loaded = module.clone().try_load_record(record);
    loaded.map_err(|error| TrainError::Checkpoint {
        path: checkpoint.into(),
        reason: error.to_string(),
    })
}

/// The settings of a run, with the names of additional loss terms.
fn terms_of(settings: Fingerprint, terms: &[Arc<dyn LossTerm>]) -> Fingerprint {
    if terms.is_empty() {
        return settings;
    }
    let ids: Vec<(String, f64)> = terms
        .iter()
        .map(|term| (term.id(), term.weight()))
        .collect();
    settings.with("terms", &ids)
}

/// Settings that change the result, and digests of the data.
fn fingerprint(settings: Fingerprint, data: &FitData, config: &TrainConfig) -> Result<Fingerprint> {
    let config = TrainConfig {
        learning_rate: Some(config.peak_rate()),
        ..config.clone()
    };
    Ok(settings
        .with("training", &config)
        .without(&["training.checkpoint_every", "training.keep_checkpoints"])
        .with("data.train", &digest_examples(&data.train)?)
        .with("data.valid", &digest_examples(&data.valid)?))
}
