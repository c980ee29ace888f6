//! One training run: an ordinary value that owns its state and is called.
//!
//! [`Engine::new`] starts at the first step or at a checkpoint, [`Engine::run`] goes through the
//! epochs, [`Engine::finish`] gives the weights of the best validation. A batch goes
//! `train_epoch → step → gradients → RegressionLearner::step → Objective::sums`.

mod average;
#[cfg(feature = "dashboard")]
mod dashboard;
mod early_stopping;
mod epochs;
mod freeze;
mod history;
mod learner;
mod metrics;
mod metrics_log;
mod optimizer;
mod rates;
mod seeds;
mod session;
mod slot;
mod start;
mod state;
mod step;
mod stop;
mod validate;
mod warmup;
mod workers;

#[cfg(feature = "dashboard")]
pub use dashboard::Dashboard;
pub use history::*;
pub use learner::*;
pub use metrics::*;
pub use metrics_log::metrics_lines;
pub use optimizer::*;
pub use session::*;
pub use stop::*;
pub use warmup::*;
pub use workers::SharedDevice;

use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::module::Module as _;
use burn::optim::ModuleOptimizer;
use burn::prelude::*;
use gradus_data::{AspectSpec, SegmentBatch, SegmentBatcher, TokenizedExample};
use gradus_model::RewardModel;

use self::average::Average;
use self::metrics_log::MetricsLog;
use self::slot::Slot;
use self::state::LoopState;
use self::workers::Workers;
use crate::Result;
use crate::checkpoint::{Fingerprint, Store};
use crate::plan::CheckedConfig;

/// Encoded splits and what batching them needs.
#[derive(Debug, Clone)]
pub struct FitData {
    /// Training split; every example has a rated segment.
    pub train: Arc<[TokenizedExample]>,
    /// Validation split.
    pub valid: Arc<[TokenizedExample]>,
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

/// Called with the model of each validation that is the best so far.
pub type OnBest<'a> = Box<dyn FnMut(&RewardModel, &TrainHistory) -> Result<()> + 'a>;

/// A training run between two steps, with all its state.
pub struct Engine<'a> {
    config: &'a CheckedConfig,
    /// Without autodiff; random numbers are drawn from its generator.
    device: Device,
    learner: Slot<RegressionLearner>,
    optimizer: ModuleOptimizer,
    schedule: ModuleLrScheduler,
    average: Option<Average>,
    train: Arc<dyn DataLoader<SegmentBatch>>,
    valid: Arc<dyn DataLoader<SegmentBatch>>,
    /// The devices of every step, if there are several.
    workers: Option<Workers>,
    state: LoopState,
    best: Option<RewardModel>,
    observer: Box<dyn TrainObserver>,
    metrics: Box<dyn ValidMetrics>,
    on_best: OnBest<'a>,
    stop: StopHandle,
    store: Option<Store>,
    log: Option<MetricsLog>,
    /// Epoch and batch of the newest checkpoint.
    saved: Option<(usize, usize)>,
}

/// Trains `model` and returns the best validation's weights: [`Engine::new`], [`Engine::run`] and
/// [`Engine::finish`] in one call.
///
/// `on_best` is called with the model of every validation that is the best so far, so that it can
/// be saved before the run ends. A `session` with checkpoints keeps the state of the run on disk
/// and removes it at the end; resumed, the run goes on as if it had never been interrupted: on a
/// CPU, bit for bit.
///
/// # Errors
/// Those of [`Engine::new`] and [`Engine::run`].
pub fn fit<'a>(
    model: RewardModel,
    data: &FitData,
    config: &'a CheckedConfig,
    device: &Device,
    session: Session,
    on_best: impl FnMut(&RewardModel, &TrainHistory) -> Result<()> + 'a,
) -> Result<Fitted> {
    let mut engine = Engine::new(model, data, config, device, session, Box::new(on_best))?;
    engine.run()?;
    engine.finish()
}

impl<'a> Engine<'a> {
    /// A run at its first step, or where its newest checkpoint left it.
    ///
    /// # Errors
    /// - [`TrainError::Setting`](crate::TrainError::Setting) for settings that the data or the
    ///   model do not allow
    /// - the errors of [`TrainError`](crate::TrainError) about checkpoints
    pub fn new(
        model: RewardModel,
        data: &FitData,
        config: &'a CheckedConfig,
        device: &Device,
        mut session: Session,
        on_best: OnBest<'a>,
    ) -> Result<Self> {
        let place = session.checkpoints.take();
        let store = place.map(|place| Store::open(place, config.keep_checkpoints));
        let settings = Fingerprint::default();
        Self::start(
            model,
            data,
            config,
            device,
            session,
            store.transpose()?,
            settings,
            on_best,
        )
    }

    /// Trains to the last epoch, or until early stopping ends the run.
    ///
    /// # Errors
    /// - [`TrainError::NonFinite`](crate::TrainError::NonFinite) when loss or gradient stay without
    ///   a finite number
    /// - [`TrainError::Stopped`](crate::TrainError::Stopped) when the session's handle was used
    /// - [`TrainError::Device`](crate::TrainError::Device) when one of several devices fails
    /// - whatever writing checkpoints and `on_best` return
    pub fn run(&mut self) -> Result<()> {
        self.run_epochs()
    }

    /// Weights of the best validation, with the log; the checkpoints are removed.
    ///
    /// # Errors
    /// If the checkpoints cannot be removed.
    pub fn finish(mut self) -> Result<Fitted> {
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

    /// Weights of the best validation so far.
    pub fn best(&self) -> Option<&RewardModel> {
        self.best.as_ref()
    }
}
