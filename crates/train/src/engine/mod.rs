//! One training run: a value that owns all of its state.
//!
//! [`Training::start`] begins at the first step or at a checkpoint, [`Engine::run`] goes through the
//! epochs, [`Engine::finish`] gives the weights of the best validation. A batch goes
//! `train_epoch → step → gradients → RegressionLearner::step → Objective::sums`.

mod average;
mod clip;
#[cfg(feature = "dashboard")]
mod dashboard;
mod early_stopping;
mod epochs;
mod freeze;
mod history;
mod learner;
mod metrics;
mod metrics_log;
mod observer;
mod optimizer;
mod rates;
mod residual_head;
mod seeds;
mod session;
mod settle;
mod slot;
mod start;
mod state;
mod step;
mod stop;
mod training;
mod validate;
mod warmup;
mod workers;

pub use clip::{clip_global_norm, global_norm};
#[cfg(feature = "dashboard")]
pub use dashboard::Dashboard;
pub use history::*;
pub use learner::*;
pub use metrics::*;
pub use metrics_log::metrics_lines;
pub use observer::*;
pub use optimizer::*;
pub use session::*;
pub use stop::*;
pub use training::Training;
pub use warmup::*;
pub use workers::SharedDevice;

use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::module::Module as _;
use burn::optim::ModuleOptimizer;
use burn::prelude::*;
use burn::tensor::read_sync;
use gradus_data::{AspectSpec, Examples, SegmentBatch, SegmentBatcher, SegmentLoader};
use gradus_model::{RewardModel, SegmentModel};

use self::average::Average;
use self::metrics_log::MetricsLog;
use self::settle::Unsettled;
use self::slot::Slot;
use self::state::LoopState;
use self::workers::Workers;
use crate::Result;
use crate::checkpoint::{Fingerprint, Snapshot, SnapshotFiles, Store, snapshot_files};
use crate::plan::{CheckedConfig, Prepared};

/// Tokenized splits, and the settings to batch them.
#[derive(Debug, Clone)]
pub struct FitData {
    /// Training split; every example has a rated segment. A vector or any other
    /// [`ExampleSource`](gradus_data::ExampleSource).
    pub train: Examples,
    /// Validation split.
    pub valid: Examples,
    /// Makes batches of both splits.
    pub batcher: SegmentBatcher,
    /// The aspects, in the order of the targets.
    pub aspects: Vec<AspectSpec>,
}

impl From<Prepared> for FitData {
    fn from(prepared: Prepared) -> Self {
        Self {
            batcher: SegmentBatcher::of(&prepared.tokenizer),
            aspects: prepared.tokenizer.config().aspects.clone(),
            train: prepared.train.into(),
            valid: prepared.valid.into(),
        }
    }
}

/// A trained model with the log of its run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fitted<M = RewardModel> {
    /// Weights of the best validation.
    pub model: M,
    /// Log of the run.
    pub history: TrainHistory,
}

/// Called with the model of each validation that is the best so far.
pub type OnBest<'a, M = RewardModel> = Box<dyn FnMut(&M, &TrainHistory) -> Result<()> + 'a>;

/// A training run between two steps, with all its state.
pub struct Engine<'a, M: SegmentModel = RewardModel> {
    config: &'a CheckedConfig,
    /// The device, without autodiff. Its generator draws the random numbers.
    device: Device,
    learner: Slot<RegressionLearner<M>>,
    optimizer: ModuleOptimizer,
    schedule: ModuleLrScheduler,
    average: Option<Average<M>>,
    train: Arc<SegmentLoader>,
    valid: Arc<dyn DataLoader<SegmentBatch>>,
    /// The devices of every step, if there are several.
    workers: Option<Workers<M>>,
    state: LoopState,
    /// The newest step, if nothing is known yet of its loss and gradient.
    unsettled: Option<Unsettled<M>>,
    best: Option<M>,
    observer: Box<dyn TrainObserver>,
    metrics: Box<dyn ValidMetrics>,
    on_best: OnBest<'a, M>,
    stop: StopHandle,
    store: Option<Store>,
    /// What a snapshot has to share with the run that goes on from it, where snapshots are made.
    settings: Option<Fingerprint>,
    log: Option<MetricsLog>,
    /// Whether the head is new, so that nothing of what it says is learned.
    head_is_new: bool,
    /// Epoch and batch of the newest checkpoint.
    saved: Option<(usize, usize)>,
}

