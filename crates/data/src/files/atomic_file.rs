use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use gradus_files::{Existing, NewFile};

use crate::{DataError, Result, STANDARD_OUTPUT};

/// A file that appears under its name only when it is complete.
///
/// Bytes go to a temporary file in the same directory. [`AtomicFile::commit`] syncs that file, renames it to the
/// target and syncs the directory. If this value is dropped before, the temporary file is removed and the target
/// stays unchanged. A symbolic link is followed: the file it points to is replaced. A replaced file keeps its
/// permissions. A name that ends in `.gz` compresses the file; `.zst` is refused, because zstd is only read.
///
/// A pipe, a terminal, `/dev/null`, a descriptor such as `/dev/stdout`, and `-` for standard output are written
/// directly.
pub struct AtomicFile {
    path: PathBuf,
    sink: Sink,
}

enum Sink {
    Plain(BufWriter<NewFile>),
    Gzip(GzEncoder<BufWriter<NewFile>>),
}

impl AtomicFile {
    /// Starts to write `path`. An existing file is replaced on commit.
    ///
    /// # Errors
    /// [`DataError::Directory`] or [`DataError::SpecialFile`] if `path` is a directory, a block
    /// device or a socket, [`DataError::ZstdOutput`] if its name ends in `.zst`, [`DataError::Write`] if its directory is missing or not writable,
    /// or if the existing file is not writable.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Self::start(path.as_ref(), Existing::Replace)
    }

    /// Starts to write `path`, which must not exist, neither now nor on commit. This does not apply to targets that are
    /// written directly, such as pipes.
    ///
    /// # Errors
    /// As [`AtomicFile::create`], and [`DataError::AlreadyExists`].
    pub fn create_new(path: impl AsRef<Path>) -> Result<Self> {
        Self::start(path.as_ref(), Existing::Refuse)
    }

    fn start(path: &Path, existing: Existing) -> Result<Self> {
        if has_extension(path, "zst") {
            return Err(DataError::ZstdOutput {
                path: path.to_owned(),
            });
        }
        let file = if path == Path::new(STANDARD_OUTPUT) {
            NewFile::standard_output()
        } else {
            NewFile::create(path, existing)
        };
        let file = BufWriter::new(file.map_err(|cause| write_error(path, cause))?);
        Ok(Self {
            sink: if has_extension(path, "gz") {
                Sink::Gzip(GzEncoder::new(file, flate2::Compression::default()))
            } else {
                Sink::Plain(file)
            },
            path: path.to_owned(),
        })
    }

    /// The path, as the caller gave it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`DataError::Write`], for example on a full disk; the target then stays unchanged. After
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

fn has_extension(path: &Path, wanted: &str) -> bool {
    let extension = path.extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

/// The finished file.
fn finish(sink: Sink) -> io::Result<NewFile> {
    match sink {
        Sink::Plain(writer) => Ok(writer.into_inner()?),
        Sink::Gzip(writer) => Ok(writer.finish()?.into_inner()?),
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
        for name in ["a.jsonl", "a.jsonl.gz"] {
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
    fn the_name_says_whether_a_file_is_compressed() {
        let directory = tempdir().unwrap();
        for (name, head) in [
            ("a.jsonl", &b"text"[..]),
            ("a.GZ", &[0x1f, 0x8b]),
            ("gz", b"text"),
        ] {
            let path = directory.path().join(name);
            let mut file = AtomicFile::create(&path).unwrap();
            file.write_all(b"text").unwrap();
            file.commit().unwrap();
            assert!(fs_err::read(&path).unwrap().starts_with(head), "{name}");
        }
        for name in ["a.jsonl.zst", "a.ZST"] {
            let error = AtomicFile::create(directory.path().join(name))
                .err()
                .unwrap();
            assert!(matches!(error, DataError::ZstdOutput { .. }), "{error}");
            assert!(error.is_input() && error.hint().unwrap().contains("zstd"));
        }
        assert_eq!(names_in(directory.path()).len(), 3);
    }

    #[test]
    fn a_file_that_is_dropped_leaves_no_trace() {
        for name in ["a.jsonl", "a.jsonl.gz"] {
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
