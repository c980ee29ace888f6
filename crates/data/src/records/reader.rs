use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::record::read_record;
use crate::{Compression, DataError, Example, JsonLines, Location, ReadLimits, Result};

/// Reads examples from JSONL, one line in memory at a time.
///
/// Lines are read as by [`JsonLines`]. A wrong record is an error after which reading may go
/// on with the next line; after any other error the iterator ends. A file without a record ends in
/// [`DataError::NoRecords`].
pub struct ExampleReader {
    lines: JsonLines,
    limits: ReadLimits,
}

impl ExampleReader {
    /// Opens a file, or standard input for [`STANDARD_INPUT`](crate::STANDARD_INPUT).
    ///
    /// # Errors
    /// [`DataError::Io`] if the file is missing or may not be read, [`DataError::Directory`] if it
    /// is a directory.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_within(path, ReadLimits::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_within(path: impl AsRef<Path>, limits: ReadLimits) -> Result<Self> {
        let lines = JsonLines::open(path, limits)?;
        Ok(Self { lines, limits })
    }

    /// Reads from any source; messages call it `name`.
    ///
    /// # Errors
    /// [`DataError::Read`] if the first bytes cannot be read.
    pub fn new(source: impl Read + Send + 'static, name: impl Into<PathBuf>) -> Result<Self> {
        let limits = ReadLimits::default();
        let lines = JsonLines::new(source, name, limits)?;
        Ok(Self { lines, limits })
    }

    /// File and line of the record that was read last; line 0 before the first.
    pub fn location(&self) -> &Location {
        self.lines.location()
    }

    /// How the data is compressed.
    pub fn compression(&self) -> Compression {
        self.lines.compression()
    }
}

impl Iterator for ExampleReader {
    type Item = Result<Example>;

    fn next(&mut self) -> Option<Self::Item> {
        let advanced = self.lines.advance()?;
        Some(advanced.and_then(|()| {
            let number = self.lines.number();
            self.lines.parse(|record| {
                let example = read_record(record, number)?;
                self.limits.check(&example)?;
                Ok(example)
            })
        }))
    }
}

/// Reads a whole file.
///
/// # Errors
/// The first error of [`ExampleReader`]; [`DataError::DuplicateId`] if two records have the same
/// id.
pub fn read_examples(path: impl AsRef<Path>) -> Result<Vec<Example>> {
    read_examples_within(path, ReadLimits::default())
}

/// The same with other limits.
///
/// # Errors
/// As [`read_examples`].
pub fn read_examples_within(path: impl AsRef<Path>, limits: ReadLimits) -> Result<Vec<Example>> {
    let mut reader = ExampleReader::open_within(path, limits)?;
    let mut examples = Vec::new();
    let mut first_lines = HashMap::new();
    while let Some(example) = reader.next() {
        let example: Example = example?;
        let location = reader.location();
        if let Some(first_line) = first_lines.insert(example.id.clone(), location.line) {
            let location = location.clone();
            return Err(DataError::DuplicateId {
                location,
                id: example.id,
                first_line,
            });
        }
        examples.push(example);
    }
    Ok(examples)
}
