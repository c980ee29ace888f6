use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::field::Checked;
use super::lines::Lines;
use super::record::parse_object;
use crate::{Compression, DataError, Location, ReadLimits, RecordError, RecordProblem, Result};

/// Reads JSON objects from JSONL, one line in memory at a time.
///
/// Plain, gzip and zstd data are told apart by their first bytes. Blank lines are passed over, as
/// is a UTF-8 byte order mark at the start. A line that is not a JSON object, or has a key twice, is
/// an error after which reading may go on with the next line; after any other error the iterator
/// ends. So it does where the file is a JSON list that goes over several lines. A file without an
/// object ends in [`DataError::NoRecords`].
pub struct JsonLines {
    lines: Lines,
    found_record: bool,
    ended: bool,
}

impl JsonLines {
    /// Opens a file, or standard input for [`STANDARD_INPUT`](crate::STANDARD_INPUT).
    ///
    /// # Errors
    /// [`DataError::Io`] if the file is missing or may not be read, [`DataError::Directory`] if it
    /// is a directory.
    pub fn open(path: impl AsRef<Path>, limits: ReadLimits) -> Result<Self> {
        Ok(Self::of(Lines::open(path.as_ref(), limits)?))
    }

    /// Reads from any source; messages call it `name`.
    ///
    /// # Errors
    /// [`DataError::Read`] if the first bytes cannot be read.
    pub fn new(
        source: impl Read + Send + 'static,
        name: impl Into<PathBuf>,
        limits: ReadLimits,
    ) -> Result<Self> {
        Ok(Self::of(Lines::new(source, name, limits)?))
    }

    fn of(lines: Lines) -> Self {
        Self {
            lines,
            found_record: false,
            ended: false,
        }
    }

    /// File and line of the object that was read last; line 0 before the first.
    pub fn location(&self) -> &Location {
        self.lines.location()
    }

    /// How the data is compressed.
    pub fn compression(&self) -> Compression {
        self.lines.compression()
    }

    /// Goes to the next line that is not blank; `None` at the end of the data.
    pub(crate) fn advance(&mut self) -> Option<Result<()>> {
        if self.ended {
            return None;
        }
        let first = !std::mem::replace(&mut self.found_record, true);
        match self.lines.advance() {
            Ok(true) => {
                let line = self.lines.bytes().trim_ascii();
                if first && line.starts_with(b"[") && !line.ends_with(b"]") {
                    // Every line of it would be an error of its own.
                    self.ended = true;
                    let found = "a list that goes on in the next line".to_owned();
                    return Some(Err(
                        self.wrong(RecordError::new("", RecordProblem::NotAnObject { found }))
                    ));
                }
                Some(Ok(()))
            }
            Ok(false) => {
                self.ended = true;
                let path = || self.location().path.clone();
                first.then(|| Err(DataError::NoRecords { path: path() }))
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }

    /// What `parse` makes of the line; its error is given the place.
    pub(crate) fn parse<T>(&self, parse: impl FnOnce(&str) -> Checked<T>) -> Result<T> {
        let parsed = self.lines.text().and_then(parse);
        parsed.map_err(|error| self.wrong(error))
    }

    fn wrong(&self, error: RecordError) -> DataError {
        DataError::Record {
            location: self.location().clone(),
            error: Box::new(error),
        }
    }
}

impl Iterator for JsonLines {
    type Item = Result<Map<String, Value>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance()? {
            Ok(()) => Some(self.parse(parse_object)),
            Err(error) => Some(Err(error)),
        }
    }
}
