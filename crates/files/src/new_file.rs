//! A file that is complete or absent.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use crate::exchange::rename_new;
use crate::names::{RANDOM, Role, leftovers};
use crate::same::is_same;
use crate::sync::sync_directory;
use crate::{Target, access};

/// The treatment of an existing file of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Keep it and fail.
    Refuse,
    /// Replace it once the new one is complete.
    Replace,
}

/// A file that gets its name when it is complete, and then replaces an existing one.
///
/// Bytes go to a temporary file in the same directory. [`NewFile::publish`] syncs it, renames it, and syncs the
/// directory. If this value is dropped before, the temporary file is removed and the target stays as it was. The
/// next process that writes the same target removes temporary files of killed ones. A symbolic link is followed:
/// the file it points to is replaced. Permissions are those of the replaced file, or follow the umask.
///
/// A terminal, a pipe, `/dev/null` or a descriptor such as `/dev/stdout` cannot be replaced: bytes are written to it
/// directly.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    /// `None` if bytes are written directly.
    place: Option<Place>,
}

#[derive(Debug)]
struct Place {
    target: Target,
    existing: Existing,
    /// Removes the temporary file when dropped.
    part: TempPath,
}

impl NewFile {
    /// Creates the temporary file for `path`.
    ///
    /// # Errors
    /// - [`io::ErrorKind::AlreadyExists`]: the file exists and must not be replaced
    /// - [`io::ErrorKind::IsADirectory`]: the path is a directory
    /// - [`io::ErrorKind::Unsupported`]: it is a block device or a socket
    /// - errors of the system, such as for a directory that is missing or not writable
    pub fn create(path: &Path, existing: Existing) -> io::Result<Self> {
        if ends_in_slash(path) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if let Some(file) = open_descriptor(path)? {
            return Ok(Self { file, place: None });
        }
        let target = Target::of(path)?;
        let replaced = match std::fs::metadata(target.path()) {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => return open_stream(&target, &found),
            Ok(_) if existing == Existing::Refuse => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Ok(found) => {
                // A file that may not be written to is not to be replaced either.
                OpenOptions::new().append(true).open(target.path())?;
                Some(found)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // Asked first, since the message about a temporary file would name that file.
        std::fs::metadata(target.parent())?;
        clean(&target);
        let (file, part) = temporary(&target, replaced.as_ref())?;
        let place = Some(Place {
            target,
            existing,
            part,
        });
        Ok(Self { file, place })
    }

    /// Standard output; bytes are written directly.
    ///
    /// # Errors
    /// If it is closed.
    pub fn standard_output() -> io::Result<Self> {
        #[cfg(unix)]
        let file = std::os::fd::AsFd::as_fd(&io::stdout())
            .try_clone_to_owned()
            .map(File::from);
        #[cfg(windows)]
        let file = std::os::windows::io::AsHandle::as_handle(&io::stdout())
            .try_clone_to_owned()
            .map(File::from);
        // A browser has no such file.
        #[cfg(not(any(unix, windows)))]
        let file = Err(io::Error::from(io::ErrorKind::Unsupported));
        Ok(Self {
            file: file?,
            place: None,
        })
    }

    /// Gives the file the permissions of the file at `path`.
    ///
    /// # Errors
    /// If there is no such file, or if permissions cannot be set.
    pub fn inherit_access(&self, path: &Path) -> io::Result<()> {
        access::inherit(&self.file, &std::fs::metadata(path)?)
    }

    /// Syncs the file and gives it its name.
    ///
    /// # Errors
    /// Those of the system; the target stays as it was.
    pub fn publish(self) -> io::Result<()> {
        let Some(place) = self.place else {
            return Ok(());
        };
        self.file.sync_all()?;
        let target = place.target.path();
        let renamed = match place.existing {
            Existing::Replace => rename(&place.part, &target),
            Existing::Refuse => rename_new(&place.part, &target),
        };
        // On failure `part` is dropped here, and the file with it.
        renamed?;
        // It has another name now.
        let _ = place.part.keep();
        sync_directory(place.target.parent())
    }
}

impl Write for NewFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.file.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "callers name the path that they were given"
)]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

fn ends_in_slash(path: &Path) -> bool {
    let last = path.as_os_str().as_encoded_bytes().last();
    last.is_some_and(|byte| std::path::is_separator(char::from(*byte)))
}

