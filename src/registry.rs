//! Parts of other programs, for the whole command line.

use std::fmt;
#[cfg(feature = "cli")]
use std::sync::{Mutex, PoisonError};

use gradus_data::{NamedFormat, NamedSegmenter, register_format, register_segmenter};
use gradus_eval::metrics::SegmentMetric;
use gradus_eval::{EvalError, Metric};
use gradus_model::{
    NamedEncoder, NamedHead, NamedPooling, register_encoder, register_head, register_pooling,
};
use gradus_parts::PartConflict;
#[cfg(feature = "cli")]
use gradus_train::TrainObserver;
use gradus_train::{NamedLoss, register_loss};
use thiserror::Error;

/// A part that cannot be made known.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum RegistryError {
    /// Its name is taken, or is no name.
    Part(#[from] PartConflict),
    /// The same of a metric.
    Metric(#[from] EvalError),
}

#[cfg(feature = "cli")]
type MakeObserver = Box<dyn Fn() -> Box<dyn TrainObserver> + Send>;

#[cfg(feature = "cli")]
static OBSERVERS: Mutex<Vec<MakeObserver>> = Mutex::new(Vec::new());

/// The callbacks that were added, for a run that begins.
#[cfg(feature = "cli")]
pub(crate) fn observers() -> Vec<Box<dyn TrainObserver>> {
    let known = OBSERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    known.iter().map(|make| make()).collect()
}

type Register = Box<dyn FnOnce() -> Result<(), RegistryError>>;

/// Parts that `gradus::cli::main_with` makes known by their names, beside those of
/// Gradus.
///
/// A process that is no command line calls [`install`](Self::install) itself, before it reads run
/// configurations and bundles.
#[derive(Default)]
#[must_use]
pub struct Registry {
    parts: Vec<Register>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Registry of {} parts", self.parts.len())
    }
}

impl Registry {
    /// The parts of Gradus alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a loss.
    pub fn with_loss<L: NamedLoss>(self) -> Self {
        self.add(|| Ok(register_loss::<L>()?))
    }

    /// Adds a pooling.
    pub fn with_pooling<P: NamedPooling>(self) -> Self {
        self.add(|| Ok(register_pooling::<P>()?))
    }

    /// Adds a head.
    pub fn with_head<H: NamedHead>(self) -> Self {
        self.add(|| Ok(register_head::<H>()?))
    }

    /// Adds an encoder.
    pub fn with_encoder<E: NamedEncoder>(self) -> Self {
        self.add(|| Ok(register_encoder::<E>()?))
    }

    /// Adds a segmenter.
    pub fn with_segmenter<S: NamedSegmenter>(self) -> Self {
        self.add(|| Ok(register_segmenter::<S>()?))
    }

    /// Adds a format that `gradus data import` reads.
    pub fn with_format<F: NamedFormat>(self) -> Self {
        self.add(|| Ok(register_format::<F>()?))
    }

    /// Adds a metric, for early stopping, evaluations and comparisons.
    pub fn with_metric(self, metric: &'static dyn SegmentMetric) -> Self {
        self.add(|| Ok(Metric::register(metric).map(|_| ())?))
    }

    fn add(mut self, register: impl FnOnce() -> Result<(), RegistryError> + 'static) -> Self {
        self.parts.push(Box::new(register));
        self
    }

    /// Adds callbacks of the runs of `gradus train`, which `make` makes anew for every run.
    #[cfg(feature = "cli")]
    pub fn with_observer<O: TrainObserver + 'static>(self, make: fn() -> O) -> Self {
        self.add(move || {
            let mut known = OBSERVERS.lock().unwrap_or_else(PoisonError::into_inner);
            known.push(Box::new(move || Box::new(make())));
            Ok(())
        })
    }

    /// Makes the parts known to this process.
    ///
    /// # Errors
    /// If two parts of one role have the same name, or a name has other characters than it may.
    pub fn install(self) -> Result<(), RegistryError> {
        self.parts.into_iter().try_for_each(|register| register())
    }
}
