//! The directory of an experiment: the plan, and a folder for each run.
//!
//! ```text
//! runs/
//!   experiment.json     what is run, to go on and to report
//!   spent.json          the time that was spent
//!   data/               parts drawn from the splits
//!   cells/2-LoRA/seed-0/
//!     run.toml          the run's configuration: `gradus train --config run.toml`
//!     cell.json         what is done with it
//!     bundle/           the trained model, if the plan keeps it
//!     log.txt           what the run printed
//!     result.json       scores beside ratings; the run is complete
//!     failure.json      why it failed, if it did
//! ```

mod record;

pub(crate) use record::name_of;
pub use record::{CellRecord, ExperimentRecord, RecordedAxis};

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gradus_files::{
    Existing, Lock, MOST_BYTES, NewFile, Target, create_directories, is_temporary, read_regular,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::plan::{CellCommand, DataOptions};
use crate::result::CellResult;
use crate::{ExperimentError, Result};

const RECORD: &str = "experiment.json";
const SPENT: &str = "spent.json";
const TASK: &str = "cell.json";
const RUN: &str = "run.toml";
const RESULT: &str = "result.json";
const FAILURE: &str = "failure.json";

/// An experiment in its directory, which no other process runs meanwhile.
#[derive(Debug)]
pub struct Experiment {
    directory: PathBuf,
    record: ExperimentRecord,
    /// Held while this value lives.
    _lock: Lock,
}

/// What a process does in the folder of a run, as in its `cell.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellTask {
    /// What is done with `run.toml`.
    pub command: CellCommand,
    /// Labels on the axes.
    pub labels: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// The test split, if there is one.
    pub test: Option<PathBuf>,
    /// Whether the bundle is kept.
    pub keep_bundle: bool,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Exit code of its process; `None` if it was killed.
    pub code: Option<i32>,
    /// What it said.
    pub message: String,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq)]
pub enum CellState {
    /// It has no result yet.
    Open,
    /// It is complete.
    Complete(Box<CellResult>),
    /// It failed.
    Failed(Failure),
}

#[derive(Serialize, Deserialize)]
struct Spent {
    seconds: f64,
}

impl Experiment {
    /// Begins an experiment in a new or empty directory, or goes on with the same one.
    ///
    /// # Errors
    /// [`ExperimentError::Busy`] while another process runs it; [`ExperimentError::OtherPlan`] if the directory holds
    /// one of another plan, [`ExperimentError::OtherFiles`] if it holds something else.
    pub fn begin(directory: &Path, planned: ExperimentRecord) -> Result<Self> {
        create_directories(directory)?;
        let lock = lock(directory)?;
        let path = directory.join(RECORD);
        if path.exists() {
            let found: ExperimentRecord = read(&path)?;
            if let Some(difference) = found.difference(&planned) {
                return Err(ExperimentError::OtherPlan {
                    directory: directory.into(),
                    difference,
                });
            }
        } else {
            for entry in fs_err::read_dir(directory)? {
                if !is_temporary(&entry?.file_name()) {
                    return Err(ExperimentError::OtherFiles {
                        directory: directory.into(),
                    });
                }
            }
            write(&path, &planned)?;
        }
        Ok(Self {
            directory: directory.into(),
            record: planned,
            _lock: lock,
        })
    }

    /// Reads what a directory holds, whether or not a process still runs it.
    ///
    /// # Errors
    /// [`ExperimentError::NoExperiment`], or [`ExperimentError::File`] for one that this version does not know.
    pub fn record_of(directory: &Path) -> Result<ExperimentRecord> {
        let path = directory.join(RECORD);
        if !path.exists() {
            return Err(ExperimentError::NoExperiment {
                directory: directory.into(),
                file: RECORD,
            });
        }
        let record: ExperimentRecord = read(&path)?;
        if record.format_version != ExperimentRecord::FORMAT_VERSION {
            let (found, known) = (record.format_version, ExperimentRecord::FORMAT_VERSION);
            let problem = format!("found the layout {found}, expected {known}");
            return Err(ExperimentError::File { path, problem });
        }
        Ok(record)
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What is run.
    pub fn record(&self) -> &ExperimentRecord {
        &self.record
    }

    /// Writes the configuration of a run into its folder, with what is done there, unless both are there.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn prepare(&self, cell: &CellRecord, run: &str, task: &CellTask) -> Result<()> {
        let place = cell.place(&self.directory);
        create_directories(&place)?;
        if !place.join(RUN).exists() {
            write_bytes(&place.join(RUN), run.as_bytes())?;
        }
        if !place.join(TASK).exists() {
            write(&place.join(TASK), task)?;
        }
        Ok(())
    }

