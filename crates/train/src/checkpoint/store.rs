//! Writes, reads and prunes the checkpoints of a run.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};

use burn::lr_scheduler::LrSchedulerRecord;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::module::Module;
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::store::ModuleRecord;
use fs_err::File;
use gradus_files::{NewDirectory, create_directories, is_temporary};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fingerprint::Fingerprint;
use super::manifest::{Damage, Manifest, to_json};
use super::place::{best_directory, bests_in, newest_whole, step_directory, steps_in};
use super::records;
use super::{Begin, Checkpoints, METRICS_FILE};
use crate::{Result, TrainError};

pub(super) const MODEL: &str = "model.bpk";
pub(super) const OPTIMIZER: &str = "optimizer.bpk";
pub(super) const SCHEDULE: &str = "schedule.bpk";
pub(super) const AVERAGE: &str = "average.bpk";
pub(super) const STATE: &str = "state.json";
pub(super) const SETTINGS: &str = "settings.json";
const LOCK: &str = "lock";

/// The files of every checkpoint.
const NEEDED: [&str; 5] = [MODEL, OPTIMIZER, SCHEDULE, STATE, SETTINGS];

/// The content of a checkpoint to write.
pub(crate) struct Snapshot<'a, L, M, S> {
    /// Completed steps of the run; the number in the name of the checkpoint.
    pub(crate) step: usize,
    pub(crate) learner: &'a L,
    pub(crate) optimizer: &'a ModuleOptimizer,
    pub(crate) schedule: &'a ModuleLrScheduler,
    pub(crate) average: Option<&'a M>,
    /// The best model so far, and its step.
    pub(crate) best: Option<(usize, &'a M)>,
    /// All state except tensors.
    pub(crate) state: &'a S,
}

/// The content of a checkpoint that was read.
pub(crate) struct Restored<S> {
    pub(crate) path: PathBuf,
    pub(crate) model: ModuleRecord,
    pub(crate) optimizer: OptimizerRecord,
    pub(crate) schedule: LrSchedulerRecord,
    pub(crate) average: Option<ModuleRecord>,
    pub(crate) best: Option<ModuleRecord>,
    pub(crate) state: S,
    /// Newer, damaged checkpoints.
    pub(crate) damaged: Vec<Damage>,
}

/// The checkpoints of one run. No other run can use them while this value exists.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
    begin: Begin,
    /// Number of checkpoints to keep; 0 to write none.
    keep: usize,
    files: Vec<(String, Vec<u8>)>,
    settings: Fingerprint,
    newest: Option<PathBuf>,
    /// Step of the best weights on disk.
    saved_best: Option<usize>,
    /// Never read; closing it releases the lock.
    _lock: File,
}

impl Store {
    /// Locks the directory for one run. Nothing in it is changed yet.
    pub(crate) fn open(place: Checkpoints, keep: usize) -> Result<Self> {
        let directory = place.directory;
        create_directories(&directory)?;
        check_contents(&directory, &place.files)?;
        let lock = lock(&directory)?;
        let store = Self {
            directory,
            begin: place.begin,
            keep,
            files: place.files,
            settings: Fingerprint::default(),
            newest: None,
            saved_best: None,
            _lock: lock,
        };
        sweep(&store.directory)?;
        if place.begin == Begin::New && !steps_in(&store.directory)?.is_empty() {
            return Err(TrainError::CheckpointsExist {
                directory: store.directory.clone(),
            });
        }
        Ok(store)
    }

    /// Whether the run resumes from a checkpoint.
    pub(crate) fn resumes(&self) -> bool {
        self.begin == Begin::Resume
    }

    /// Begins a run with these settings and data. Returns the newest undamaged checkpoint to resume from, or
    /// removes those of an earlier run.
    pub(crate) fn begin<S: DeserializeOwned>(
        &mut self,
        settings: Fingerprint,
    ) -> Result<Option<Restored<S>>> {
        self.settings = settings;
        if self.resumes() {
            return self.restore().map(Some);
        }
        remove_all(&self.directory)?;
        Ok(None)
    }

