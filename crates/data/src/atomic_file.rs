use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use tempfile::{NamedTempFile, TempPath};

use crate::{Compression, DataError, Result, zstd};

/// A file that appears under its name whole or not at all.
///
/// Bytes go to a temporary file in the same directory. [`AtomicFile::commit`] syncs that file,
/// renames it over the target and syncs the directory; dropped before that, the temporary file is
/// removed and the target is untouched. A symbolic link is followed, so that the file it points to
/// is replaced. Names that end in `.gz` and `.zst` are compressed; for `.zst` the plain bytes wait
/// in a second temporary file until the commit, as the pure-Rust encoder reads its input itself.
pub struct AtomicFile {
    path: PathBuf,
    target: PathBuf,
    sink: Sink,
    /// Removes the temporary file when dropped.
    part: TempPath,
}

enum Sink {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
    Zstd {
        plain: BufWriter<File>,
        packed: File,
    },
}

impl AtomicFile {
    /// Starts to write `path`, which is replaced on commit if it exists.
    ///
    /// # Errors
    /// [`DataError::Directory`] or [`DataError::SpecialFile`] if `path` is no regular file,
    /// [`DataError::Write`] if its directory is missing or cannot be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let target = resolve_target(&path)?;
        let (sink, part) = match open_sink(&target) {
            Ok(parts) => parts,
            Err(cause) => return Err(DataError::Write { path, cause }),
        };
        Ok(Self {
            path,
            target,
            sink,
            part,
        })
    }

    /// The file that is written, as the caller named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the file under its name.
    ///
    /// # Errors
    /// [`DataError::Write`], as on a full disk; the target is then as it was before.
    pub fn commit(self) -> Result<()> {
        let Self {
            path,
            target,
            sink,
            part,
        } = self;
        publish(sink, part, &target).map_err(|cause| DataError::Write { path, cause })
    }

    fn writer(&mut self) -> &mut dyn Write {
        match &mut self.sink {
            Sink::Plain(writer) | Sink::Zstd { plain: writer, .. } => writer,
            Sink::Gzip(writer) => writer,
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.writer().write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}

/// The file that a rename has to replace. Renaming over a device such as `/dev/null` would remove
/// the device.
fn resolve_target(path: &Path) -> Result<PathBuf> {
    let Ok(metadata) = fs_err::metadata(path) else {
        return Ok(path.to_owned());
    };
    if metadata.is_dir() {
        return Err(DataError::Directory {
            path: path.to_owned(),
        });
    }
    if !metadata.is_file() {
        return Err(DataError::SpecialFile {
            path: path.to_owned(),
        });
    }
    fs_err::canonicalize(path).map_err(|cause| DataError::Write {
        path: path.to_owned(),
        cause,
    })
}

fn directory_of(target: &Path) -> &Path {
    match target.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    }
}

fn open_sink(target: &Path) -> io::Result<(Sink, TempPath)> {
    let directory = directory_of(target);
    // Asked first, since the message about a temporary file would name that file.
    std::fs::metadata(directory)?;
    let (file, part) = temporary_file(directory)?.into_parts();
    let sink = match Compression::of_name(target) {
        Compression::Plain => Sink::Plain(BufWriter::new(file)),
        Compression::Gzip => Sink::Gzip(GzEncoder::new(
            BufWriter::new(file),
            flate2::Compression::default(),
        )),
        Compression::Zstd => {
            let plain = BufWriter::new(tempfile::tempfile_in(directory)?);
            Sink::Zstd {
                plain,
                packed: file,
            }
        }
    };
    Ok((sink, part))
}

fn temporary_file(directory: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".gradus-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are private by default; this one becomes an ordinary file, so the
        // umask decides.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory)
}

fn publish(sink: Sink, part: TempPath, target: &Path) -> io::Result<()> {
    finish(sink)?.sync_all()?;
    part.persist(target).map_err(|error| error.error)?;
    sync_directory(directory_of(target))
}

/// The temporary file with everything in it.
fn finish(sink: Sink) -> io::Result<File> {
    match sink {
        Sink::Plain(writer) => Ok(writer.into_inner()?),
        Sink::Gzip(writer) => Ok(writer.finish()?.into_inner()?),
        Sink::Zstd { plain, packed } => {
            let mut plain = plain.into_inner()?;
            plain.rewind()?;
            let mut packed = BufWriter::new(packed);
            zstd::compress(BufReader::new(plain), &mut packed)?;
            Ok(packed.into_inner()?)
        }
    }
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    fs_err::File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::tempdir;

    fn names_in(directory: &Path) -> Vec<String> {
        let entries = fs_err::read_dir(directory).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn nothing_has_the_name_before_the_commit() {
        for name in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"] {
            let directory = tempdir().unwrap();
            let path = directory.path().join(name);
            let mut file = AtomicFile::create(&path).unwrap();
            file.write_all(b"half").unwrap();
            file.flush().unwrap();
            assert!(!path.exists(), "{name}");
            file.commit().unwrap();
            assert_eq!(names_in(directory.path()), [name]);
        }
    }

    #[test]
    fn a_file_that_is_dropped_leaves_no_trace() {
        for name in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"] {
            let directory = tempdir().unwrap();
            let path = directory.path().join(name);
            fs_err::write(&path, "old").unwrap();
            let mut file = AtomicFile::create(&path).unwrap();
            file.write_all(b"new").unwrap();
            drop(file);
            assert_eq!(names_in(directory.path()), [name]);
            assert_eq!(fs_err::read_to_string(&path).unwrap(), "old");
        }
    }

    #[test]
    fn a_directory_or_a_missing_one_cannot_be_written_to() {
        let directory = tempdir().unwrap();
        let error = AtomicFile::create(directory.path()).err().unwrap();
        assert!(matches!(error, DataError::Directory { .. }), "{error}");
        let path = directory.path().join("missing").join("a.jsonl");
        let error = AtomicFile::create(&path).err().unwrap();
        assert!(matches!(error, DataError::Write { .. }), "{error}");
        let message = error.to_string();
        assert!(
            message.starts_with(&format!("{}: writing failed: ", path.display())),
            "{message}"
        );
        assert!(!message.contains(".part"), "{message}");
        assert!(error.hint().unwrap().contains("directory"));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_refused_and_a_link_is_followed() {
        let error = AtomicFile::create("/dev/null").err().unwrap();
        assert!(matches!(error, DataError::SpecialFile { .. }), "{error}");
        let directory = tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        fs_err::write(&file, "old").unwrap();
        fs_err::os::unix::fs::symlink(&file, &link).unwrap();
        let mut output = AtomicFile::create(&link).unwrap();
        output.write_all(b"new").unwrap();
        output.commit().unwrap();
        assert_eq!(fs_err::read_to_string(&file).unwrap(), "new");
        assert!(fs_err::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_as_readable_as_any_other() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempdir().unwrap();
        let (ours, theirs) = (
            directory.path().join("ours"),
            directory.path().join("theirs"),
        );
        AtomicFile::create(&ours).unwrap().commit().unwrap();
        fs_err::write(&theirs, "").unwrap();
        let mode = |path| fs_err::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(ours), mode(theirs));
    }
}
