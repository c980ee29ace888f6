use std::path::Path;

use serde_json::Value;

use super::fields::Record;
use super::json_list::Elements;
use crate::records::Lines;
use crate::records::field::{Checked, describe};
use crate::records::parse_json;
use crate::{Location, ReadLimits, RecordError, RecordProblem, Result};

/// The JSON objects of a file: one a line, or all in one list. Either way one is in memory at a time.
pub(super) enum Records {
    Lines(Lines),
    List(Elements),
}

impl Records {
    pub(super) fn open(path: &Path, limits: ReadLimits) -> Result<Self> {
        let mut lines = Lines::open(path, limits)?;
        Ok(if starts_with_list(&mut lines)? {
            Self::List(Elements::new(lines))
        } else {
            Self::Lines(lines)
        })
    }
}

/// Whether the first character that is not white space opens a list; passes over those ahead.
fn starts_with_list(lines: &mut Lines) -> Result<bool> {
    loop {
        let head = lines.peek()?;
        let count = head
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        let newlines = head[..count].split(|&byte| byte == b'\n').count() - 1;
        let next = head.get(count).copied();
        lines.consume(count);
        let line = lines.location().line + newlines;
        lines.set_line(line);
        // A buffer of white space only says nothing about what follows, an empty one does.
        if next.is_some() || count == 0 {
            return Ok(next == Some(b'['));
        }
    }
}

impl Iterator for Records {
    type Item = Result<(Location, Checked<Record>)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Lines(lines) => match lines.advance() {
                Ok(true) => {
                    let location = lines.location().clone();
                    Some(Ok(match lines.text() {
                        Ok(text) => parse(location.clone(), location.line, text, 0),
                        Err(error) => (location, Err(error)),
                    }))
                }
                Ok(false) => None,
                Err(error) => Some(Err(error)),
            },
            Self::List(elements) => {
                let element = match elements.next()? {
                    Ok(element) => element,
                    Err(error) => return Some(Err(error)),
                };
                let location = Location::new(elements.path(), element.line);
                Some(Ok(match element.text() {
                    Ok(text) => parse(location, element.number, text, element.column),
                    Err(error) => (location, Err(error)),
                }))
            }
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
    let record = match parse_json(text) {
        Ok(Value::Object(fields)) => Ok(Record::new(number, fields)),
        Ok(other) => {
            let found = describe(&other);
            Err(RecordError::new("", RecordProblem::NotAnObject { found }))
        }
        Err(mut error) => {
            let lines_before = error.lines_before;
            location.line += lines_before;
            if lines_before == 0 {
                error.shift(column);
            }
            Err(error.record)
        }
    };
    (location, record)
}