    /// The path of the log.
    pub(crate) fn metrics_path(&self) -> PathBuf {
        self.directory.join(METRICS_FILE)
    }

    /// The newest checkpoint that this run has written or resumed from.
    pub(crate) fn newest(&self) -> Option<&Path> {
        self.newest.as_deref()
    }

    /// Whether checkpoints are written.
    pub(crate) fn is_kept(&self) -> bool {
        self.keep > 0
    }

    /// Saves a checkpoint and removes old ones.
    pub(crate) fn save<L: Module, M: Module, S: Serialize>(
        &mut self,
        snapshot: &Snapshot<'_, L, M, S>,
    ) -> Result<PathBuf> {
        if let Some((step, best)) = snapshot.best
            && self.saved_best != Some(step)
        {
            let new = NewDirectory::create(&best_directory(&self.directory, step))?;
            records::save(best.clone().into_record(), &new.path().join(MODEL))?;
            Manifest::publish(new, None)?;
            self.saved_best = Some(step);
        }
        let path = step_directory(&self.directory, snapshot.step);
        let new = NewDirectory::create(&path)?;
        let part = |name: &str| new.path().join(name);
        records::save(snapshot.learner.clone().into_record(), &part(MODEL))?;
        records::save(snapshot.optimizer.to_record(), &part(OPTIMIZER))?;
        records::save(snapshot.schedule.to_record(), &part(SCHEDULE))?;
        if let Some(average) = snapshot.average {
            records::save(average.clone().into_record(), &part(AVERAGE))?;
        }
        new.write(STATE, &to_json(snapshot.state, &part(STATE))?)?;
        new.write(SETTINGS, &to_json(&self.settings, &part(SETTINGS))?)?;
        for (name, content) in &self.files {
            new.write(name, content)?;
        }
        Manifest::publish(new, snapshot.best.map(|(step, _)| step))?;
        self.newest = Some(path.clone());
        self.prune(snapshot.step)?;
        Ok(path)
    }

    /// Keeps the newest checkpoints up to `step` and the best weights they refer to. Later ones were damaged
    /// when the run resumed from an earlier one.
    fn prune(&self, step: usize) -> Result<()> {
        let steps = steps_in(&self.directory)?;
        let kept: Vec<usize> = steps.iter().rev().copied().filter(|&s| s <= step).collect();
        let kept = &kept[..kept.len().min(self.keep)];
        for step in steps.iter().filter(|step| !kept.contains(step)) {
            NewDirectory::remove(&step_directory(&self.directory, *step))?;
        }
        let referred: Vec<Option<usize>> = kept
            .iter()
            .map(|&step| step_directory(&self.directory, step))
            .map(|path| Manifest::read_best(&path))
            .collect();
        for best in bests_in(&self.directory)? {
            if !referred.contains(&Some(best)) {
                NewDirectory::remove(&best_directory(&self.directory, best))?;
            }
        }
        Ok(())
    }

    /// Reads the newest undamaged checkpoint.
    fn restore<S: DeserializeOwned>(&mut self) -> Result<Restored<S>> {
        let (path, damaged) = newest_whole(&self.directory, &NEEDED)?;
        let settings: Fingerprint = read_json(&path.join(SETTINGS))?;
        // The default number format is not recorded, but by older versions; these record no offset that is none.
        let whole = |settings: Fingerprint| {
            let settings = settings.with_default("training.precision", "f32");
            settings.with_default("training.offset", "none")
        };
        let (own, started) = (whole(self.settings.clone()), whole(settings));
        if let Some(difference) = own.difference(&started) {
            return Err(TrainError::OtherRun {
                checkpoint: path,
                key: difference.key,
                found: difference.found,
                expected: difference.expected,
            });
        }
        let average = path.join(AVERAGE);
        self.saved_best = Manifest::read_best(&path);
        let best = self.saved_best;
        let best = best.map(|step| best_directory(&self.directory, step).join(MODEL));
        self.newest = Some(path.clone());
        Ok(Restored {
            model: records::load(&path.join(MODEL))?,
            optimizer: records::load(&path.join(OPTIMIZER))?,
            schedule: records::load(&path.join(SCHEDULE))?,
            average: average
                .exists()
                .then(|| records::load(&average))
                .transpose()?,
            best: best.map(|path| records::load(&path)).transpose()?,
            state: read_json(&path.join(STATE))?,
            path,
            damaged,
        })
    }

