//! What surrounds a run: who watches it, who may stop it, where its state is kept.

use gradus_data::TextConfig;

use super::{NoMetrics, SharedDevice, StopHandle, TrainObserver, Unobserved, ValidMetrics};
use crate::checkpoint::Checkpoints;
use crate::plan::SplitCounts;

/// What a run is about to do, known before its first step.
#[derive(Debug, Clone, Copy)]
pub struct Preview<'a> {
    /// How text becomes tokens, and the aspects that are learned.
    pub text: &'a TextConfig,
    /// What truncation left out.
    pub counts: &'a SplitCounts,
}

/// Told what a run is about to do, before its first step.
pub type OnPreview = Box<dyn FnOnce(Preview<'_>)>;

/// What surrounds a run. By default nobody watches it or stops it, and nothing is kept.
pub struct Session {
    /// Who watches the run. Default: nobody.
    pub observer: Box<dyn TrainObserver>,
    /// Told what the run is about to do. Default: nobody.
    pub on_preview: Option<OnPreview>,
    /// Who may stop it. Default: nobody.
    pub stop: StopHandle,
    /// Metrics of the validations besides loss and squared error. Default: none.
    pub metrics: Box<dyn ValidMetrics>,
    /// Where its state is kept. Default: nowhere.
    pub checkpoints: Option<Checkpoints>,
    /// Devices that share the work of every step, the main device first. Default: none, the main
    /// device works alone.
    pub devices: Vec<SharedDevice>,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            observer: Box::new(Unobserved),
            on_preview: None,
            stop: StopHandle::new(),
            metrics: Box::new(NoMetrics),
            checkpoints: None,
            devices: Vec::new(),
        }
    }
}

impl Session {
    /// Adds an observer, which is told everything after those that were there before.
    #[must_use]
    pub fn with_observer(mut self, observer: impl TrainObserver + 'static) -> Self {
        self.observer = Box::new(vec![self.observer, Box::new(observer)]);
        self
    }

    /// A session that `observer` watches.
    pub fn watched_by(observer: impl TrainObserver + 'static) -> Self {
        Self {
            observer: Box::new(observer),
            ..Self::default()
        }
    }
}
