//! The loop over epochs, as a strategy of Burn's [`SupervisedTraining`].
//!
//! Burn's own single-device strategy averages batch losses as if all batches weighed the same,
//! clips each parameter by itself and knows only whole epochs. This one weighs by rated pairs,
//! clips by the global norm, passes over batches whose loss or gradient is not a number, keeps the
//! best validation's weights, and can stop and go on between any two steps.
//!
//! [`SupervisedTraining`]: burn::train::SupervisedTraining

use std::sync::{Arc, Mutex, PoisonError};

use burn::module::{Module as _, ModuleMapper, Param};
use burn::prelude::*;
use burn::tensor::GradientCheckpointingStrategy;
use burn::train::{
    Learner, SupervisedLearningStrategy, TrainLoader, TrainingComponents, ValidLoader,
};
use gradus_model::RewardModel;

use crate::checkpoint::Store;
use crate::events::{Events, Processor};
use crate::learner::RegressionLearner;
use crate::loop_state::LoopState;
use crate::metrics_log::MetricsLog;
use crate::slot::Slot;
use crate::trainer::{Parts, Trainer};
use crate::workers::Workers;
use crate::{
    Result, SharedDevice, StopHandle, TrainConfig, TrainError, TrainHistory, TrainObserver,
    ValidMetrics,
};

/// Called with the model of each validation that is the best so far.
pub(crate) type OnBest = Box<dyn FnMut(&RewardModel, &TrainHistory) -> Result<()> + Send>;

/// A run between its settings and its result; shared because Burn's launch consumes the rest.
pub(crate) struct RunState {
    pub(crate) state: LoopState,
    /// Taken when the loop starts.
    pub(crate) parts: Option<Parts>,
    pub(crate) best: Option<RewardModel>,
    pub(crate) error: Option<TrainError>,
    pub(crate) observer: Box<dyn TrainObserver>,
    pub(crate) on_best: OnBest,
    pub(crate) metrics: Box<dyn ValidMetrics>,
    pub(crate) stop: StopHandle,
    pub(crate) store: Option<Store>,
    pub(crate) log: Option<MetricsLog>,
}

pub(crate) struct RatingStrategy {
    pub(crate) device: Device,
    /// All of them if there are several, the main one first.
    pub(crate) devices: Vec<SharedDevice>,
    pub(crate) config: TrainConfig,
    pub(crate) run: Arc<Mutex<RunState>>,
}

impl SupervisedLearningStrategy<RegressionLearner> for RatingStrategy {
    fn fit(
        &self,
        components: TrainingComponents<RegressionLearner>,
        learner: Learner<RegressionLearner>,
        train: TrainLoader<RegressionLearner>,
        valid: ValidLoader<RegressionLearner>,
        _starting_epoch: usize,
    ) -> (RegressionLearner, Processor) {
        let device = training_device(&self.device, &self.config);
        let train = train.to_device(&device);
        let valid = valid.to_device(&self.device.clone().inner());
        let mut events = Events {
            processor: components.event_processor,
            interrupter: components.interrupter,
        };
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        // Burn's learner holds the optimizer where nobody can save it, so it only brings the model.
        let mut learner = learner.model().fork(&device);
        if let Some(strategy) = device.gradient_checkpointing_strategy() {
            learner = learner.map(&mut Recompute(strategy));
        }
        let Some(parts) = run.parts.take() else {
            return (learner, events.processor);
        };
        let mut trainer = Trainer {
            config: &self.config,
            device: self.device.clone().inner(),
            learner: Slot::new(learner),
            parts,
            workers: (self.devices.len() > 1).then(|| {
                let training = |device: &Device| training_device(device, &self.config);
                Workers::new(&self.devices, &self.config, training)
            }),
            saved: run
                .store
                .as_ref()
                .filter(|store| store.resumes())
                .map(|_| run.state.position()),
            events: &mut events,
            run: &mut run,
        };
        let outcome = trainer.run(&*train, &*valid, components.num_epochs);
        let learner = trainer.learner.into_inner();
        if let Err(error) = outcome {
            events.interrupter.stop(Some(&error.to_string()));
            run.error = Some(error);
        }
        (learner, events.processor)
    }
}

/// `device` with autodiff, and with gradient checkpointing if the run wants it.
pub(crate) fn training_device(device: &Device, config: &TrainConfig) -> Device {
    let device = device.clone().autodiff();
    if config.gradient_checkpointing {
        device.gradient_checkpointing()
    } else {
        device
    }
}

/// Gives weights the gradient-checkpointing strategy of the training device: moving them there
/// keeps the strategy they had, and tensors of different strategies cannot be combined.
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
