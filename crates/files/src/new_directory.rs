//! A directory that appears complete or not at all.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::exchange::{exchange, rename_new};
use crate::names::{RANDOM, Role, leftovers};
use crate::sync::{create_directories, sync_directory};
use crate::{Lock, Target, access};

/// The entries of a directory that may be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// Everything.
    All,
    /// Files with these names, in this order: the one that identifies the directory comes last.
    /// All others move into the directory that takes its place.
    Files(Vec<OsString>),
}

/// A hidden directory under construction, beside its target. It is removed with this value,
/// unless it was [published](Self::publish) or has [replaced](Self::replace) another.
///
/// Only its owner can read it until then; afterwards it has the permissions of the directory that it replaces.
/// [`recover`](Self::recover) removes those of killed processes.
#[derive(Debug)]
pub struct NewDirectory {
    path: PathBuf,
    target: Target,
    /// The default mode of new directories here.
    permissions: Permissions,
    published: bool,
}

impl NewDirectory {
    /// Creates a directory that is to become `target`. Missing parents are created too.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(target: &Path) -> io::Result<Self> {
        let target = Target::of(target)?;
        create_directories(target.parent())?;
        let path = hidden(&target, Role::New, |path| fs_err::create_dir(path))?;
        let mut new = Self {
            permissions: fs_err::metadata(&path)?.permissions(),
            path,
            target,
            published: false,
        };
        new.permissions = access::make_private(&new.path)?;
        Ok(new)
    }

    /// Its temporary path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file and syncs it to disk.
    ///
    /// # Errors
    /// If it cannot be written, as on a full disk.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = fs_err::File::create(self.path.join(name))?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// As [`write`](Self::write), but a process that is killed leaves no incomplete file of this name: for the
    /// file that lists what belongs to the directory.
    ///
    /// # Errors
    /// If it cannot be written or renamed.
    pub fn write_whole(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let part = Role::Part.prefix(name.as_ref()) + &"0".repeat(RANDOM);
        self.write(&part, bytes)?;
        fs_err::rename(self.path.join(part), self.path.join(name))
    }

    /// Renames the directory to its target, which must not exist.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if it does, or the error of the system.
    pub fn publish(mut self) -> io::Result<()> {
        self.finish()?;
        self.take_name()
    }

    /// Replaces the target, if it exists. On systems that support it, both exchange their names in one step, so a
    /// complete directory always has the name. On others the old one moves aside first;
    /// [`recover`](Self::recover) restores it if the process is killed then. Afterwards `contents` of the old one is
    /// removed.
    ///
    /// # Errors
    /// If a rename fails; then the old target is in its place. If a removal fails; then the new one is in its place,
    /// and the message has the path of the rest of the old one.
    pub fn replace(self, contents: &Contents) -> io::Result<()> {
        self.replace_by(contents, exchange)
    }

    fn replace_by(
        mut self,
        contents: &Contents,
        exchange: impl Fn(&Path, &Path) -> io::Result<Option<()>>,
    ) -> io::Result<()> {
        self.finish()?;
        let target = self.target.path();
        match exchange(&self.path, &target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.take_name(),
            Err(error) => Err(at(&target, error)),
            Ok(Some(())) => {
                self.published = true;
                sync_directory(self.target.parent())?;
                discard(&self.path, &target, contents)
            }
            Ok(None) => self.replace_in_two_steps(contents),
        }
    }

    fn replace_in_two_steps(mut self, contents: &Contents) -> io::Result<()> {
        let target = self.target.path();
        let moved = hidden(&self.target, Role::Old, |old| rename_new(&target, old));
        let old = match moved {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.take_name(),
            moved => moved?,
        };
        if let Err(error) = self.take_name() {
            // What failed may be the sync behind the rename.
            if !self.published {
                fs_err::rename(&old, &target)?;
            }
            return Err(error);
        }
        discard(&old, &target, contents)
    }

    fn take_name(&mut self) -> io::Result<()> {
        let target = self.target.path();
        rename_new(&self.path, &target).map_err(|error| at(&target, error))?;
        self.published = true;
        sync_directory(self.target.parent())
    }

    /// Gives the directory and each file the permissions of those that they replace.
    fn finish(&self) -> io::Result<()> {
        let target = self.target.path();
        for entry in fs_err::read_dir(&self.path)? {
            let entry = entry?;
            match std::fs::metadata(target.join(entry.file_name())) {
                Ok(replaced) if replaced.is_file() && entry.file_type()?.is_file() => {
                    access::inherit_at(&entry.path(), &replaced)?;
                }
                _ => {}
            }
        }
        match std::fs::metadata(&target) {
            Ok(replaced) if replaced.is_dir() => access::inherit_at(&self.path, &replaced)?,
            _ => fs_err::set_permissions(&self.path, self.permissions.clone())?,
        }
        sync_directory(&self.path)
    }

    /// Cleans up after processes that were killed while they wrote `target`: restores a target that was moved aside
    /// and not replaced, and removes incomplete and replaced directories. `contents` returns what may be removed of
    /// a directory, or `None` to keep it.
    ///
    /// The lock keeps others from writing the target. On a file system without locks incomplete directories
    /// stay, as they may be in use.
    ///
    /// # Errors
    /// If a rename or a removal fails.
    pub fn recover(
        target: &Target,
        lock: &Lock,
        contents: impl Fn(&Path) -> Option<Contents>,
    ) -> io::Result<()> {
        if target.path().symlink_metadata().is_err()
            && let Some(old) = Self::moved_aside(target)?
        {
            rename_new(&old, &target.path()).map_err(|error| at(&old, error))?;
            sync_directory(target.parent())?;
        }
        if !lock.is_held() {
            return Ok(());
        }
        for role in [Role::New, Role::Old] {
            for left in leftovers(target, role)? {
                let is_directory = left.symlink_metadata().is_ok_and(|found| found.is_dir());
                if let Some(contents) = contents(&left).filter(|_| is_directory) {
                    discard(&left, &target.path(), &contents)?;
                }
            }
        }
        Ok(())
    }

    /// The path of a directory that a killed process moved aside from `target` and did not replace.
    ///
    /// # Errors
    /// If the parent directory of the target cannot be read.
    pub fn moved_aside(target: &Target) -> io::Result<Option<PathBuf>> {
        if target.path().symlink_metadata().is_ok() || !target.parent().is_dir() {
            return Ok(None);
        }
        let mut old = match leftovers(target, Role::Old) {
            // Whoever may not look there cannot bring anything back either.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
            found => found?,
        };
        old.retain(|path| path.symlink_metadata().is_ok_and(|found| found.is_dir()));
        Ok(old.pop())
    }

    /// Removes a directory: it is renamed first, so an incomplete one never has its name.
    ///
    /// # Errors
    /// If the rename or the removal fails.
    pub fn remove(directory: &Path) -> io::Result<()> {
        let target = Target::of_plain(directory)?;
        let old = hidden(&target, Role::Old, |old| rename_new(directory, old))?;
        fs_err::remove_dir_all(old)
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

/// Creates a file or directory with an unused hidden name beside the target.
fn hidden(
    target: &Target,
    role: Role,
    make: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let prefix = role.prefix(target.name());
    let named = tempfile::Builder::new()
        .prefix(&prefix)
        .rand_bytes(RANDOM)
        .make_in(target.parent(), |path| make(path))?;
    let path = named.into_temp_path().keep()?;
    // Without the way from the root, which nobody has typed.
    Ok(target.beside(path.file_name().unwrap_or_default()))
}

/// Removes the replaced directory. Files that are not in `contents` move to the new one.
fn discard(directory: &Path, target: &Path, contents: &Contents) -> io::Result<()> {
    let Contents::Files(names) = contents else {
        return fs_err::remove_dir_all(directory);
    };
    // What is removed was seen in this directory: a name that is a path may lead out of it.
    let mut seen = HashSet::new();
    for entry in fs_err::read_dir(directory)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        if names.contains(&name) && !entry.file_type()?.is_dir() || crate::is_temporary(&name) {
            seen.insert(name);
            continue;
        }
        rename_new(&path, &target.join(&name)).map_err(|error| {
            let (path, target) = (path.display(), target.display());
            io::Error::new(
                error.kind(),
                format!("{path}: cannot be moved to {target}: {error}"),
            )
        })?;
    }
    for name in names.iter().filter(|name| seen.contains(*name)) {
        match fs_err::remove_file(directory.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    // What is left has names that this crate gives.
    fs_err::remove_dir_all(directory)
}

fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs_err::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn new(target: &Path, file: &str) -> NewDirectory {
        let new = NewDirectory::create(target).unwrap();
        new.write(file, file.as_bytes()).unwrap();
        new
    }

    fn files(names: &[&str]) -> Contents {
        Contents::Files(names.iter().map(OsString::from).collect())
    }

    /// As on a file system that cannot exchange names.
    #[expect(clippy::unnecessary_wraps, reason = "stands for another function")]
    fn unsupported(_: &Path, _: &Path) -> io::Result<Option<()>> {
        Ok(None)
    }

    #[test]
    fn a_directory_that_is_not_published_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        drop(new(&place.path().join("a"), "part"));
        assert!(names(place.path()).is_empty());
    }

    #[test]
    fn files_outside_of_the_replaced_directory_stay() {
        for exchange in [exchange, unsupported] {
            let place = tempfile::tempdir().unwrap();
            let target = place.path().join("a");
            let outside = place.path().join("outside");
            fs_err::write(&outside, "a user's").unwrap();
            new(&target, "first").publish().unwrap();
            let names = files(&["../outside", outside.to_str().unwrap(), "first"]);
            let second = new(&target, "second");
            second.replace_by(&names, exchange).unwrap();
            assert!(outside.is_file());
            assert_eq!(self::names(&target), ["second"]);
        }
    }

    #[test]
    fn a_directory_replaces_the_old_one_with_and_without_an_exchange() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("deep/a");
        new(&target, "first").publish().unwrap();
        let error = new(&target, "second").publish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        new(&target, "second").replace(&Contents::All).unwrap();
        assert_eq!(names(&target), ["second"]);
        let third = new(&target, "third");
        third.replace_by(&Contents::All, unsupported).unwrap();
        assert_eq!(names(&target), ["third"]);
        assert_eq!(names(&place.path().join("deep")), ["a"]);
        for by in [exchange, unsupported] {
            fs_err::remove_dir_all(&target).unwrap();
            new(&target, "none before")
                .replace_by(&Contents::All, by)
                .unwrap();
            assert_eq!(names(&place.path().join("deep")), ["a"]);
        }
    }

    #[test]
    fn files_that_are_not_named_move_along() {
        for by in [exchange, unsupported] {
            let place = tempfile::tempdir().unwrap();
            let target = place.path().join("a");
            new(&target, "own").publish().unwrap();
            fs_err::write(target.join("notes"), "mine").unwrap();
            fs_err::create_dir(target.join("more")).unwrap();
            new(&target, "own")
                .replace_by(&files(&["own"]), by)
                .unwrap();
            assert_eq!(names(&target), ["more", "notes", "own"]);
            assert_eq!(names(place.path()), ["a"]);
        }
    }

    #[test]
    fn a_file_that_cannot_move_along_is_kept_and_named() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("a");
        new(&target, "own").publish().unwrap();
        fs_err::write(target.join("notes"), "mine").unwrap();
        let error = new(&target, "notes").replace(&files(&["own"])).unwrap_err();
        assert!(
            error.to_string().contains("notes: cannot be moved"),
            "{error}"
        );
        assert_eq!(names(&target), ["notes"]);
        let kept = names(place.path());
        let kept = kept
            .iter()
            .find(|name| name.starts_with(".gradus-"))
            .unwrap();
        let kept = place.path().join(kept).join("notes");
        assert_eq!(fs_err::read_to_string(kept).unwrap(), "mine");
    }

    #[test]
    fn what_a_killed_process_left_is_put_in_order() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        let target = Target::of(&path).unwrap();
        let other = Target::of(&place.path().join("b")).unwrap();
        let make = |target: &Target, role: Role, file: &str| {
            let left = hidden(target, role, |path| fs_err::create_dir(path)).unwrap();
            fs_err::write(left.join(file), "").unwrap();
            left
        };
        let foreign = [".a.old-2024", ".a.new-backup", ".a.old-1-0"];
        for name in foreign {
            fs_err::create_dir(place.path().join(name)).unwrap();
        }
        let others = make(&other, Role::New, "others");
        let recover = || {
            let lock = Lock::acquire(&target, Duration::ZERO).unwrap();
            NewDirectory::recover(&target, &lock, |_| Some(files(&["own"]))).unwrap();
        };
        // Killed between the two renames: the old one is aside, the new one not yet in its place.
        make(&target, Role::Old, "own");
        make(&target, Role::New, "own");
        assert!(NewDirectory::moved_aside(&target).unwrap().is_some());
        recover();
        assert_eq!(names(&path), ["own"]);
        // Killed after them, with a file in the old one that is nobody's to remove.
        let left = make(&target, Role::Old, "notes");
        fs_err::write(left.join("own"), "").unwrap();
        recover();
        assert_eq!(names(&path), ["notes", "own"]);
        assert!(others.is_dir());
        assert!(foreign.iter().all(|name| place.path().join(name).is_dir()));
        assert_eq!(names(place.path()).len(), 5);
        NewDirectory::remove(&path).unwrap();
        assert_eq!(names(place.path()).len(), 4);
    }

    #[test]
    fn what_nobody_can_tell_about_stays() {
        let place = tempfile::tempdir().unwrap();
        let target = Target::of(&place.path().join("a")).unwrap();
        let left = hidden(&target, Role::New, |path| fs_err::create_dir(path)).unwrap();
        let lock = Lock::acquire(&target, Duration::ZERO).unwrap();
        NewDirectory::recover(&target, &lock, |_| None).unwrap();
        assert!(left.is_dir());
    }

    #[cfg(unix)]
    #[test]
    fn what_was_private_stays_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("a");
        let plain = place.path().join("plain");
        fs_err::create_dir(&plain).unwrap();
        let first = new(&target, "own");
        assert_eq!(mode(first.path()), 0o700);
        first.publish().unwrap();
        assert_eq!(mode(&target), mode(&plain));
        for (path, mode) in [(target.join("own"), 0o600), (target.clone(), 0o750)] {
            fs_err::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        let second = new(&target, "own");
        second.write("more", b"").unwrap();
        second.replace(&Contents::All).unwrap();
        assert_eq!((mode(&target), mode(&target.join("own"))), (0o750, 0o600));
        fs_err::write(place.path().join("file"), "").unwrap();
        assert_eq!(mode(&target.join("more")), mode(&place.path().join("file")));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_directory_stays_one_and_long_names_fit() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("x".repeat(255));
        let link = place.path().join("link");
        fs_err::os::unix::fs::symlink(&target, &link).unwrap();
        new(&link, "first").publish().unwrap();
        new(&link, "second").replace(&Contents::All).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(names(&target), ["second"]);
    }
}
