//! Several devices that share the work of a step.
//!
//! The batch of a step comes in pieces, one for each device. A device computes the gradients of its
//! piece on a copy of the weights, with losses divided by the weights of the whole step; the main
//! device adds them up and makes the one update. So the losses are those of one device with the
//! whole batch, however the rated segments spread over the pieces.
//!
//! Of Burn's multi-device training, the threads are used ([`MultiDevicesTrainStep`]), not the loop:
//! that adds up gradients of mean losses, so that a piece with one rated segment counts as much as
//! one with fifty.

use std::sync::{Arc, Mutex, PoisonError};

use burn::data::dataloader::{DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::module::Module;
use burn::prelude::*;
use burn::tensor::ExecutionError;
use burn::train::train::MultiDevicesTrainStep;
use burn::train::{InferenceStep, ItemLazy, TrainOutput, TrainStep};
use gradus_data::SegmentBatch;

use crate::learner::{RatingOutcome, RegressionLearner, StepScope};
use crate::seeds::piece_seed;
use crate::{Result, TrainConfig, TrainError};

/// One of the devices of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedDevice {
    /// The device, without autodiff.
    pub device: Device,
    /// Names the generator that its random numbers come from. Devices of one process and backend
    /// may have one in common; they then take turns where numbers are drawn.
    pub generator: String,
}

/// The devices and their threads.
pub(crate) struct Workers {
    threads: MultiDevicesTrainStep<PieceLearner>,
    places: Arc<[Place]>,
    seed: u64,
}

/// A device, and where it waits for its turn to draw random numbers.
#[derive(Debug)]
struct Place {
    device: Device,
    turn: Arc<Mutex<()>>,
    draws: bool,
}

impl Workers {
    /// Threads for these devices, the main one first. `training` makes a device one to train on.
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
        let devices: Vec<Device> = devices.iter().map(|d| training(&d.device)).collect();
        Self {
            threads: MultiDevicesTrainStep::new(&devices),
            places: places.into(),
            seed: config.seed,
        }
    }

    /// Number of devices.
    pub(crate) fn count(&self) -> usize {
        self.places.len()
    }

    /// Gradients of up to [`count`](Self::count) pieces of a step, in their order, on the main
    /// device. `first` is the position of the first of them in the step.
    pub(crate) fn compute(
        &self,
        learner: &RegressionLearner,
        scope: &StepScope,
        first: usize,
        pieces: Vec<SegmentBatch>,
    ) -> Result<Vec<TrainOutput<RatingOutcome>>> {
        let model = PieceLearner {
            learner: learner.clone(),
            scope: *scope,
            places: self.places.clone(),
        };
        let mut pieces = pieces.into_iter().enumerate();
        let mut sources: Vec<Box<dyn DataLoaderIterator<Piece>>> = Vec::new();
        for _ in 0..self.count() {
            let piece = pieces.next().map(|(worker, batch)| Piece {
                worker,
                seed: piece_seed(self.seed, scope.number, first + worker),
                batch,
            });
            sources.push(Box::new(Source(piece)));
        }
        let (outputs, _) =
            self.threads
                .step(&mut sources, &model)
                .map_err(|error| TrainError::Device {
                    reason: error.to_string(),
                })?;
        let mut outputs: Vec<_> = outputs.into_iter().map(|output| output.output).collect();
        // They come as they finish; added up in order, a run repeats itself to the bit.
        outputs.sort_by_key(|output| output.item.worker);
        let main = &self.places[0].device;
        let moved = outputs.into_iter().map(|output| TrainOutput {
            grads: output.grads.to_device(main, learner),
            item: output.item.outcome.moved_to(main),
        });
        Ok(moved.collect())
    }
}

/// A piece and the worker that it is for.
struct Piece {
    worker: usize,
    seed: u64,
    batch: SegmentBatch,
}

/// One piece, in the form in which Burn's threads take their work.
struct Source(Option<Piece>);

impl Iterator for Source {
    type Item = std::result::Result<Piece, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl DataLoaderIterator<Piece> for Source {
    fn progress(&self) -> Progress {
        Progress::new(usize::from(self.0.is_none()), 1, None)
    }
}

/// The learner with what a piece needs to know of its step.
#[derive(Module, Debug)]
struct PieceLearner {
    learner: RegressionLearner,
    #[module(skip)]
    scope: StepScope,
    #[module(skip)]
    places: Arc<[Place]>,
}

/// What a worker gave.
struct PieceOutcome {
    worker: usize,
    outcome: RatingOutcome,
}

impl ItemLazy for PieceOutcome {
    fn sync(self) -> std::result::Result<Self, ExecutionError> {
        Ok(Self {
            worker: self.worker,
            outcome: self.outcome.sync()?,
        })
    }
}

impl TrainStep for PieceLearner {
    type Input = Piece;
    type Output = PieceOutcome;

    fn step(&self, piece: Piece) -> TrainOutput<PieceOutcome> {
        let place = &self.places[piece.worker];
        let forward = || self.learner.outcome(piece.batch, Some(&self.scope));
        let outcome = if place.draws {
            let _turn = place.turn.lock().unwrap_or_else(PoisonError::into_inner);
            place.device.seed(piece.seed);
            let outcome = forward();
            // Some devices draw later than they are asked to. A failure shows where losses are read.
            let _ = place.device.sync();
            outcome
        } else {
            forward()
        };
        let gradients = outcome.loss.backward();
        let outcome = PieceOutcome {
            worker: piece.worker,
            outcome,
        };
        TrainOutput::new(self, gradients, outcome)
    }
}

/// Burn's threads ask for it and do not use it.
impl InferenceStep for PieceLearner {
    type Input = SegmentBatch;
    type Output = RatingOutcome;

    fn step(&self, batch: SegmentBatch) -> RatingOutcome {
        InferenceStep::step(&self.learner, batch)
    }
}
