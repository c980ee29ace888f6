//! What surrounds a run: who watches it, who may stop it, where its state is kept.

use std::path::PathBuf;

use gradus_data::TextConfig;

use crate::{NoMetrics, SharedDevice, SplitCounts, StopHandle, TrainObserver, ValidMetrics};

/// What a run is about to do, known before its first step.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// How text becomes tokens, and the aspects that are learned.
    pub text: &'a TextConfig,
    /// What encoding left out.
    pub counts: &'a SplitCounts,
}

/// Told the plan of a run before its first step.
pub type OnPlan = Box<dyn FnOnce(Plan<'_>)>;

/// How a run is shown.
pub enum Display {
    /// Through an observer; nothing is printed.
    Observer(Box<dyn TrainObserver>),
    /// Burn's terminal dashboard, plain text where standard output is no terminal.
    Dashboard,
}

/// What surrounds a run. A [`Display`] turns into a session without checkpoints.
pub struct Session {
    /// How the run is shown.
    pub display: Display,
    /// Told what the run is about to do. Default: nobody.
    pub on_plan: Option<OnPlan>,
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

impl From<Display> for Session {
    fn from(display: Display) -> Self {
        Self {
            display,
            on_plan: None,
            stop: StopHandle::new(),
            metrics: Box::new(NoMetrics),
            checkpoints: None,
            devices: Vec::new(),
        }
    }
}

/// Where the state of a run is kept, and whether it goes on from there.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoints {
    /// Directory of the checkpoints. It is made if it is missing.
    pub directory: PathBuf,
    /// How the run begins.
    pub begin: Begin,
    /// Files saved in each checkpoint as they are: name and content. A run configuration, say.
    pub files: Vec<(String, Vec<u8>)>,
}

/// How a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At its first step. Refused where checkpoints of another run lie.
    New,
    /// At its first step; checkpoints of another run are removed.
    Over,
    /// At the newest checkpoint that is whole.
    Resume,
}
