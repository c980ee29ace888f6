//! Data parallelism: several devices share the micro-batches of a step.
//!
//! The batch of a step comes in micro-batches, one for each device. A device computes the gradients of its
//! micro-batch on a copy of the weights, with losses divided by the denominators of the whole step. The main
//! device adds them up and updates the weights. The losses are thus those of one device with the
//! whole batch, no matter how the rated segments are distributed.
//!

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::prelude::*;
use gradus_data::SegmentBatch;
use gradus_model::SegmentModel;

use super::learner::{RegressionLearner, StepOutput, StepScope};
use super::seeds::micro_batch_seed;
use crate::plan::TrainConfig;
use crate::{Result, TrainError};

/// One of the devices of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedDevice {
    /// The device, without autodiff.
    pub device: Device,
    /// Identifies its random number generator. Devices of one process and backend may share a generator;
    /// they then take turns to draw.
    pub generator: String,
}

/// The devices, each with a thread that processes micro-batches.
pub(crate) struct Workers<M: Module> {
    jobs: Vec<Sender<Job<M>>>,
    results: Receiver<(usize, std::result::Result<StepOutput, String>)>,
    main: Device,
    seed: u64,
}

/// A micro-batch for a worker, with the settings of its step.
struct Job<M: Module> {
    learner: RegressionLearner<M>,
    scope: StepScope,
    seed: u64,
    batch: SegmentBatch,
}

/// A device, with the lock of its random number generator.
#[derive(Debug)]
struct Place {
    device: Device,
    turn: Arc<Mutex<()>>,
    draws: bool,
}

impl<M: SegmentModel> Workers<M> {
    /// Starts a thread for each device, the main one first. `training` turns a device into one with autodiff.
    pub(crate) fn new(
        devices: &[SharedDevice],
        config: &TrainConfig,
        training: impl Fn(&Device) -> Device,
    ) -> Self {
        let mut turns: Vec<(&str, Arc<Mutex<()>>)> = Vec::new();
        let mut places = Vec::with_capacity(devices.len());
        for shared in devices {
            let known = turns.iter().find(|(name, _)| *name == shared.generator);
            let turn = known.map_or_else(Arc::default, |(_, turn)| turn.clone());
            turns.push((&shared.generator, turn.clone()));
            places.push(Place {
                device: shared.device.clone(),
                turn,
                draws: config.dropout > 0.0 || config.attention_dropout > 0.0,
            });
        }
        let main = places[0].device.clone();
        let (sender, results) = channel();
        let start = |(index, place): (usize, Place)| {
            let (jobs, received) = channel::<Job<M>>();
            let (sender, training) = (sender.clone(), training(&place.device));
            thread::spawn(move || {
                for job in received {
                    let step = AssertUnwindSafe(|| place.step(&training, job));
                    let result = catch_unwind(step).map_err(|panic| message(&*panic));
                    if sender.send((index, result)).is_err() {
                        break;
                    }
                }
            });
            jobs
        };
        Self {
            jobs: places.into_iter().enumerate().map(start).collect(),
            results,
            main,
            seed: config.seed,
        }
    }

    /// Number of devices.
    pub(crate) fn count(&self) -> usize {
        self.jobs.len()
    }

    /// Gradients of up to [`count`](Self::count) micro-batches of a step, in their order, on the
    /// main device. `first` is the position of the first of them in the step.
    pub(crate) fn compute(
        &self,
        learner: &RegressionLearner<M>,
        scope: &StepScope,
        first: usize,
        batches: Vec<SegmentBatch>,
    ) -> Result<Vec<StepOutput>> {
        let count = batches.len();
        for (index, batch) in batches.into_iter().enumerate() {
            let job = Job {
                learner: learner.clone(),
                scope: scope.clone(),
                seed: micro_batch_seed(self.seed, scope.number, first + index),
                batch,
            };
            self.jobs[index].send(job).map_err(|_| gone())?;
        }
        let mut outputs = Vec::with_capacity(count);
        for _ in 0..count {
            outputs.push(self.results.recv().map_err(|_| gone())?);
        }
        // Results arrive in any order. Adding them in a fixed order makes runs repeatable to the bit.
        outputs.sort_by_key(|(index, _)| *index);
        let moved = outputs.into_iter().map(|(index, output)| {
            let output = output.map_err(|reason| TrainError::Device {
                reason: format!("training worker on device {index} failed: {reason}"),
            })?;
            Ok(StepOutput {
                gradients: output.gradients.to_device(&self.main, learner),
                outcome: output.outcome.moved_to(&self.main),
            })
        });
        moved.collect()
    }
}

impl Place {
    /// Gradients of a micro-batch on a copy of the weights.
    fn step<M: SegmentModel>(&self, training: &Device, job: Job<M>) -> StepOutput {
        let learner = job.learner.fork(training);
        let outcome = if self.draws {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            self.device.seed(job.seed);
            let outcome = learner.outcome(job.batch, Some(&job.scope));
            // Some devices draw random numbers later than the call. A failure shows when losses are read.
            let _ = self.device.sync();
            outcome
        } else {
            learner.outcome(job.batch, Some(&job.scope))
        };
        let gradients = outcome.loss.backward();
        StepOutput {
            gradients: GradientsParams::from_grads(gradients, &learner),
            outcome,
        }
    }
}

fn gone() -> TrainError {
    TrainError::Device {
        reason: "its thread has ended".into(),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".into())
}
