use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::{NamedTempFile, TempPath};

use crate::{Compression, DataError, Example, Result, zstd};

/// A file that appears under its name whole or not at all.
///
/// Bytes go to a temporary file in the same directory. [`AtomicFile::commit`] syncs that file, renames it over the
/// target and syncs the directory; dropped before that, the temporary file is removed and the target is untouched.
/// A symbolic link is followed, so that the file it points to is replaced. Names that end in `.gz` and `.zst` are
/// compressed; for `.zst` the plain bytes wait in a second temporary file until the commit, as the pure-Rust encoder
/// reads its input itself.
pub struct AtomicFile {
    path: PathBuf,
    target: PathBuf,
    sink: Sink,
}

enum Sink {
    Plain(BufWriter<NamedTempFile>),
    Gzip(GzEncoder<BufWriter<NamedTempFile>>),
    Zstd {
        plain: BufWriter<File>,
        packed: NamedTempFile,
    },
}

impl AtomicFile {
    /// Starts to write `path`, which is replaced on commit if it exists.
    ///
    /// # Errors
    /// [`DataError::Directory`] or [`DataError::SpecialFile`] if `path` is no regular file, [`DataError::Write`] if its
    /// directory is missing or cannot be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let target = resolve_target(&path)?;
        match open_sink(&target) {
            Ok(sink) => Ok(Self { path, target, sink }),
            Err(cause) => Err(DataError::Write { path, cause }),
        }
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
        let Self { path, target, sink } = self;
        publish(sink, &target).map_err(|cause| DataError::Write { path, cause })
    }
}

impl Write for AtomicFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Plain(writer) => writer.write(data),
            Sink::Gzip(writer) => writer.write(data),
            Sink::Zstd { plain, .. } => plain.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Plain(writer) => writer.flush(),
            Sink::Gzip(writer) => writer.flush(),
            Sink::Zstd { plain, .. } => plain.flush(),
        }
    }
}

/// The file that a rename has to replace. Renaming over a device such as `/dev/null` would remove the device.
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

fn open_sink(target: &Path) -> io::Result<Sink> {
    let directory = directory_of(target);
    let part = temporary_file(directory)?;
    Ok(match Compression::of_name(target) {
        Compression::Plain => Sink::Plain(BufWriter::new(part)),
        Compression::Gzip => Sink::Gzip(GzEncoder::new(
            BufWriter::new(part),
            flate2::Compression::default(),
        )),
        Compression::Zstd => {
            let plain = BufWriter::new(tempfile::tempfile_in(directory)?);
            Sink::Zstd {
                plain,
                packed: part,
            }
        }
    })
}

fn temporary_file(directory: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".gradus-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are private by default; this one becomes an ordinary file, so the umask decides.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory)
}

fn publish(sink: Sink, target: &Path) -> io::Result<()> {
    let part = finish(sink)?;
    part.as_file().sync_all()?;
    rename(part.into_temp_path(), target)?;
    sync_directory(directory_of(target))
}

fn finish(sink: Sink) -> io::Result<NamedTempFile> {
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

fn rename(part: TempPath, target: &Path) -> io::Result<()> {
    part.persist(target).map_err(|error| error.error)
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    fs_err::File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes `value` as one line of JSON.
///
/// # Errors
/// If writing fails.
pub fn write_json_line(mut target: impl Write, value: &Value) -> io::Result<()> {
    serde_json::to_writer(&mut target, value)?;
    target.write_all(b"\n")
}

/// Writes examples as native records, one per line, to a file that appears whole or not at all.
pub struct ExampleWriter {
    file: AtomicFile,
    written: usize,
}

impl ExampleWriter {
    /// Starts to write `path`; see [`AtomicFile::create`].
    ///
    /// # Errors
    /// As [`AtomicFile::create`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self {
            file: AtomicFile::create(path)?,
            written: 0,
        })
    }

    /// Appends an example.
    ///
    /// # Errors
    /// [`DataError::Example`] if it does not pass [`Example::check`], [`DataError::Write`] if writing fails.
    pub fn write(&mut self, example: &Example) -> Result<()> {
        if let Err(error) = example.check() {
            return Err(DataError::Example {
                id: example.id.clone(),
                error: Box::new(error),
            });
        }
        write_json_line(&mut self.file, &example.to_json()).map_err(|cause| DataError::Write {
            path: self.file.path.clone(),
            cause,
        })?;
        self.written += 1;
        Ok(())
    }

    /// Number of examples written so far.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Puts the file under its name; see [`AtomicFile::commit`].
    ///
    /// # Errors
    /// As [`AtomicFile::commit`].
    pub fn commit(self) -> Result<()> {
        self.file.commit()
    }
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
        assert!(error.to_string().contains("a.jsonl"), "{error}");
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
