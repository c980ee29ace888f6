//! One run of an experiment.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// One run: a combination of choices, with one seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The label of its choice on each axis, in the order of the axes.
    pub labels: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// What is done with the settings.
    pub command: CellCommand,
    /// Settings of data that are no settings of a run.
    pub data: DataOptions,
    /// The settings of the run, as in a run configuration, with its seed.
    pub run: Table,
    /// The folder below the directory of the experiment, with `/` between its parts.
    pub folder: String,
}

/// What is done with the settings of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CellCommand {
    /// `gradus train`.
    #[default]
    Train,
    /// `gradus probe`, which has no use for a seed: only the first one is run.
    Probe,
}

impl CellCommand {
    /// The name of the command.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Probe => "probe",
        }
    }

    /// Whether another seed gives another result.
    pub fn has_seeds(self) -> bool {
        self == Self::Train
    }
}

/// The data of a run beyond its configuration: the table `data`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataOptions {
    /// The test split. Without one, the report is about the validation split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// Number of records drawn from the training split; all if it has fewer. A smaller draw is part of a larger one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_records: Option<usize>,
    /// The same of the validation split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_records: Option<usize>,
    /// The same of the test split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_records: Option<usize>,
    /// Seed of the draws, the same for all runs. Default 0.
    pub draw: u64,
}

/// Takes the settings that are not those of a run configuration out of `run`.
pub(super) fn take(run: &mut Table) -> Result<(CellCommand, DataOptions), String> {
    let command = match run.remove("command") {
        None => CellCommand::default(),
        Some(value) => value
            .clone()
            .try_into()
            .map_err(|_| format!("command: found {value}, expected \"train\" or \"probe\""))?,
    };
    let data: DataOptions = match run.remove("data") {
        None => DataOptions::default(),
        Some(value) => value
            .try_into()
            .map_err(|error: toml::de::Error| format!("data: {}", error.message()))?,
    };
    let sizes = [
        ("train_records", data.train_records),
        ("valid_records", data.valid_records),
        ("test_records", data.test_records),
    ];
    if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == Some(0)) {
        return Err(format!("data.{name}: found 0, expected at least 1"));
    }
    for key in ["output", "checkpoints"] {
        if run.contains_key(key) {
            return Err(format!(
                "`{key}`: found a place, expected none: every run has its own folder"
            ));
        }
    }
    // The settings of a plan are whole: its defaults would stand in place of what a continued bundle brings along.
    for key in ["from", "from_weights", "old_test"] {
        if run.contains_key(key) {
            return Err(format!(
                "`{key}`: a plan continues no bundle, expected `encoder` or a table `scratch`; \
                 `gradus train --from` continues one"
            ));
        }
    }
    Ok((command, data))
}

/// Sets the seed of a run, which the plan has under `seeds`.
pub(super) fn set_seed(run: &mut Table, seed: u64) -> Result<(), String> {
    let seed = i64::try_from(seed)
        .map_err(|_| format!("seeds: found {seed}, expected at most {}", i64::MAX))?;
    let training = run.entry("training").or_insert_with(|| Table::new().into());
    let Value::Table(training) = training else {
        return Err(format!("training: found {training}, expected a table"));
    };
    if training.contains_key("seed") {
        return Err(
            "`training.seed`: found a seed of one run, expected `seeds` for all of them".into(),
        );
    }
    training.insert("seed".into(), seed.into());
    Ok(())
}

/// A name that is a file's name on any system: letters, digits, `.` and `-`.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '.' {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug: String = slug.trim_matches(['-', '.']).chars().take(60).collect();
    slug.trim_end_matches(['-', '.']).to_owned()
}
