use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use gradus_files::{Existing, NewFile, Target};

use super::zstd;
use crate::{Compression, DataError, Result, STANDARD_OUTPUT};

/// A file that appears under its name whole or not at all.
///
/// Bytes go to a temporary file in the same directory. [`AtomicFile::commit`] syncs that file,
/// renames it over the target and syncs the directory; dropped before that, the temporary file is
/// removed and the target is untouched. A symbolic link is followed, so that the file it points to
/// is replaced. Permissions of a file that is replaced stay. Names that end in `.gz` and `.zst` are
/// compressed; for `.zst` the plain bytes wait in a second temporary file until the commit, as the
/// pure-Rust encoder reads its input itself.
///
/// A pipe, a terminal, `/dev/null`, descriptors such as `/dev/stdout` and `-`, which is standard
/// output too, are written to as the bytes come.
pub struct AtomicFile {
    path: PathBuf,
    sink: Sink,
}

enum Sink {
    Plain(BufWriter<NewFile>),
    Gzip(GzEncoder<BufWriter<NewFile>>),
    Zstd {
        plain: BufWriter<File>,
        packed: NewFile,
    },
}

impl AtomicFile {
    /// Starts to write `path`, which is replaced on commit if it exists.
    ///
    /// # Errors
    /// [`DataError::Directory`] or [`DataError::SpecialFile`] if `path` is a directory, a block
    /// device or a socket, [`DataError::Write`] if its directory is missing or cannot be written to,
    /// or if it is a file that may not be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Self::start(path.as_ref(), Existing::Replace)
    }

    /// Starts to write `path`, which must not exist, now or on commit. What cannot be replaced, a
    /// pipe for instance, may.
    ///
    /// # Errors
    /// As [`AtomicFile::create`], and [`DataError::AlreadyExists`].
    pub fn create_new(path: impl AsRef<Path>) -> Result<Self> {
        Self::start(path.as_ref(), Existing::Refuse)
    }

    fn start(path: &Path, existing: Existing) -> Result<Self> {
        let file = if path == Path::new(STANDARD_OUTPUT) {
            NewFile::standard_output()
        } else {
            NewFile::create(path, existing)
        };
        let opened = file.and_then(|file| open_sink(path, file));
        Ok(Self {
            sink: opened.map_err(|cause| write_error(path, cause))?,
            path: path.to_owned(),
        })
    }

    /// The file that is written, as the caller named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the file under its name.
    ///
    /// # Errors
    /// [`DataError::Write`], as on a full disk; the target is then as it was before. After
    /// [`AtomicFile::create_new`] also [`DataError::AlreadyExists`].
    pub fn commit(self) -> Result<()> {
        let Self { path, sink } = self;
        let published = finish(sink).and_then(NewFile::publish);
        published.map_err(|cause| write_error(&path, cause))
    }

    fn writer(&mut self) -> &mut dyn Write {
        match &mut self.sink {
            Sink::Plain(writer) => writer,
            Sink::Gzip(writer) => writer,
            Sink::Zstd { plain, .. } => plain,
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

fn write_error(path: &Path, cause: io::Error) -> DataError {
    let path = path.to_owned();
    match cause.kind() {
        io::ErrorKind::IsADirectory => DataError::Directory { path },
        io::ErrorKind::Unsupported => DataError::SpecialFile { path },
        io::ErrorKind::AlreadyExists => DataError::AlreadyExists { path },
        _ => DataError::Write { path, cause },
    }
}

fn open_sink(path: &Path, file: NewFile) -> io::Result<Sink> {
    Ok(match Compression::of_name(path) {
        Compression::Plain => Sink::Plain(BufWriter::new(file)),
        Compression::Gzip => Sink::Gzip(GzEncoder::new(
            BufWriter::new(file),
            flate2::Compression::default(),
        )),
        Compression::Zstd => {
            let target = Target::of(path)?;
            let plain = BufWriter::new(tempfile::tempfile_in(target.parent())?);
            Sink::Zstd {
                plain,
                packed: file,
            }
        }
    })
}

/// The file with everything in it.
fn finish(sink: Sink) -> io::Result<NewFile> {
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

    #[test]
    fn an_existing_file_is_refused_where_a_new_one_is_wanted() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("a.jsonl.gz");
        let mut file = AtomicFile::create_new(&path).unwrap();
        file.write_all(b"new").unwrap();
        fs_err::write(&path, "old").unwrap();
        for error in [file.commit().err(), AtomicFile::create_new(&path).err()] {
            let error = error.unwrap();
            assert!(matches!(error, DataError::AlreadyExists { .. }), "{error}");
        }
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "old");
        assert_eq!(names_in(directory.path()), ["a.jsonl.gz"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_is_refused() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let error = AtomicFile::create(&path).err().unwrap();
        assert!(matches!(error, DataError::SpecialFile { .. }), "{error}");
    }
}
