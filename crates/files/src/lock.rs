//! Locks: one writer of a target at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::Target;
use crate::names::Role;
use crate::same::is_same;

/// Polling interval for a held lock.
const PAUSE: Duration = Duration::from_millis(20);
/// Name of the lock inside a directory whose parent is not writable.
const INSIDE: &str = ".gradus-lock-0000000000000000";

/// Keeps other processes from writing a target until it is dropped. The operating system releases
/// the lock of a killed process.
///
/// The lock is a hidden file beside the target, which is removed with this value. If the parent directory is not
/// writable, the file is inside the target.
#[derive(Debug)]
pub struct Lock {
    /// Never read; closing it releases the lock.
    file: File,
    path: PathBuf,
    held: bool,
}

impl Lock {
    /// Waits up to `patience` for the lock. The parent directory of the target must exist.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] if another process still holds it, or an error if the file cannot be
    /// created.
    pub fn acquire(target: &Target, patience: Duration) -> io::Result<Self> {
        let beside = target.parent().join(Role::Lock.prefix(target.name()));
        let inside = target.path().join(INSIDE);
        let start = Instant::now();
        loop {
            let (path, file) = match open(&beside) {
                Err(error) if is_denied(&error) && target.path().is_dir() => {
                    (&inside, open(&inside)?)
                }
                other => (&beside, other?),
            };
            match file.try_lock() {
                Ok(()) if is_at(&file, path) => return Ok(Self::new(file, path, true)),
                // A holder that ended in between has removed the file.
                Ok(()) => {}
                Err(TryLockError::Error(_)) => return Ok(Self::new(file, path, false)),
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(busy(target)),
            }
        }
    }

    fn new(file: File, path: &Path, held: bool) -> Self {
        let path = path.to_owned();
        Self { file, path, held }
    }

    /// Whether the file system supports locks. Without them, two processes may write the same target, and a
    /// temporary file may still be in use.
    pub fn is_held(&self) -> bool {
        self.held
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While the lock is held, so that whoever locks the file next finds it gone. A file that
        // cannot be removed is in nobody's way.
        let _ = std::fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

/// Opens the file. If it belongs to another user, reading is enough for a lock.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let made = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    let opened = match made {
        Err(error) if is_denied(&error) && path.exists() => {
            OpenOptions::new().read(true).open(path)
        }
        made => made,
    };
    opened.map_err(|cause| io::Error::new(cause.kind(), format!("{}: {cause}", path.display())))
}

fn is_denied(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}

/// Whether the file still has its name. On other systems than Unix, an open file cannot be renamed or removed.
fn is_at(file: &File, path: &Path) -> bool {
    if cfg!(not(unix)) {
        return true;
    }
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(there)) => is_same(&ours, &there),
        _ => false,
    }
}

fn busy(target: &Target) -> io::Error {
    let path = target.path();
    let message = format!("{}: another process is writing it", path.display());
    io::Error::new(io::ErrorKind::ResourceBusy, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn target(place: &Path) -> Target {
        Target::of(&place.join("bundle")).unwrap()
    }

    #[test]
    fn a_second_writer_waits_and_then_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let target = target(place.path());
        let first = Lock::acquire(&target, Duration::ZERO).unwrap();
        assert!(first.is_held());
        let error = Lock::acquire(&target, Duration::from_millis(30)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        assert!(
            error.to_string().contains("bundle: another process"),
            "{error}"
        );
        drop(first);
        let second = Lock::acquire(&target, Duration::ZERO).unwrap();
        drop(second);
        assert_eq!(fs_err::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_holds_it_at_a_time_though_its_file_comes_and_goes() {
        let place = tempfile::tempdir().unwrap();
        let target = target(place.path());
        let inside = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let lock = Lock::acquire(&target, Duration::from_mins(1)).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        thread::yield_now();
                        assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                        drop(lock);
                    }
                });
            }
        });
        assert_eq!(fs_err::read_dir(place.path()).unwrap().count(), 0);
    }
}
