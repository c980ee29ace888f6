//! Where checkpoints lie.

use std::path::{Path, PathBuf};

use super::manifest::{Damage, Manifest};
use crate::{Result, TrainError};

pub(super) const STEP: &str = "step-";
pub(super) const BEST: &str = "best-";

/// Where the checkpoints of a run lie unless it says otherwise: `OUTPUT.checkpoints`.
pub fn default_checkpoints(output: &Path) -> PathBuf {
    let mut path = output.as_os_str().to_owned();
    path.push(".checkpoints");
    path.into()
}

/// The directory of checkpoints that `path` means: itself, or the one beside it if it is the
/// output of a run.
///
/// # Errors
/// [`TrainError::NoCheckpoint`] if neither holds any.
pub fn find_checkpoints(path: &Path) -> Result<PathBuf> {
    for directory in [path.to_owned(), default_checkpoints(path)] {
        if directory.is_dir() && !steps_in(&directory)?.is_empty() {
            return Ok(directory);
        }
    }
    Err(TrainError::NoCheckpoint {
        directory: path.into(),
        damaged: Vec::new(),
    })
}

/// A file that was saved with a checkpoint.
#[derive(Debug)]
pub struct SavedFile {
    /// Its content.
    pub content: Vec<u8>,
    /// Newer checkpoints that cannot be used.
    pub damaged: Vec<Damage>,
}

/// A file that was saved with the newest checkpoint that is whole; see
/// [`Checkpoints::files`](crate::Checkpoints::files).
///
/// # Errors
/// [`TrainError::NoCheckpoint`] if no checkpoint is whole and has such a file.
pub fn checkpoint_file(directory: &Path, name: &str) -> Result<SavedFile> {
    let (newest, damaged) = newest_whole(directory, &[name])?;
    Ok(SavedFile {
        content: fs_err::read(newest.join(name))?,
        damaged,
    })
}

/// The newest whole checkpoint, and the damaged ones after it.
pub(super) fn newest_whole(directory: &Path, needed: &[&str]) -> Result<(PathBuf, Vec<Damage>)> {
    let mut damaged = Vec::new();
    for step in steps_in(directory)?.into_iter().rev() {
        let path = step_directory(directory, step);
        let whole = Manifest::verify(&path, needed).and_then(|manifest| match manifest.best {
            Some(step) => verify_best(directory, step),
            None => Ok(()),
        });
        match whole {
            Ok(()) => return Ok((path, damaged)),
            Err(damage) => damaged.push(damage),
        }
    }
    Err(TrainError::NoCheckpoint {
        directory: directory.into(),
        damaged,
    })
}

fn verify_best(directory: &Path, step: usize) -> std::result::Result<(), Damage> {
    Manifest::verify(&best_directory(directory, step), &[super::store::MODEL]).map(|_| ())
}

pub(super) fn step_directory(directory: &Path, step: usize) -> PathBuf {
    directory.join(format!("{STEP}{step:06}"))
}

pub(super) fn best_directory(directory: &Path, step: usize) -> PathBuf {
    directory.join(format!("{BEST}{step:06}"))
}

/// Steps that have a checkpoint, in order.
pub(super) fn steps_in(directory: &Path) -> Result<Vec<usize>> {
    numbered(directory, STEP)
}

/// Steps whose weights are kept as the best, in order.
pub(super) fn bests_in(directory: &Path) -> Result<Vec<usize>> {
    numbered(directory, BEST)
}

fn numbered(directory: &Path, prefix: &str) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(directory)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(prefix));
        found.extend(number.and_then(|number| number.parse::<usize>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_found_by_their_own_name_and_by_the_output() {
        let place = tempfile::tempdir().unwrap();
        let output = place.path().join("bundle");
        let error = find_checkpoints(&output).unwrap_err().to_string();
        assert!(error.contains("no checkpoint found"), "{error}");
        let directory = default_checkpoints(&output);
        assert_eq!(directory, place.path().join("bundle.checkpoints"));
        fs_err::create_dir_all(directory.join("step-000012")).unwrap();
        assert_eq!(find_checkpoints(&output).unwrap(), directory);
        assert_eq!(find_checkpoints(&directory).unwrap(), directory);
    }

    #[test]
    fn steps_are_sorted_as_numbers_and_other_names_are_passed_over() {
        let place = tempfile::tempdir().unwrap();
        for name in [
            "step-000009",
            "step-1000000",
            "step-000010",
            ".step-000011.new-1-0",
            "step-x",
        ] {
            fs_err::create_dir(place.path().join(name)).unwrap();
        }
        assert_eq!(steps_in(place.path()).unwrap(), [9, 10, 1_000_000]);
    }
}
