//! The session of a run: observers, stop requests, checkpoints, devices.

use std::path::PathBuf;

use gradus_bundle::Bundle;
use gradus_data::TextConfig;

use super::{NoMetrics, SharedDevice, StopHandle, TrainObserver, Unobserved, ValidMetrics};
use crate::Result;
use crate::checkpoint::{Begin, Checkpoints, has_checkpoints};
use crate::plan::SplitCounts;

/// Tokenizer and counts of a run, known before its first step.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Preview<'a> {
    /// The tokenizer, with the text settings and aspects.
    pub text: &'a TextConfig,
    /// Counts of examples and truncations.
    pub counts: &'a SplitCounts,
}

/// Called before the first step of a run.
pub type OnPreview = Box<dyn FnOnce(Preview<'_>)>;

/// What becomes of the bundle of the best weights at the end of a run.
pub type OnBundle = Box<dyn FnOnce(Bundle) -> Result<Bundle>>;

/// Observers, stop requests, checkpoints and devices of a run. Default: none of them.
pub struct Session {
    /// Observes the run. Default: none.
    pub observer: Box<dyn TrainObserver>,
    /// Called before the first step. Default: none.
    pub on_preview: Option<OnPreview>,
    /// Stops the run on request. Default: none.
    pub stop: StopHandle,
    /// Additional metrics of validations. Default: none.
    pub metrics: Box<dyn ValidMetrics>,
    /// Changes the bundle before [`train`](crate::train()) saves it for the last time, as by [`Bundle::stacked`]. Bundles
    /// that are saved before, at each best validation, are those of the model alone. Default: none.
    pub on_bundle: Option<OnBundle>,
    /// Checkpoints. Default: none.
    pub checkpoints: Option<Checkpoints>,
    /// Devices that share the work of every step, the main device first. Default: empty, only the main
    /// device.
    pub devices: Vec<SharedDevice>,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            observer: Box::new(Unobserved),
            on_preview: None,
            stop: StopHandle::new(),
            metrics: Box::new(NoMetrics),
            on_bundle: None,
            checkpoints: None,
            devices: Vec::new(),
        }
    }
}

impl Session {
    /// Adds an observer, which is called after the earlier ones.
    #[must_use]
    pub fn with_observer(mut self, observer: impl TrainObserver + 'static) -> Self {
        self.observer = Box::new(vec![self.observer, Box::new(observer)]);
        self
    }

    /// A session with checkpoints in `directory`. The run resumes from them if there are any, as after a kill.
    ///
    /// # Errors
    /// [`TrainError::Io`](crate::TrainError::Io) if the directory exists and cannot be read.
    pub fn resuming(directory: impl Into<PathBuf>) -> Result<Self> {
        let directory = directory.into();
        let begin = if has_checkpoints(&directory)? {
            Begin::Resume
        } else {
            Begin::New
        };
        let files = Vec::new();
        Ok(Self {
            checkpoints: Some(Checkpoints {
                directory,
                begin,
                files,
            }),
            ..Self::default()
        })
    }

    /// A session with this observer.
    pub fn watched_by(observer: impl TrainObserver + 'static) -> Self {
        Self {
            observer: Box::new(observer),
            ..Self::default()
        }
    }
}
