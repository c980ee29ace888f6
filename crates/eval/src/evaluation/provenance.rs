//! What was evaluated.

use serde::{Deserialize, Serialize};

/// Where the scores, the ratings and the baselines of an evaluation come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The version of Gradus that evaluated.
    pub gradus_version: String,
    /// Where the scores come from.
    pub scores: ScoreSource,
    /// The data with the ratings, as it was named.
    pub data: String,
    /// What the trivial baselines were fitted on: the training file as it was named, or
    /// `training data of the bundle`. `None` without baselines.
    pub baselines: Option<String>,
}

/// What made the scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
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
        }
    }
}
