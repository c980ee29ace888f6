use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

use crate::{AtomicFile, DataError, Example, Result, visible_json};

/// Writes `value` as one line of JSON, with `\u` escapes for characters that would act on a terminal
/// or hide in one; see [`visible_json`].
///
/// # Errors
/// If writing fails.
pub fn write_json_line(mut target: impl Write, value: &Value) -> io::Result<()> {
    let json = serde_json::to_string(value)?;
    target.write_all(visible_json(&json).as_bytes())?;
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
        Ok(Self::to_file(AtomicFile::create(path)?))
    }

    /// Writes to a file that is begun already.
    pub fn to_file(file: AtomicFile) -> Self {
        Self { file, written: 0 }
    }

    /// Appends an example.
    ///
    /// # Errors
    /// [`DataError::Example`] if it does not pass [`Example::check`], [`DataError::Write`] if
    /// writing fails.
    pub fn write(&mut self, example: &Example) -> Result<()> {
        if let Err(error) = example.check() {
            return Err(DataError::Example {
                id: example.id.clone(),
                error: Box::new(error),
            });
        }
        write_json_line(&mut self.file, &example.to_json()).map_err(|cause| DataError::Write {
            path: self.file.path().to_owned(),
            cause,
        })?;
        self.written += 1;
        Ok(())
    }

    /// The file that is written, as the caller named it.
    pub fn path(&self) -> &Path {
        self.file.path()
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
