//! Where the state of a run is kept, and how the run begins.

use std::path::PathBuf;

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
#[non_exhaustive]
pub enum Begin {
    /// At its first step. Refused where checkpoints of another run lie.
    New,
    /// At its first step; checkpoints of another run are removed.
    Over,
    /// At the newest checkpoint that is whole.
    Resume,
}