/// Trains `model` and returns the best validation's weights: [`Training`] in one call.
///
/// `on_best` is called with the model of every validation that is the best so far, so that it can
/// be saved before the run ends. A `session` with checkpoints stores the state of the run on disk and removes it at
/// the end. A resumed run gives the same result as an uninterrupted one: on a CPU, bit for bit.
///
/// # Errors
/// Those of [`Training::fit`].
pub fn fit<'a, M: SegmentModel>(
    model: M,
    data: &'a FitData,
    config: &'a CheckedConfig,
    device: &Device,
    session: Session,
    on_best: impl FnMut(&M, &TrainHistory) -> Result<()> + 'a,
) -> Result<Fitted<M>> {
    Training::new(model, data, config, device)
        .with_session(session)
        .on_best(on_best)
        .fit()
}

impl<M: SegmentModel> Engine<'_, M> {
    /// Trains to the last epoch, or until early stopping ends the run. After
    /// [`TrainError::Stopped`](crate::TrainError::Stopped) it may be called again, once the request is taken back
    /// ([`StopHandle::take_back`]): the run goes on as if it had not been stopped.
    ///
    /// # Errors
    /// - [`TrainError::NonFinite`](crate::TrainError::NonFinite): loss or gradient were not finite in too
    ///   many consecutive steps
    /// - [`TrainError::Stopped`](crate::TrainError::Stopped): a stop was requested
    /// - [`TrainError::Device`](crate::TrainError::Device): one of several devices failed
    /// - those of writing checkpoints, and of `on_best`
    pub fn run(&mut self) -> Result<()> {
        read_sync(self.run_async())
    }

    /// [`run`](Self::run) where nothing may wait for a device, as in a browser.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub async fn run_async(&mut self) -> Result<()> {
        self.run_epochs().await
    }

    /// Ends the run: removes the checkpoints and returns the weights of the best validation with the log.
    ///
    /// # Errors
    /// If the checkpoints cannot be removed.
    pub fn finish(mut self) -> Result<Fitted<M>> {
        if let Some(store) = self.store.take() {
            store.finish()?;
        }
        Ok(Fitted {
            model: self
                .best
                .take()
                .unwrap_or_else(|| self.learner.valid().model),
            history: self.state.history,
        })
    }

    /// The log so far.
    pub fn history(&self) -> &TrainHistory {
        &self.state.history
    }

    /// The state of the run between two steps, for [`Training::with_snapshots`] of the same settings and data. `None`
    /// where the run was not started with it, or where weights are not finite.
    ///
    /// # Errors
    /// If a weight cannot be read back from its device.
    pub fn snapshot(&self) -> Result<Option<SnapshotFiles>> {
        let Some(settings) = &self.settings else {
            return Ok(None);
        };
        if !read_sync(average::square_sum(&*self.learner))?.is_finite() {
            return Ok(None);
        }
        let snapshot = Snapshot {
            step: self.state.step,
            learner: &*self.learner,
            optimizer: &self.optimizer,
            schedule: &self.schedule,
            average: self.average.as_ref().map(|average| &average.model),
            best: self.state.best_step.zip(self.best.as_ref()),
            state: &self.state,
        };
        snapshot_files(&snapshot, settings).map(Some)
    }

    /// Weights of the best validation so far.
    pub fn best(&self) -> Option<&M> {
        self.best.as_ref()
    }
}
