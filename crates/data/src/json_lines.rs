use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::compression::decompress;
use crate::field::Checked;
use crate::record::parse_object;
use crate::{Compression, DataError, Location, RecordError, RecordProblem, Result, STANDARD_INPUT};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads JSON objects from JSONL, one line in memory at a time.
///
/// Plain, gzip and zstd data are told apart by their first bytes. Blank lines are passed over, as
/// is a UTF-8 byte order mark at the start. A line that is not a JSON object is an error after
/// which reading may go on with the next line; after any other error the iterator ends. A file
/// without an object ends in [`DataError::NoRecords`].
pub struct JsonLines {
    input: Box<dyn BufRead + Send>,
    compression: Compression,
    location: Location,
    line: Vec<u8>,
    found_record: bool,
    ended: bool,
}

impl JsonLines {
    /// Opens a file, or standard input for [`STANDARD_INPUT`].
    ///
    /// # Errors
    /// [`DataError::Io`] if the file is missing or may not be read, [`DataError::Directory`] if it
    /// is a directory.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path == Path::new(STANDARD_INPUT) {
            return Self::new(io::stdin(), path);
        }
        let file = fs_err::File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(DataError::Directory {
                path: path.to_owned(),
            });
        }
        // Errors of the bare file do not name the path, which `DataError::Read` does anyway.
        Self::new(file.into_parts().0, path)
    }

    /// Reads from any source; messages call it `name`.
    ///
    /// # Errors
    /// [`DataError::Read`] if the first bytes cannot be read.
    pub fn new(source: impl Read + Send + 'static, name: impl Into<PathBuf>) -> Result<Self> {
        let location = Location::new(name, 0);
        match decompress(source) {
            Ok((compression, input)) => Ok(Self {
                input,
                compression,
                location,
                line: Vec::new(),
                found_record: false,
                ended: false,
            }),
            Err(cause) => Err(DataError::Read {
                path: location.path,
                line: 0,
                compression: Compression::Plain,
                cause,
            }),
        }
    }

    /// File and line of the object that was read last; line 0 before the first.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// How the data is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Goes to the next line that is not blank; `None` at the end of the data.
    pub(crate) fn advance(&mut self) -> Option<Result<()>> {
        while !self.ended {
            match self.read_line() {
                Ok(true) if self.line.trim_ascii().is_empty() => {}
                Ok(true) => {
                    self.found_record = true;
                    return Some(Ok(()));
                }
                Ok(false) => {
                    self.ended = true;
                    if !self.found_record {
                        let path = self.location.path.clone();
                        return Some(Err(DataError::NoRecords { path }));
                    }
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    /// What `parse` makes of the line; its error is given the place.
    pub(crate) fn parse<T>(&self, parse: impl FnOnce(&str) -> Checked<T>) -> Result<T> {
        let text = str::from_utf8(&self.line).map_err(|error| {
            RecordError::new(
                "",
                RecordProblem::NotUtf8 {
                    column: error.valid_up_to() + 1,
                },
            )
        });
        text.and_then(parse).map_err(|error| DataError::Record {
            location: self.location.clone(),
            error: Box::new(error),
        })
    }

    /// Reads a line without its end; `false` at the end of the data.
    fn read_line(&mut self) -> Result<bool> {
        self.line.clear();
        let count = self
            .input
            .read_until(b'\n', &mut self.line)
            .map_err(|cause| DataError::Read {
                path: self.location.path.clone(),
                line: self.location.line,
                compression: self.compression,
                cause,
            })?;
        self.location.line += usize::from(count > 0);
        if self.location.line == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(count > 0)
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
