//! The directories of checkpoints.

use std::path::{Path, PathBuf};

use gradus_files::{MOST_BYTES, Target, read_regular};

use super::manifest::{Damage, Manifest};
use crate::{Result, TrainError};

pub(super) const STEP: &str = "step-";
pub(super) const BEST: &str = "best-";

/// The default directory of a run's checkpoints: `OUTPUT.checkpoints` beside the output. The output may be written
/// as `out`, `out/` or `../run/out/.`.
///
/// # Errors
/// [`TrainError::Io`] if the output has no name (`/`).
pub fn default_checkpoints(output: &Path) -> Result<PathBuf> {
    let output: PathBuf = output.components().collect();
    let target = Target::of_plain(&output)?;
    let mut name = target.name().to_owned();
    name.push(".checkpoints");
    Ok(target.path().with_file_name(name))
}

/// The directory of checkpoints for `path`, which is this directory or the output of the run.
///
/// # Errors
/// [`TrainError::NoCheckpoint`] if there are none.
pub fn find_checkpoints(path: &Path) -> Result<PathBuf> {
    if has_checkpoints(path)? {
        return Ok(path.to_owned());
    }
    // A path without a name has no checkpoints beside it.
    if let Ok(beside) = default_checkpoints(path)
        && has_checkpoints(&beside)?
    {
        return Ok(beside);
    }
    Err(TrainError::NoCheckpoint {
        directory: path.into(),
        damaged: Vec::new(),
    })
}

/// Whether the directory exists and holds a checkpoint.
pub(crate) fn has_checkpoints(directory: &Path) -> Result<bool> {
    Ok(directory.is_dir() && !steps_in(directory)?.is_empty())
}

/// Refuses checkpoints inside the output, as the bundle replaces its directory, and an output inside the
/// checkpoints.
pub(crate) fn check_apart(checkpoints: &Path, output: &Path) -> Result<()> {
    let (checkpoints_at, output_at) = (absolute(checkpoints)?, absolute(output)?);
    if checkpoints_at.starts_with(&output_at) || output_at.starts_with(&checkpoints_at) {
        return Err(TrainError::CheckpointsInOutput {
            checkpoints: checkpoints.into(),
            output: output.into(),
        });
    }
    Ok(())
}

/// An absolute path without links. Its end need not exist.
fn absolute(path: &Path) -> Result<PathBuf> {
    let path: PathBuf = std::path::absolute(path)?.components().collect();
    for existing in path.ancestors() {
        if let Ok(real) = existing.canonicalize() {
            let rest = path.strip_prefix(existing).unwrap_or(Path::new(""));
            return Ok(real.join(rest));
        }
    }
    Ok(path)
}

/// A file of a checkpoint.
#[derive(Debug)]
#[non_exhaustive]
pub struct SavedFile {
    /// Its content.
    pub content: Vec<u8>,
    /// Newer, damaged checkpoints.
    pub damaged: Vec<Damage>,
}

/// Reads an additional file of the newest undamaged checkpoint; see
/// [`Checkpoints::files`](crate::Checkpoints::files).
///
/// # Errors
/// [`TrainError::NoCheckpoint`] if no undamaged checkpoint has such a file.
pub fn checkpoint_file(directory: &Path, name: &str) -> Result<SavedFile> {
    let (newest, damaged) = newest_whole(directory, &[name])?;
    Ok(SavedFile {
        content: read_regular(&newest.join(name), MOST_BYTES)?,
        damaged,
    })
}

/// The newest undamaged checkpoint, and the damaged ones after it.
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

/// Steps with a checkpoint, in order.
pub(super) fn steps_in(directory: &Path) -> Result<Vec<usize>> {
    numbered(directory, STEP)
}

/// Steps with a `best-...` directory, in order.
pub(super) fn bests_in(directory: &Path) -> Result<Vec<usize>> {
    numbered(directory, BEST)
}

/// Other forms of a number, such as `step-7`, are not names of this program.
fn numbered(directory: &Path, prefix: &str) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(directory)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(prefix));
        let number = number.and_then(|number| number.parse::<usize>().ok());
        found.extend(number.filter(|number| name == *format!("{prefix}{number:06}")));
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
        let directory = default_checkpoints(&output).unwrap();
        assert_eq!(directory, place.path().join("bundle.checkpoints"));
        fs_err::create_dir_all(directory.join("step-000012")).unwrap();
        fs_err::create_dir_all(output.join("inner")).unwrap();
        for name in ["bundle", "bundle/", "bundle/.", "bundle/inner/.."] {
            let found = find_checkpoints(&place.path().join(name)).unwrap();
            assert_eq!(
                found.canonicalize().unwrap(),
                directory.canonicalize().unwrap()
            );
        }
        assert_eq!(find_checkpoints(&directory).unwrap(), directory);
        assert!(default_checkpoints(Path::new("/")).is_err());
        assert_eq!(
            default_checkpoints(Path::new("out/")).unwrap(),
            Path::new("out.checkpoints")
        );
    }

    #[test]
    fn checkpoints_and_output_lie_apart() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs_err::create_dir(at("out")).unwrap();
        for (checkpoints, output) in [
            ("out", "out"),
            ("out/", "out"),
            ("out/checkpoints", "out"),
            ("new/a/b", "new/"),
            ("all", "all/new/out"),
        ] {
            let error = check_apart(&at(checkpoints), &at(output)).unwrap_err();
            assert!(
                matches!(error, TrainError::CheckpointsInOutput { .. }),
                "{error}"
            );
        }
        for (checkpoints, output) in [("out.checkpoints", "out"), ("a/b", "a/c"), ("ab", "a")] {
            check_apart(&at(checkpoints), &at(output)).unwrap();
        }
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
            "step-7",
            "step-+00008",
        ] {
            fs_err::create_dir(place.path().join(name)).unwrap();
        }
        assert_eq!(steps_in(place.path()).unwrap(), [9, 10, 1_000_000]);
    }
}
