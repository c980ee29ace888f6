//! What keeps an experiment from being planned, run or reported.

use std::io;
use std::path::PathBuf;

use gradus_eval::EvalError;
use gradus_files::is_about_the_path;

/// The result of an operation of this crate.
pub type Result<T, E = ExperimentError> = std::result::Result<T, E>;

/// What keeps an experiment from being planned, run or reported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// A file cannot be read or written; the message names it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The text is no plan.
    #[error("{name}: {source}")]
    Parse {
        /// Name of the file.
        name: String,
        /// Line, key, what was found and what was expected.
        source: Box<toml::de::Error>,
    },
    /// A setting of the plan that cannot be.
    #[error("{name}: {problem}")]
    Plan {
        /// Name of the file.
        name: String,
        /// Key, what was found and what was expected.
        problem: String,
    },
    /// The directory holds the runs of another plan.
    #[error("{}: found an experiment of another plan, expected the same one: {difference}", directory.display())]
    OtherPlan {
        /// The directory.
        directory: PathBuf,
        /// The first difference.
        difference: String,
    },
    /// The directory holds other files.
    #[error("{}: found other files and no experiment, expected a new or empty directory, or that of this experiment", directory.display())]
    OtherFiles {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory holds no experiment.
    #[error("{}: found no {file}, expected the directory of an experiment", directory.display())]
    NoExperiment {
        /// The directory.
        directory: PathBuf,
        /// The file that is missing.
        file: &'static str,
    },
    /// Another process runs the experiment.
    #[error("{}: found another process that runs this experiment, expected none", directory.display())]
    Busy {
        /// The directory.
        directory: PathBuf,
    },
    /// A file of the experiment that is not as this program writes it.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A report that cannot be made of these runs.
    #[error("{0}")]
    Report(String),
    /// Metrics or charts failed.
    #[error(transparent)]
    Eval(#[from] EvalError),
}

impl ExperimentError {
    /// Whether the plan or the files caused the error, not the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Io(cause) => is_about_the_path(cause),
            Self::Busy { .. } => false,
            _ => true,
        }
    }

    /// A hint for the user.
    pub fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::Parse { .. } | Self::Plan { .. } => {
                    "docs/experiments.md lists the keys of a plan, docs/run-config.md those of a run"
                }
                Self::OtherPlan { .. } => {
                    "give the changed plan another directory with -o; `report` takes several"
                }
                Self::OtherFiles { .. } => "choose another directory with -o",
                Self::NoExperiment { .. } => "`gradus experiment PLAN -o DIR` makes one",
                Self::Busy { .. } => "wait until it ends, or stop it; this experiment then goes on",
                Self::File { .. } => {
                    "remove the run's folder below `cells`, and it is made anew"
                }
                _ => return None,
            }
            .into(),
        )
    }
}