/// Whether a path is a descriptor of this process, such as `/dev/stdout`, instead of a file.
#[cfg(unix)]
fn open_descriptor(path: &Path) -> io::Result<Option<File>> {
    use std::os::fd::AsFd as _;
    let Some(number) = descriptor(path) else {
        return Ok(None);
    };
    // The same open file, so that what others write to it comes after.
    let file = match number.as_str() {
        "1" => NewFile::standard_output()?.file,
        "2" => File::from(io::stderr().as_fd().try_clone_to_owned()?),
        _ => OpenOptions::new().append(true).open(path)?,
    };
    Ok(Some(file))
}

/// The number of the descriptor that a path refers to.
#[cfg(unix)]
fn descriptor(path: &Path) -> Option<String> {
    let mut path = path.to_owned();
    // As many links as Linux follows.
    for _ in 0..40 {
        let directory = path.parent()?.canonicalize().ok()?;
        let is_own = directory == Path::new("/dev/fd")
            || directory.starts_with("/proc") && directory.ends_with("fd");
        let name = path.file_name()?.to_str()?;
        if is_own && name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(name.to_owned());
        }
        let link = std::fs::read_link(&path).ok()?;
        path = directory.join(link);
    }
    None
}

#[cfg(not(unix))]
fn open_descriptor(_path: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

/// Whether a path is a device, such as `/dev/null`: a rename would remove it.
fn open_stream(target: &Target, found: &Metadata) -> io::Result<NewFile> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        let kind = found.file_type();
        if kind.is_fifo() || kind.is_char_device() {
            let file = OpenOptions::new().write(true).open(target.path())?;
            return Ok(NewFile { file, place: None });
        }
    }
    let _ = (target, found);
    Err(io::ErrorKind::Unsupported.into())
}

/// Creates the temporary file and locks it, to mark it as in use.
fn temporary(target: &Target, replaced: Option<&Metadata>) -> io::Result<(File, TempPath)> {
    loop {
        let (file, part) = create_part(target, replaced)?.into_parts();
        let locked = file.try_lock();
        let is_there = match (file.metadata(), std::fs::metadata(&part)) {
            (Ok(ours), Ok(there)) => cfg!(not(unix)) || is_same(&ours, &there),
            _ => false,
        };
        // Between the creation and the lock another process may have taken it for a leftover.
        if matches!(locked, Err(std::fs::TryLockError::WouldBlock)) || !is_there {
            continue;
        }
        if let Some(replaced) = replaced {
            access::inherit(&file, replaced)?;
        }
        return Ok((file, part));
    }
}

fn create_part(target: &Target, replaced: Option<&Metadata>) -> io::Result<NamedTempFile> {
    let prefix = Role::Part.prefix(target.name());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).rand_bytes(RANDOM);
    // Temporary files are private by default; this one becomes an ordinary file.
    #[cfg(unix)]
    builder.permissions(access::first_permissions(replaced));
    #[cfg(not(unix))]
    let _ = replaced;
    builder.tempfile_in(target.parent())
}

