//! A run before its first step: new, or as a checkpoint left it.

use std::path::Path;

use burn::module::Module;
use burn::prelude::*;
use burn::store::ModuleRecord;
use gradus_data::SegmentLoader;

use crate::average::Average;
use crate::checkpoint::{Fingerprint, Restored, digest_examples};
use crate::early_stopping::{LOSS, MSE};
use crate::fit::Opened;
use crate::freeze::{freeze, num_layers};
use crate::learner::RegressionLearner;
use crate::loop_state::LoopState;
use crate::metrics_log::MetricsLog;
use crate::optimizer::adamw;
use crate::rates::learning_rates;
use crate::strategy::RunState;
use crate::trainer::Parts;
use crate::{
    Display, FitData, Result, TrainConfig, TrainError, TrainObserver, Unobserved, ValidMetrics,
};

/// Batches of the training split, in pieces.
pub(crate) fn train_loader(
    data: &FitData,
    config: &TrainConfig,
    device: &Device,
) -> Result<SegmentLoader> {
    let loader = SegmentLoader::new(data.train.clone(), data.batcher, config.batching(), device)?;
    Ok(loader
        .with_bucketing(config.bucketing)
        .with_shuffle(config.shuffle.then_some(config.seed))
        .with_pieces(config.micro_batch_size)?)
}

/// Refuses to watch a metric that nobody computes.
pub(crate) fn check_metric(config: &TrainConfig, metrics: &dyn ValidMetrics) -> Result<()> {
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
pub(crate) struct Start {
    pub(crate) learner: RegressionLearner,
    pub(crate) run: RunState,
    /// Whether Burn's dashboard shows the run.
    pub(crate) dashboard: bool,
}

impl Start {
    pub(crate) fn new(
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
                let nobody: Box<dyn TrainObserver> = Box::new(Unobserved);
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
            self.run.parts = Some(self.parts(config, total_steps)?);
            return Ok(());
        };
        // The weights first: their parameters take the ids that the optimizer's record speaks of.
        self.learner = load(&self.learner, restored.model, &restored.path)?;
        let mut parts = self.parts(config, total_steps)?;
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

    /// Freezes what is not learned, and makes what changes besides the weights.
    fn parts(&mut self, config: &TrainConfig, total_steps: usize) -> Result<Parts> {
        self.learner = freeze(self.learner.clone(), config, total_steps)?;
        let average = config.ema_decay;
        Ok(Parts {
            optimizer: adamw(&self.learner, config.weight_decay),
            schedule: learning_rates(config, total_steps, num_layers(&self.learner)),
            average: average.map(|decay| Average::new(self.learner.valid().model, decay)),
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

/// Settings that change the result, and digests of the data.
fn fingerprint(settings: Fingerprint, data: &FitData, config: &TrainConfig) -> Fingerprint {
    settings
        .with("training", config)
        .without(&["training.checkpoint_every", "training.keep_checkpoints"])
        .with("data.train", &digest_examples(&data.train))
        .with("data.valid", &digest_examples(&data.valid))
}
