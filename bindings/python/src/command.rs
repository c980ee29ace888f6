//! The command line, and what training tells while it runs.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use gradus::train::{EpochLog, SkippedStep, StepLog, TrainObserver, ValidLog};
use gradus::{Registry, RunConfig};
use pyo3::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use crate::errors::{chain, data};

/// Runs the `gradus` command line with arguments; the first is the name of the program. Gives the exit code.
///
/// With `events`, training writes every event to the standard output as a line of JSON, `{"event": …, "values": …}`.
#[pyfunction]
#[pyo3(signature = (arguments, events=false))]
pub(crate) fn run(py: Python<'_>, arguments: Vec<String>, events: bool) -> u8 {
    py.detach(|| {
        let registry = if events {
            Registry::new().with_observer(|| Teller)
        } else {
            Registry::new()
        };
        gradus::cli::run_with(registry, arguments)
    })
}

/// A run configuration as TOML: that of a file, if there is one, with settings, each a JSON text, laid over it in
/// their order.
#[pyfunction]
#[pyo3(signature = (file, settings))]
pub(crate) fn run_config(
    py: Python<'_>,
    file: Option<PathBuf>,
    settings: Vec<String>,
) -> PyResult<String> {
    effective(file.as_deref(), &settings).map_err(|message| data(py, &message))
}

fn effective(file: Option<&Path>, settings: &[String]) -> Result<String, String> {
    let text = |error: &dyn std::error::Error| chain(error);
    let mut config = Value::Object(serde_json::Map::new());
    if let Some(file) = file {
        RunConfig::load(file).map_err(|error| text(&error))?;
        // The keys of the file alone: a default that is laid down would contradict what replaces it.
        let file = fs_err::read_to_string(file).map_err(|error| text(&error))?;
        config = toml::from_str(&file).map_err(|error| text(&error))?;
    }
    for settings in settings {
        lay(
            &mut config,
            serde_json::from_str(settings).map_err(|error| text(&error))?,
        );
    }
    let config = toml::to_string_pretty(&config).map_err(|error| format!("settings: {error}"))?;
    RunConfig::parse(&config, "settings").map_err(|error| text(&error))?;
    Ok(config)
}

/// Lays settings over others, table by table. `null` takes a setting away.
fn lay(config: &mut Value, settings: Value) {
    match (config, settings) {
        (Value::Object(config), Value::Object(settings)) => {
            for (key, value) in settings {
                if value.is_null() {
                    config.remove(&key);
                } else {
                    lay(config.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (config, settings) => *config = settings,
    }
}

/// Writes what happens in training to the standard output.
struct Teller;

impl TrainObserver for Teller {
    fn on_start(&mut self, total_steps: usize, epochs: usize) {
        tell(
            "start",
            json!({ "total_steps": total_steps, "epochs": epochs }),
        );
    }

    fn on_step(&mut self, step: &StepLog) {
        tell("step", step);
    }

    fn on_epoch(&mut self, epoch: &EpochLog) {
        tell("epoch", epoch);
    }

    fn on_valid(&mut self, valid: &ValidLog) {
        tell("valid", valid);
    }

    fn on_skip(&mut self, skipped: &SkippedStep) {
        tell("skip", skipped);
    }

    fn on_resume(&mut self, checkpoint: &Path, step: usize, epoch: usize) {
        tell(
            "resume",
            json!({ "checkpoint": checkpoint.to_string_lossy(), "step": step, "epoch": epoch }),
        );
    }

    fn on_checkpoint(&mut self, checkpoint: &Path, step: usize) {
        tell(
            "checkpoint",
            json!({ "checkpoint": checkpoint.to_string_lossy(), "step": step }),
        );
    }

    fn on_note(&mut self, note: &str) {
        tell("note", note);
    }
}

/// One line. Whoever read them may have ended; training goes on to its checkpoint all the same.
fn tell(event: &str, values: impl Serialize) {
    let mut out = io::stdout().lock();
    let line = json!({ "event": event, "values": values });
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
