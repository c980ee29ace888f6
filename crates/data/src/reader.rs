use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use crate::compression::decompress;
use crate::record::parse_record;
use crate::{
    Compression, DataError, Example, Location, RecordError, RecordProblem, Result, STANDARD_INPUT,
};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads examples from JSONL, one line in memory at a time.
///
/// Plain, gzip and zstd data are told apart by their first bytes. Blank lines are passed over, as
/// is a UTF-8 byte order mark at the start. A wrong record is an error after which reading may go
/// on with the next line; after any other error the iterator ends. A file without a record ends in
/// [`DataError::NoRecords`].
pub struct ExampleReader {
    input: Box<dyn BufRead + Send>,
    compression: Compression,
    location: Location,
    line: Vec<u8>,
    found_record: bool,
    ended: bool,
}

impl ExampleReader {
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

    /// File and line of the record that was read last; line 0 before the first.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// How the data is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
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

    fn parse_line(&self) -> Result<Example> {
        let text = str::from_utf8(&self.line).map_err(|error| {
            RecordError::new(
                "",
                RecordProblem::NotUtf8 {
                    column: error.valid_up_to() + 1,
                },
            )
        });
        text.and_then(|text| parse_record(text, self.location.line))
            .map_err(|error| DataError::Record {
                location: self.location.clone(),
                error: Box::new(error),
            })
    }
}

impl Iterator for ExampleReader {
    type Item = Result<Example>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.read_line() {
                Ok(true) if self.line.trim_ascii().is_empty() => {}
                Ok(true) => {
                    self.found_record = true;
                    return Some(self.parse_line());
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
}

/// Reads a whole file.
///
/// # Errors
/// The first error of [`ExampleReader`]; [`DataError::DuplicateId`] if two records have the same
/// id.
pub fn read_examples(path: impl AsRef<Path>) -> Result<Vec<Example>> {
    let mut reader = ExampleReader::open(path)?;
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