    /// Removes all checkpoints: the run is finished and its bundle is on disk.
    pub(crate) fn finish(self) -> Result<()> {
        remove_all(&self.directory)
    }
}

impl Drop for Store {
    /// Removes a directory without checkpoints.
    fn drop(&mut self) {
        if steps_in(&self.directory).is_ok_and(|steps| steps.is_empty()) {
            // A failure here does not matter: the run has ended.
            let _ = remove_all(&self.directory);
            let _ = fs_err::remove_file(self.directory.join(LOCK));
            let _ = fs_err::remove_dir(&self.directory);
        }
    }
}

/// Locks the directory. Does nothing on a file system without locks.
fn lock(directory: &Path) -> Result<File> {
    let file = File::create(directory.join(LOCK))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(TrainError::InUse {
            directory: directory.into(),
        }),
        _ => Ok(file),
    }
}

/// Refuses a directory with files of other programs. Hidden files are allowed, and stay.
fn check_contents(directory: &Path, files: &[(String, Vec<u8>)]) -> Result<()> {
    let refuse = |found: String| {
        Err(TrainError::NotCheckpoints {
            directory: directory.into(),
            found,
        })
    };
    let mut own = Vec::new();
    own.extend(
        steps_in(directory)?
            .into_iter()
            .map(|step| step_directory(directory, step)),
    );
    own.extend(
        bests_in(directory)?
            .into_iter()
            .map(|step| best_directory(directory, step)),
    );
    let has_lock = directory.join(LOCK).is_file();
    for entry in fs_err::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_own = match name.as_str() {
            LOCK => entry.metadata()?.is_file() && entry.metadata()?.len() == 0,
            // A run makes its lock before its log.
            METRICS_FILE => has_lock && entry.metadata()?.is_file(),
            _ => name.starts_with('.') || own.contains(&entry.path()),
        };
        if !is_own {
            return refuse(name);
        }
    }
    for checkpoint in own {
        if let Some(found) = foreign(&checkpoint, files)? {
            let name = checkpoint.file_name().unwrap_or_default();
            return refuse(format!("{}/{found}", name.display()));
        }
    }
    Ok(())
}

/// The name of a file in a checkpoint that no run has written, even if the manifest is damaged.
fn foreign(checkpoint: &Path, files: &[(String, Vec<u8>)]) -> Result<Option<String>> {
    let saved = Manifest::names(checkpoint);
    let known = [MODEL, OPTIMIZER, SCHEDULE, AVERAGE, STATE, SETTINGS];
    if !checkpoint.is_dir() {
        return Ok(Some(String::new()));
    }
    for entry in fs_err::read_dir(checkpoint)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_known = known.contains(&name.as_str())
            || saved.contains(&name)
            || files.iter().any(|(file, _)| *file == name);
        if !is_known || entry.file_type()?.is_dir() {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Removes temporary files of killed processes.
fn sweep(directory: &Path) -> Result<()> {
    for entry in fs_err::read_dir(directory)? {
        let entry = entry?;
        if !is_temporary(&entry.file_name()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs_err::remove_dir_all(entry.path())?;
        } else {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn remove_all(directory: &Path) -> Result<()> {
    for step in steps_in(directory)? {
        NewDirectory::remove(&step_directory(directory, step))?;
    }
    for step in bests_in(directory)? {
        NewDirectory::remove(&best_directory(directory, step))?;
    }
    let metrics = directory.join(METRICS_FILE);
    if metrics.exists() {
        fs_err::remove_file(metrics)?;
    }
    Ok(())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = gradus_files::read_regular(path, gradus_files::MOST_SETTINGS)?;
    serde_json::from_slice(&bytes).map_err(|error| TrainError::Checkpoint {
        path: path.into(),
        reason: error.to_string(),
    })
}
