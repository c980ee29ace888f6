//! Settings of checkpoints.

use std::path::PathBuf;

/// The directory of the checkpoints, and whether to resume from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoints {
    /// Directory of the checkpoints. Created if it does not exist.
    pub directory: PathBuf,
    /// Where the run begins.
    pub begin: Begin,
    /// Name and content of additional files in each checkpoint, such as the run configuration.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Where a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Begin {
    /// At its first step. Refused if the directory has checkpoints of another run.
    New,
    /// At its first step. Checkpoints of another run are removed.
    Over,
    /// At the newest undamaged checkpoint.
    Resume,
}
