//! A directory that appears whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{io, process};

use fs_err::File;

/// A directory under construction, beside its target and hidden. It disappears with the value,
/// unless it was [published](Self::publish).
///
/// A process that is killed leaves it behind, or leaves the target moved aside:
/// [`recover`](Self::recover) puts that in order.
#[derive(Debug)]
pub struct NewDirectory {
    path: PathBuf,
    target: PathBuf,
    published: bool,
}

impl NewDirectory {
    /// Starts a directory that is to become `target`. Missing parents are created.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(target: &Path) -> io::Result<Self> {
        fs_err::create_dir_all(parent(target))?;
        let path = sibling(target, NEW);
        fs_err::create_dir(&path)?;
        Ok(Self {
            path,
            target: target.into(),
            published: false,
        })
    }

    /// Where it lies until it is published.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file and waits until it is on disk.
    ///
    /// # Errors
    /// If it cannot be written, as on a full disk.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(self.path.join(name))?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()
    }

    /// Puts the directory in the place of its target. What was there moves aside first and is
    /// removed last, so that the target is at every moment the old one, nothing, or the new one.
    ///
    /// # Errors
    /// If a rename fails; the old target is then in its place.
    pub fn publish(mut self) -> io::Result<()> {
        sync_directory(&self.path)?;
        let old = self.move_target_aside()?;
        if let Err(error) = fs_err::rename(&self.path, &self.target) {
            if let Some(old) = &old {
                fs_err::rename(old, &self.target)?;
            }
            return Err(error);
        }
        self.published = true;
        sync_directory(parent(&self.target))?;
        match old {
            Some(old) => fs_err::remove_dir_all(old),
            None => Ok(()),
        }
    }

    /// Cleans up behind processes that were killed while they published `target`: a target that
    /// was moved aside and not replaced comes back, everything half-made goes.
    ///
    /// No other process may be writing `target` at the same time.
    ///
    /// # Errors
    /// If a rename or a removal fails.
    pub fn recover(target: &Path) -> io::Result<()> {
        let leftovers = |role| siblings(target, role);
        if target.symlink_metadata().is_err()
            && let Some(old) = leftovers(OLD)?.pop()
        {
            fs_err::rename(old, target)?;
        }
        for left in leftovers(NEW)?.iter().chain(&leftovers(OLD)?) {
            fs_err::remove_dir_all(left)?;
        }
        Ok(())
    }

    /// Removes a published directory so that no half of it is ever under its name.
    ///
    /// # Errors
    /// If the rename or the removal fails.
    pub fn remove(target: &Path) -> io::Result<()> {
        let old = sibling(target, OLD);
        fs_err::rename(target, &old)?;
        fs_err::remove_dir_all(old)
    }

    fn move_target_aside(&self) -> io::Result<Option<PathBuf>> {
        let old = sibling(&self.target, OLD);
        match fs_err::rename(&self.target, &old) {
            Ok(()) => Ok(Some(old)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        if !self.published {
            // Nothing is left to do about a failure here: the error that led to it is on its way.
            let _ = fs_err::remove_dir_all(&self.path);
        }
    }
}

/// Role of a directory under construction.
const NEW: &str = "new";
/// Role of a directory on its way out.
const OLD: &str = "old";

fn parent(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// A hidden name beside the target that no other save of this or another process uses.
fn sibling(target: &Path, role: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    parent(target).join(format!(".{name}.{role}-{}-{count}", process::id()))
}

/// Directories that [`sibling`] named for this target and role, sorted.
fn siblings(target: &Path, role: &str) -> io::Result<Vec<PathBuf>> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.{role}-");
    let mut found = Vec::new();
    if !parent(target).is_dir() {
        return Ok(found);
    }
    for entry in fs_err::read_dir(parent(target))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// A renamed file is on disk only once its directory is.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Other systems cannot open a directory as a file, and need no such step.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs_err::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_directory_that_is_not_published_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let new = NewDirectory::create(&place.path().join("a")).unwrap();
        new.write("part", b"x").unwrap();
        drop(new);
        assert!(names(place.path()).is_empty());
    }

    #[test]
    fn a_published_directory_replaces_the_old_one() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("deep/a");
        for (file, content) in [("first", "1"), ("second", "2")] {
            let new = NewDirectory::create(&target).unwrap();
            new.write(file, content.as_bytes()).unwrap();
            new.publish().unwrap();
        }
        assert_eq!(names(&target), ["second"]);
        assert_eq!(names(&place.path().join("deep")), ["a"]);
    }

    #[test]
    fn what_a_killed_process_left_is_put_in_order() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("a");
        let make = |name: &str| {
            fs_err::create_dir(place.path().join(name)).unwrap();
            fs_err::write(place.path().join(name).join(name), "").unwrap();
        };
        // Killed between the two renames: the old one is aside, the new one not yet in its place.
        make(".a.old-7-1");
        make(".a.new-7-0");
        make(".ab.new-7-0");
        NewDirectory::recover(&target).unwrap();
        assert_eq!(names(&target), [".a.old-7-1"]);
        assert_eq!(names(place.path()), [".ab.new-7-0", "a"]);
        // Killed after them.
        make(".a.old-7-2");
        NewDirectory::recover(&target).unwrap();
        assert_eq!(names(&target), [".a.old-7-1"]);
        assert_eq!(names(place.path()), [".ab.new-7-0", "a"]);
        NewDirectory::remove(&target).unwrap();
        assert_eq!(names(place.path()), [".ab.new-7-0"]);
    }
}