    /// How far a run is.
    ///
    /// # Errors
    /// [`ExperimentError::File`] for files that this program did not write.
    pub fn state(directory: &Path, cell: &CellRecord) -> Result<CellState> {
        let place = cell.place(directory);
        let result = place.join(RESULT);
        if result.exists() {
            let found: CellResult = read(&result)?;
            if found.format_version != CellResult::FORMAT_VERSION
                || found.labels.len() != cell.labels.len()
                || found.seed != cell.seed
            {
                let problem = "found the result of another run or version".into();
                return Err(ExperimentError::File {
                    path: result,
                    problem,
                });
            }
            return Ok(CellState::Complete(Box::new(found)));
        }
        let failure = place.join(FAILURE);
        if failure.exists() {
            return Ok(CellState::Failed(read(&failure)?));
        }
        Ok(CellState::Open)
    }

    /// Notes that a run failed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn note_failure(&self, cell: &CellRecord, failure: &Failure) -> Result<()> {
        write(&cell.place(&self.directory).join(FAILURE), failure)
    }

    /// Forgets that a run failed, to try again.
    ///
    /// # Errors
    /// If the note cannot be removed.
    pub fn forget_failure(&self, cell: &CellRecord) -> Result<()> {
        let note = cell.place(&self.directory).join(FAILURE);
        if note.exists() {
            fs_err::remove_file(note)?;
        }
        Ok(())
    }

    /// Seconds that were spent on the experiment before.
    ///
    /// # Errors
    /// If the note cannot be read.
    pub fn spent(&self) -> Result<f64> {
        let path = self.directory.join(SPENT);
        if !path.exists() {
            return Ok(0.0);
        }
        Ok(read::<Spent>(&path)?.seconds)
    }

    /// Notes the seconds spent in all.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn note_spent(&self, seconds: f64) -> Result<()> {
        write(&self.directory.join(SPENT), &Spent { seconds })
    }
}

impl CellTask {
    /// Reads what is to be done in the folder of a run.
    ///
    /// # Errors
    /// [`ExperimentError::NoExperiment`] if it is no such folder.
    pub fn read(place: &Path) -> Result<Self> {
        let path = place.join(TASK);
        if !path.exists() {
            return Err(ExperimentError::NoExperiment {
                directory: place.into(),
                file: TASK,
            });
        }
        read(&path)
    }

    /// Whether the run in this folder is complete.
    pub fn is_complete(place: &Path) -> bool {
        place.join(RESULT).exists()
    }

    /// Writes the result of the run in this folder, which then is complete.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn complete(place: &Path, result: &CellResult) -> Result<()> {
        write(&place.join(RESULT), result)
    }

    /// The configuration of the run.
    pub fn config(place: &Path) -> PathBuf {
        place.join(RUN)
    }

    /// Where the run puts its bundle.
    pub fn bundle(place: &Path) -> PathBuf {
        place.join("bundle")
    }

    /// Where what the run prints is kept.
    pub fn log(place: &Path) -> PathBuf {
        place.join("log.txt")
    }

    /// Counts a start of the run; returns how many there were with it.
    ///
    /// # Errors
    /// If the note cannot be written.
    pub fn count_start(place: &Path) -> Result<usize> {
        let path = place.join("starts.json");
        let before: usize = if path.exists() { read(&path)? } else { 0 };
        write(&path, &(before + 1))?;
        Ok(before + 1)
    }
}

/// A part of a split: the file for it below the directory of the experiment.
pub fn part_path(directory: &Path, split: &Path, records: usize, options: &DataOptions) -> PathBuf {
    // FNV-1a of the path, so that two files of the same name have parts of their own.
    let text = split.to_string_lossy();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let stem = split.file_name().unwrap_or_default().to_string_lossy();
    let stem: String = stem
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .take(20)
        .collect();
    let draw = options.draw;
    directory
        .join("data")
        .join(format!("{stem}-{records}-{draw}-{hash:016x}.jsonl"))
}

fn lock(directory: &Path) -> Result<Lock> {
    // Not the record itself, which is locked while it is written.
    let target = Target::of_plain(&directory.join("experiment"))?;
    Lock::acquire(&target, Duration::ZERO).map_err(|error| {
        if error.kind() == std::io::ErrorKind::ResourceBusy {
            ExperimentError::Busy {
                directory: directory.into(),
            }
        } else {
            error.into()
        }
    })
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = read_regular(path, MOST_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|error| ExperimentError::File {
        path: path.into(),
        problem: format!("not as this program writes it: {error}"),
    })
}

fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut bytes = serde_json::to_vec(value).map_err(std::io::Error::from)?;
    bytes.push(b'\n');
    write_bytes(path, &bytes)
}

fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = NewFile::create(path, Existing::Replace)?;
    file.write_all(bytes)?;
    file.publish()?;
    Ok(())
}
