//! Error messages and exit codes.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

use anstyle::AnsiColor;
use anyhow::Error;
use gradus::bench::BenchError;
use gradus::data::{DataError, visible_lines};
use gradus::device::{self, DeviceError};
use gradus::hub::HubError;
use gradus::model::ModelError;
use gradus::train::TrainError;
use gradus::{RunConfigError, eval::EvalError};
use gradus_experiment::ExperimentError;

use crate::show;

/// Exit code for wrong usage or input, as in clap.
const USAGE_OR_DATA: u8 = 2;
/// Exit code for any other failure.
const OTHER: u8 = 1;
/// Exit code of a run stopped by a signal, as shells report Ctrl-C.
pub(crate) const STOPPED: u8 = 130;

/// A usage error: a valid command line that cannot be executed.
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

/// A command that did what it could, of which something is left to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Incomplete {
    /// It was stopped by a signal, and has said how it goes on.
    #[error("stopped")]
    Stopped,
    /// Some of its parts failed.
    #[error("{message}")]
    Failed { message: String, hint: String },
}

/// Message and location of the first panic.
#[derive(Default)]
struct Panic {
    message: String,
    backtrace: Option<Backtrace>,
}

static PANIC: Mutex<Option<Panic>> = Mutex::new(None);

/// A defect in this program or one of its libraries.
#[derive(Debug, thiserror::Error)]
#[error("internal error: {0}")]
struct Internal(String);

/// A library panicked because the system refused memory or a thread.
#[derive(Debug, thiserror::Error)]
#[error("the system or one of its limits refuses more memory or threads: {0}")]
struct Exhausted(String);

/// The system's refusals in panic messages: EAGAIN, also for threads without memory for their
/// stack, and ENOMEM.
const REFUSALS: [&str; 2] = ["Resource temporarily unavailable", "Cannot allocate memory"];

/// A library panicked on a system error, as Burn does if reading a file fails later.
#[derive(Debug, thiserror::Error)]
#[error("reading or writing failed: {0}")]
struct SystemError(String);

fn is_refusal(message: &str) -> bool {
    REFUSALS.iter().any(|refusal| message.contains(refusal))
}

/// Converts a panic to an error.
fn of_panic(message: String) -> Error {
    if is_refusal(&message) {
        return Exhausted(message).into();
    }
    if message.contains("(os error ") {
        return SystemError(message).into();
    }
    Internal(message).into()
}

/// Converts an error caused by the system's refusal of memory or threads.
fn of_refusal(error: Error) -> Error {
    let message = chain(&error);
    if is_refusal(&message) {
        return Exhausted(message).into();
    }
    error
}

/// Runs a command. Panics become errors, and so does a lost worker: Burn panics in many places if a
/// device stops answering.
pub(crate) fn guarded(command: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    panic::set_hook(Box::new(note_panic));
    let outcome = panic::catch_unwind(AssertUnwindSafe(command));
    let (error, backtrace) = match outcome {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => (of_refusal(error), None),
        Err(_) => {
            let noted = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Panic { message, backtrace } = noted.unwrap_or_default();
            (of_panic(message), backtrace)
        }
    };
    if let Some(name) = device::lost() {
        let reason = error.downcast_ref::<Internal>();
        let reason = reason.map_or_else(|| chain(&error), |panic| panic.0.clone());
        return Err(DeviceError::Lost { name, reason }.into());
    }
    if let Some(backtrace) = backtrace {
        show::status(&backtrace.to_string());
    }
    Err(error)
}

fn note_panic(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("no message");
    let place = info.location().map(|place| format!(" ({place})"));
    // Captured only if RUST_BACKTRACE is set.
    let backtrace = Backtrace::capture();
    let mut first = PANIC.lock().unwrap_or_else(PoisonError::into_inner);
    first.get_or_insert_with(|| Panic {
        message: format!("{message}{}", place.unwrap_or_default()),
        backtrace: (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace),
    });
}

