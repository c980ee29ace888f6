use std::io::{self, BufRead, Read};
use std::iter::Enumerate;
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use serde_json::Value;

use super::fields::Record;
use super::json_list::{Piece, split_list};
use crate::compression::decompress;
use crate::field::{Checked, describe};
use crate::{Compression, DataError, Location, RecordError, RecordProblem, Result, STANDARD_INPUT};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of a file, plain or compressed.
pub(super) struct Lines {
    input: Box<dyn BufRead + Send>,
    compression: Compression,
    location: Location,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let opened = if path == Path::new(STANDARD_INPUT) {
            decompress(io::stdin())
        } else {
            let file = fs_err::File::open(path)?;
            if file.metadata()?.is_dir() {
                return Err(DataError::Directory {
                    path: path.to_owned(),
                });
            }
            // Errors of the bare file do not name the path, which `DataError::Read` does anyway.
            decompress(file.into_parts().0)
        };
        let location = Location::new(path, 0);
        let (compression, input) =
            opened.map_err(|cause| read_error(&location, Compression::Plain, cause))?;
        let mut lines = Self {
            input,
            compression,
            location,
        };
        if lines.peek()?.starts_with(BYTE_ORDER_MARK) {
            lines.input.consume(BYTE_ORDER_MARK.len());
        }
        Ok(lines)
    }

    /// The next line that is not blank, with where it stands; `None` at the end.
    pub(super) fn next_line(&mut self) -> Option<Result<(Location, Checked<String>)>> {
        loop {
            let mut line = Vec::new();
            match self.input.read_until(b'\n', &mut line) {
                Err(cause) => {
                    return Some(Err(read_error(&self.location, self.compression, cause)));
                }
                Ok(0) => return None,
                Ok(_) => self.location.line += 1,
            }
            if !line.trim_ascii().is_empty() {
                return Some(Ok((self.location.clone(), utf8(line))));
            }
        }
    }

    /// The text that is left, for readers of other things than lines.
    pub(super) fn into_input(self) -> (Compression, Box<dyn BufRead + Send>) {
        (self.compression, self.input)
    }

    fn peek(&mut self) -> Result<&[u8]> {
        let (location, compression) = (&self.location, self.compression);
        let input = &mut self.input;
        input
            .fill_buf()
            .map_err(|cause| read_error(location, compression, cause))
    }

    /// Whether the first character that is not white space opens a list; passes over those ahead.
    fn starts_with_list(&mut self) -> Result<bool> {
        loop {
            let head = self.peek()?;
            let blanks = head.iter().take_while(|byte| byte.is_ascii_whitespace());
            let count = blanks.count();
            let newlines = count_newlines(&head[..count]);
            let next = head.get(count).copied();
            self.input.consume(count);
            self.location.line += newlines;
            // A buffer of white space only says nothing about what follows, an empty one does.
            if next.is_some() || count == 0 {
                return Ok(next == Some(b'['));
            }
        }
    }

    fn read_rest(mut self) -> Result<(Location, Checked<String>)> {
        let mut bytes = Vec::new();
        self.input
            .read_to_end(&mut bytes)
            .map_err(|cause| read_error(&self.location, self.compression, cause))?;
        let valid = match str::from_utf8(&bytes) {
            Ok(_) => bytes.len(),
            Err(error) => error.valid_up_to(),
        };
        let head = &bytes[..valid];
        let line = self.location.line + 1 + count_newlines(head);
        let column = valid
            - head
                .iter()
                .rposition(|&b| b == b'\n')
                .map_or(0, |at| at + 1)
            + 1;
        let text = String::from_utf8(bytes)
            .map_err(|_| RecordError::new("", RecordProblem::NotUtf8 { column }));
        Ok((Location::new(self.location.path, line), text))
    }
}

fn count_newlines(bytes: &[u8]) -> usize {
    bytes.split(|&byte| byte == b'\n').count() - 1
}

fn read_error(location: &Location, compression: Compression, cause: io::Error) -> DataError {
    DataError::Read {
        path: location.path.clone(),
        line: location.line,
        compression,
        cause,
    }
}

fn utf8(line: Vec<u8>) -> Checked<String> {
    String::from_utf8(line).map_err(|error| {
        let column = error.utf8_error().valid_up_to() + 1;
        RecordError::new("", RecordProblem::NotUtf8 { column })
    })
}

/// The JSON objects of a file: one a line, or all in one list.
pub(super) enum Records {
    Lines(Lines),
    List {
        path: PathBuf,
        /// Lines ahead of the list.
        lines_ahead: usize,
        pieces: Enumerate<IntoIter<Piece>>,
    },
}

impl Records {
    /// A list is read whole; lines are read one by one.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut lines = Lines::open(path)?;
        if !lines.starts_with_list()? {
            return Ok(Self::Lines(lines));
        }
        let lines_ahead = lines.location.line;
        let (location, text) = lines.read_rest()?;
        match text.and_then(|text| split_list(&text)) {
            Ok(pieces) => Ok(Self::List {
                path: location.path,
                lines_ahead,
                pieces: pieces.into_iter().enumerate(),
            }),
            // A list that does not end is found out in its last line.
            Err(error) => Err(DataError::Record {
                location,
                error: Box::new(error),
            }),
        }
    }
}

impl Iterator for Records {
    type Item = Result<(Location, Checked<Record>)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Lines(lines) => lines.next_line().map(|line| {
                let (location, text) = line?;
                Ok(match text {
                    Ok(text) => parse(location.clone(), location.line, &text, 0),
                    Err(error) => (location, Err(error)),
                })
            }),
            Self::List {
                path,
                lines_ahead,
                pieces,
            } => pieces.next().map(|(k, piece)| {
                let location = Location::new(path.clone(), *lines_ahead + piece.line);
                Ok(parse(location, k + 1, &piece.text, piece.column))
            }),
        }
    }
}

/// A record from its text, of which `column` bytes of the line stand ahead.
fn parse(
    mut location: Location,
    number: usize,
    text: &str,
    column: usize,
) -> (Location, Checked<Record>) {
    let record = match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(Record::new(number, fields)),
        Ok(other) => {
            let found = describe(&other);
            Err(RecordError::new("", RecordProblem::NotAnObject { found }))
        }
        Err(error) => {
            let column = error.column() + if error.line() == 1 { column } else { 0 };
            location.line += error.line().saturating_sub(1);
            // The parser counts lines from the start of the record, which would mislead.
            let reason = error.to_string();
            let reason = reason
                .split(" at line ")
                .next()
                .unwrap_or(&reason)
                .to_owned();
            Err(RecordError::new(
                "",
                RecordProblem::NotJson { column, reason },
            ))
        }
    };
    (location, record)
}