/// Removes temporary files of killed processes for the same target: those that are not locked. Errors are
/// ignored, as the files do no harm.
fn clean(target: &Target) {
    let unused = |path: &PathBuf| {
        let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
        is_file
            && OpenOptions::new()
                .read(true)
                .open(path)
                .is_ok_and(|file| file.try_lock().is_ok())
    };
    let left = leftovers(target, Role::Part).unwrap_or_default();
    for path in left.iter().filter(|path| unused(path)) {
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::tempdir;

    fn names_in(directory: &Path) -> Vec<String> {
        let entries = fs_err::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn write(path: &Path, existing: Existing, content: &str) -> io::Result<()> {
        let mut file = NewFile::create(path, existing)?;
        file.write_all(content.as_bytes())?;
        file.publish()
    }

    #[test]
    fn a_file_that_exists_is_replaced_only_when_asked() {
        let place = tempdir().unwrap();
        let path = place.path().join("a");
        write(&path, Existing::Refuse, "old").unwrap();
        let error = write(&path, Existing::Refuse, "new").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        write(&path, Existing::Replace, "new").unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "new");
        assert_eq!(names_in(place.path()), ["a"]);
    }

    #[test]
    fn a_file_that_appears_meanwhile_stays() {
        let place = tempdir().unwrap();
        let path = place.path().join("a");
        let mut file = NewFile::create(&path, Existing::Refuse).unwrap();
        file.write_all(b"ours").unwrap();
        fs_err::write(&path, "theirs").unwrap();
        let error = file.publish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(names_in(place.path()), ["a"]);
    }

    #[test]
    fn what_a_killed_process_left_goes_and_what_is_in_use_or_foreign_stays() {
        let place = tempdir().unwrap();
        let target = Target::of(&place.path().join("a")).unwrap();
        let other = Target::of(&place.path().join("b")).unwrap();
        let name = |target: &Target, end: &str| {
            let prefix = Role::Part.prefix(target.name());
            place.path().join(format!("{prefix}{end}"))
        };
        let left = name(&target, "aaaaaaaaaaaa");
        let kept = [
            name(&other, "aaaaaaaaaaaa"),
            name(&target, "backup"),
            place.path().join(".a.part"),
        ];
        for path in kept.iter().chain([&left]) {
            fs_err::write(path, "").unwrap();
        }
        let in_use = NewFile::create(&target.path(), Existing::Refuse).unwrap();
        assert!(!left.exists());
        let second = NewFile::create(&target.path(), Existing::Refuse).unwrap();
        assert_eq!(names_in(place.path()).len(), 5);
        in_use.publish().unwrap();
        drop(second);
        assert!(kept.iter().all(|path| path.exists()));
        assert_eq!(names_in(place.path()).len(), 4);
    }

    #[test]
    fn directories_are_refused_also_by_a_slash() {
        let place = tempdir().unwrap();
        for path in [place.path().to_owned(), place.path().join("new/")] {
            let error = NewFile::create(&path, Existing::Replace).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::IsADirectory, "{path:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_of_any_length_and_any_bytes_can_be_written() {
        use std::os::unix::ffi::OsStrExt as _;
        let place = tempdir().unwrap();
        for name in [&[b'x'; 255][..], b"\xff\xfe"] {
            let path = place.path().join(std::ffi::OsStr::from_bytes(name));
            write(&path, Existing::Refuse, "whole").unwrap();
            assert_eq!(fs_err::read_to_string(&path).unwrap(), "whole");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_stay() {
        let place = tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs_err::os::unix::fs::symlink("file", at("link")).unwrap();
        for content in ["first", "second"] {
            write(&at("link"), Existing::Replace, content).unwrap();
            assert_eq!(fs_err::read_to_string(at("file")).unwrap(), content);
        }
        assert!(at("link").symlink_metadata().unwrap().is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn permissions_stay_and_are_at_no_moment_wider() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempdir().unwrap();
        let mode = |path: &Path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
        for expected in [0o600, 0o640, 0o666, 0o444] {
            let path = place.path().join("a");
            fs_err::write(&path, "secret").unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(expected)).unwrap();
            // Only the superuser may replace a file that cannot be written to.
            let Ok(file) = NewFile::create(&path, Existing::Replace) else {
                assert_eq!(expected, 0o444);
                continue;
            };
            let part = &file.place.as_ref().unwrap().part;
            assert_eq!(mode(part), expected);
            file.publish().unwrap();
            assert_eq!(mode(&path), expected);
            fs_err::remove_file(&path).unwrap();
        }
        let (ours, theirs) = (place.path().join("ours"), place.path().join("theirs"));
        write(&ours, Existing::Refuse, "").unwrap();
        fs_err::write(&theirs, "").unwrap();
        assert_eq!(mode(&ours), mode(&theirs));
    }

    #[cfg(unix)]
    #[test]
    fn devices_and_pipes_are_written_to_and_stay() {
        use std::io::Read as _;
        write(Path::new("/dev/null"), Existing::Refuse, "gone").unwrap();
        assert!(!fs_err::metadata("/dev/null").unwrap().is_file());
        let place = tempdir().unwrap();
        let pipe = place.path().join("pipe");
        let made = std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap();
        assert!(made.success());
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || write(&pipe, Existing::Refuse, "through").unwrap()
        });
        let mut text = String::new();
        fs_err::File::open(&pipe)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        writer.join().unwrap();
        assert_eq!(text, "through");
        assert!(pipe.symlink_metadata().is_ok());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_names_of_descriptors_are_known() {
        assert_eq!(descriptor(Path::new("/dev/stdout")).as_deref(), Some("1"));
        assert_eq!(descriptor(Path::new("/dev/fd/7")).as_deref(), Some("7"));
        assert_eq!(
            descriptor(Path::new("/proc/self/fd/2")).as_deref(),
            Some("2")
        );
        let place = tempdir().unwrap();
        let link = place.path().join("link");
        fs_err::os::unix::fs::symlink("/dev/stderr", &link).unwrap();
        assert_eq!(descriptor(&link).as_deref(), Some("2"));
        assert_eq!(descriptor(Path::new("/dev/null")), None);
        assert_eq!(descriptor(Path::new("1")), None);
    }
}