/// Prints the error with its causes and hint, and returns the exit code.
pub(crate) fn report(error: &Error) -> u8 {
    if let Some(stopped @ TrainError::Stopped { .. }) = error.downcast_ref() {
        show::status(&stopped.to_string());
        if let Some(hint) = stopped.hint() {
            show::status(&hint);
        }
        return STOPPED;
    }
    if let Some(Incomplete::Stopped) = error.downcast_ref() {
        return STOPPED;
    }
    show::labeled(AnsiColor::Red, "error", &chain(error));
    if let Some(hint) = hint(error) {
        show::status("");
        show::labeled(AnsiColor::Cyan, "hint", &hint);
    }
    if is_input(error) {
        USAGE_OR_DATA
    } else {
        OTHER
    }
}

/// Prints the problem of the command line, or the help, and exits.
pub(crate) fn refuse_arguments(error: &clap::Error) -> ! {
    let text = error.render().to_string();
    // File names from a shell pattern are not written by the user.
    if error.use_stderr() && visible_lines(&text) != text {
        show::status(text.trim_end());
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// The causes in one line, without causes that the message before already contains.
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

/// An error with a hint, that knows whether the user's input caused it.
trait Explained {
    /// A hint for the user.
    fn hint(&self) -> Option<String>;

    /// Whether the user's input caused the error, not the machine or this program.
    fn is_input(&self) -> bool;
}

impl Explained for Usage {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    fn is_input(&self) -> bool {
        true
    }
}

impl Explained for Incomplete {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Stopped => None,
            Self::Failed { hint, .. } => Some(hint.clone()),
        }
    }

    fn is_input(&self) -> bool {
        false
    }
}

impl Explained for Exhausted {
    fn hint(&self) -> Option<String> {
        let hint = "raise the limit (`ulimit -v`, `ulimit -u`, that of the container), or use \
                    fewer threads: RAYON_NUM_THREADS=1";
        Some(hint.into())
    }

    fn is_input(&self) -> bool {
        false
    }
}

impl Explained for Internal {
    fn hint(&self) -> Option<String> {
        Some("this is a defect: please report it with the command line".into())
    }

    fn is_input(&self) -> bool {
        false
    }
}

/// Implements [`Explained`] for the libraries' errors, and defines a function that finds them.
macro_rules! explained {
    (here: $($here:ty),+; libraries: $($(#[$condition:meta])* $library:ty),+ $(,)?) => {
        $($(#[$condition])* impl Explained for $library {
            fn hint(&self) -> Option<String> {
                self.hint()
            }

            fn is_input(&self) -> bool {
                self.is_input()
            }
        })+

        /// The error as [`Explained`], if it implements it.
        fn explained<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a dyn Explained> {
            $(if let Some(error) = error.downcast_ref::<$here>() {
                return Some(error);
            })+
            $($(#[$condition])* if let Some(error) = error.downcast_ref::<$library>() {
                return Some(error);
            })+
            None
        }
    };
}

explained! {
    here: Usage, Incomplete, Exhausted, Internal;
    libraries:
        TrainError,
        DataError,
        ModelError,
        EvalError,
        BenchError,
        RunConfigError,
        DeviceError,
        HubError,
        ExperimentError,
        #[cfg(feature = "remote")]
        device::WorkerError,
        #[cfg(feature = "serve")]
        gradus_serve::ServeError,
}

/// The hint of the first cause that has one.
fn hint(error: &Error) -> Option<String> {
    all_explained(error).find_map(Explained::hint)
}

/// The errors of the chain that explain themselves. One that was laid around another as its context is not
/// of its own type there.
fn all_explained(error: &Error) -> impl Iterator<Item = &dyn Explained> {
    let context = error.downcast_ref::<Usage>();
    let context = context.map(|usage| -> &dyn Explained { usage });
    context
        .into_iter()
        .chain(error.chain().filter_map(explained))
}

/// Whether the user's input caused the error, not the machine or this program.
fn is_input(error: &Error) -> bool {
    all_explained(error).any(Explained::is_input)
}
