//! How a failure is shown and which exit code it has.

use std::process::ExitCode;

use anyhow::Error;
use gradus::data::DataError;
use gradus::device::DeviceError;
use gradus::model::ModelError;
use gradus::train::TrainError;
use gradus::{RunConfigError, eval::EvalError};

/// Exit code of wrong usage or wrong input, as clap has it.
const USAGE_OR_DATA: u8 = 2;
/// Exit code of any other failure.
const OTHER: u8 = 1;
/// Exit code of a run that was asked to stop, as shells have it for Ctrl-C.
pub(crate) const STOPPED: u8 = 130;

/// A command line that is complete on its own but cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Usage {
    message: String,
    hint: Option<String>,
}

impl Usage {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Prints the error with its causes and the remedy, and returns the exit code.
pub(crate) fn report(error: &Error) -> ExitCode {
    if let Some(stopped @ TrainError::Stopped { .. }) = error.downcast_ref() {
        anstream::eprintln!("{stopped}");
        if let Some(hint) = stopped.hint() {
            anstream::eprintln!("{hint}");
        }
        return ExitCode::from(STOPPED);
    }
    let style = anstyle::AnsiColor::Red.on_default().bold();
    anstream::eprintln!("{style}error{style:#}: {}", chain(error));
    if let Some(hint) = hint(error) {
        let style = anstyle::AnsiColor::Cyan.on_default().bold();
        anstream::eprintln!("\n{style}hint{style:#}: {hint}");
    }
    ExitCode::from(if is_input(error) {
        USAGE_OR_DATA
    } else {
        OTHER
    })
}

/// The causes in one line. A cause that its effect already quotes is not said twice.
fn chain(error: &Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn hint(error: &Error) -> Option<String> {
    error.chain().find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<Usage>() {
            return error.hint.clone();
        }
        None.or_else(|| {
            cause
                .downcast_ref::<TrainError>()
                .and_then(TrainError::hint)
        })
        .or_else(|| cause.downcast_ref::<DataError>().and_then(DataError::hint))
        .or_else(|| {
            cause
                .downcast_ref::<ModelError>()
                .and_then(ModelError::hint)
        })
        .or_else(|| cause.downcast_ref::<EvalError>().and_then(EvalError::hint))
        .or_else(|| {
            cause
                .downcast_ref::<RunConfigError>()
                .and_then(RunConfigError::hint)
        })
        .or_else(|| {
            cause
                .downcast_ref::<DeviceError>()
                .and_then(DeviceError::hint)
        })
    })
}

/// Whether what the user gave is at fault, rather than the machine or this program.
fn is_input(error: &Error) -> bool {
    error.chain().any(|cause| {
        if let Some(error) = cause.downcast_ref::<TrainError>() {
            return error.is_input();
        }
        if let Some(error) = cause.downcast_ref::<EvalError>() {
            return error.is_input();
        }
        cause.is::<Usage>()
            || cause.is::<RunConfigError>()
            || cause.is::<DeviceError>()
            || cause
                .downcast_ref::<DataError>()
                .is_some_and(DataError::is_input)
            || cause
                .downcast_ref::<ModelError>()
                .is_some_and(ModelError::is_input)
    })
}
