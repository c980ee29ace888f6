//! The origin of the scores, ratings and baselines of an evaluation.

use gradus_data::ContextCounts;
use serde::{Deserialize, Serialize};

use crate::OffsetUse;

/// The origin of the scores, ratings and baselines of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The version of Gradus that evaluated.
    pub gradus_version: String,
    /// The origin of the scores.
    pub scores: ScoreSource,
    /// The data with the ratings, as it was named.
    pub data: String,
    /// What the trivial baselines were fitted on: the training file as it was named, or
    /// `training data of the bundle`. `None` without baselines.
    pub baselines: Option<String>,
    /// How many contexts of the records the model read; `None` for a score file.
    #[serde(default)]
    pub context: Option<ContextRead>,
    /// What became of the offset of the bundle; `None` if it has none, and for a score file.
    #[serde(default)]
    pub offset: Option<OffsetUse>,
}

/// How many contexts of the records a model read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextRead {
    /// Whether it reads contexts.
    pub reads: bool,
    /// Records, and those with a context.
    #[serde(flatten)]
    pub counts: ContextCounts,
}

impl ContextRead {
    /// As in `read in 12 of 40 records`.
    pub fn in_words(&self) -> String {
        let ContextCounts {
            records,
            with_context,
        } = self.counts;
        match (self.reads, with_context) {
            (true, _) => format!("read in {with_context} of {records} records"),
            (false, 0) => format!("read in 0 of {records} records: none has one"),
            (false, some) => format!("read in 0 of {records} records, though {some} have one"),
        }
    }
}

/// The bundle or file of the scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ScoreSource {
    /// A bundle, as its directory was named.
    Bundle(String),
    /// A score file, as it was named.
    File(String),
}

impl ScoreSource {
    /// The name of the bundle or file.
    pub fn name(&self) -> &str {
        match self {
            Self::Bundle(name) | Self::File(name) => name,
        }
    }
}

impl Provenance {
    /// Provenance of an evaluation by this version of Gradus, without baselines.
    pub fn new(scores: ScoreSource, data: impl Into<String>) -> Self {
        Self {
            gradus_version: env!("CARGO_PKG_VERSION").to_owned(),
            scores,
            data: data.into(),
            baselines: None,
            context: None,
            offset: None,
        }
    }
}
