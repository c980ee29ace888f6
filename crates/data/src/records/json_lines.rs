use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::field::Checked;
use super::json_list::{ListElements, starts_with_list};
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
    texts: Texts,
    location: Location,
    found_record: bool,
    ended: bool,
}

/// Where the texts of the objects come from.
enum Texts {
    Lines(Lines),
    List(ListElements),
}

impl JsonLines {
    /// Opens a file, or standard input for [`STANDARD_INPUT`](crate::STANDARD_INPUT).
    ///
    /// # Errors
    /// [`DataError::Io`] if the file is missing or may not be read, [`DataError::Directory`] if it
    /// is a directory.
    pub fn open(path: impl AsRef<Path>, limits: ReadLimits) -> Result<Self> {
        Ok(Self::of(Texts::Lines(Lines::open(path.as_ref(), limits)?)))
    }

    /// The same for a file that may also have all objects in one list, which may go over any lines.
    pub(crate) fn open_or_list(path: &Path, limits: ReadLimits) -> Result<Self> {
        let mut lines = Lines::open(path, limits)?;
        Ok(Self::of(if starts_with_list(&mut lines)? {
            Texts::List(ListElements::new(lines))
        } else {
            Texts::Lines(lines)
        }))
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
        Ok(Self::of(Texts::Lines(Lines::new(source, name, limits)?)))
    }

    fn of(texts: Texts) -> Self {
        let location = match &texts {
            Texts::Lines(lines) => lines.location().clone(),
            Texts::List(elements) => Location::new(elements.path(), 0),
        };
        Self {
            texts,
            location,
            found_record: false,
            ended: false,
        }
    }

    /// File and line of the object that was read last; line 0 before the first.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The number of the object that was read last, from 1: its line, or its place in a list.
    pub(crate) fn number(&self) -> usize {
        match &self.texts {
            Texts::Lines(_) => self.location.line,
            Texts::List(elements) => elements.current().number,
        }
    }

    /// How the data is compressed.
    pub fn compression(&self) -> Compression {
        match &self.texts {
            Texts::Lines(lines) => lines.compression(),
            Texts::List(elements) => elements.compression(),
        }
    }

    /// Goes to the next object; `None` at the end of the data.
    pub(crate) fn advance(&mut self) -> Option<Result<()>> {
        if self.ended {
            return None;
        }
        let first = !std::mem::replace(&mut self.found_record, true);
        let result = match self.read() {
            Ok(true) if first && self.is_start_of_list() => {
                // Every line of it would be an error of its own.
                let found = "a list that goes on in the next line".to_owned();
                let error = RecordError::new("", RecordProblem::NotAnObject { found });
                Some(Err(wrong(self.location.clone(), error)))
            }
            Ok(true) => return Some(Ok(())),
            Ok(false) => first.then(|| {
                let path = self.location.path.clone();
                Err(DataError::NoRecords { path })
            }),
            Err(error) => Some(Err(error)),
        };
        self.ended = true;
        result
    }

    /// Goes to the next text; `false` at the end.
    fn read(&mut self) -> Result<bool> {
        match &mut self.texts {
            Texts::Lines(lines) => {
                let found = lines.advance();
                self.location.line = lines.location().line;
                found
            }
            Texts::List(elements) => {
                let found = elements.advance()?;
                self.location.line = elements.current().line;
                Ok(found)
            }
        }
    }

    fn is_start_of_list(&self) -> bool {
        let Texts::Lines(lines) = &self.texts else {
            return false;
        };
        let line = lines.bytes().trim_ascii();
        line.starts_with(b"[") && !line.ends_with(b"]")
    }

    /// What `parse` makes of the object; its error is given the place.
    pub(crate) fn parse<T>(
        &self,
        parse: impl FnOnce(Map<String, Value>) -> Checked<T>,
    ) -> Result<T> {
        let mut location = self.location.clone();
        let object = match &self.texts {
            Texts::Lines(lines) => lines
                .text()
                .and_then(|text| parse_object(text).map_err(|error| error.record)),
            Texts::List(elements) => elements.current().text().and_then(|text| {
                parse_object(text).map_err(|mut error| {
                    location.line += error.lines_before;
                    if error.lines_before == 0 {
                        error.shift(elements.current().column);
                    }
                    error.record
                })
            }),
        };
        object
            .and_then(parse)
            .map_err(|error| wrong(location, error))
    }
}

fn wrong(location: Location, error: RecordError) -> DataError {
    DataError::Record {
        location,
        error: Box::new(error),
    }
}

impl Iterator for JsonLines {
    type Item = Result<Map<String, Value>>;

    fn next(&mut self) -> Option<Self::Item> {
        let advanced = self.advance()?;
        Some(advanced.and_then(|()| self.parse(Ok)))
    }
}
