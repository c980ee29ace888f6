//! What is compared: bundles and score files, told apart by what lies at their path.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::bundle::Bundle;
use gradus::data::Example;
use gradus::eval::{Aggregation, ScoredResponse};

use crate::failure::Usage;
use crate::scores::{Choices, ScoreInput, Scores};

/// A system as it is named on the command line.
pub(super) struct NamedSystem {
    name: String,
    path: PathBuf,
}

/// A system and what it says of the data.
pub(super) struct ScoredSystem {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Names of the scores, in their order.
    pub(super) aspects: Vec<String>,
    /// One response per example, in their order.
    pub(super) responses: Vec<ScoredResponse>,
    /// How segment scores become a response score.
    pub(super) aggregation: Aggregation,
}

impl NamedSystem {
    /// Systems from `PATH` or `NAME=PATH`; without a name, the last part of the path is the name.
    pub(super) fn parse_all(texts: &[String]) -> Result<Vec<Self>> {
        let systems: Vec<Self> = texts.iter().map(|text| Self::parse(text)).collect();
        let mut names = HashSet::new();
        for system in &systems {
            if !names.insert(&system.name) {
                let message = format!("systems: found the name `{}` twice", system.name);
                let error = Usage::new(message).with_hint("name them apart with NAME=PATH");
                return Err(error.into());
            }
        }
        Ok(systems)
    }

    pub(super) fn of(name: &str, path: &Path) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
        }
    }

    fn parse(text: &str) -> Self {
        // A path may hold `=` itself.
        let named = text.split_once('=').filter(|(name, _)| !name.is_empty());
        if let Some((name, path)) = named.filter(|_| !Path::new(text).exists()) {
            return Self {
                name: name.into(),
                path: path.into(),
            };
        }
        let path = PathBuf::from(text);
        let name = path.file_name().unwrap_or(path.as_os_str());
        Self {
            name: name.to_string_lossy().into_owned(),
            path,
        }
    }

    /// Scores the examples with the bundle, or finds their scores in the file.
    pub(super) fn score(self, examples: &[Example], choices: &Choices<'_>) -> Result<ScoredSystem> {
        let Self { name, path } = self;
        Bundle::recover(&path)?;
        let source = if path.is_dir() {
            ScoreInput::Bundle(path.clone())
        } else {
            ScoreInput::File(path.clone())
        };
        let scores = Scores::load(&source, &mut examples.to_vec(), choices)?;
        Ok(ScoredSystem {
            name,
            path,
            aspects: scores.aspects,
            responses: scores.responses,
            aggregation: scores.aggregation,
        })
    }
}
