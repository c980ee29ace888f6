use std::path::Path;

use super::field::Checked;
use super::lines::Lines;
use crate::{Compression, DataError, Location, RecordError, RecordProblem, Result};

/// The bytes of one element of a list, and where they start.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Element {
    /// Its place in the list, from 1.
    pub(super) number: usize,
    /// Line of its first character, from 1.
    pub(super) line: usize,
    /// Bytes ahead of it in that line.
    pub(super) column: usize,
    bytes: Vec<u8>,
}

impl Element {
    fn new(number: usize, (line, column): (usize, usize)) -> Self {
        Self {
            number,
            line,
            column,
            bytes: Vec::new(),
        }
    }

    /// The element as text.
    pub(super) fn text(&self) -> Checked<&str> {
        let text = str::from_utf8(&self.bytes).map_err(|error| {
            let column = self.column + error.valid_up_to() + 1;
            RecordError::new("", RecordProblem::NotUtf8 { column })
        })?;
        Ok(text.trim_end())
    }
}

/// Cuts a JSON list into its elements without checking these.
///
/// So a wrong element has a line of its own, and does not take the others with it. A list that does
/// not end, or has text behind its end, is found out there and refused as a whole.
pub(super) struct ListElements {
    lines: Lines,
    scan: Scan,
    current: Element,
    ended: bool,
}

impl ListElements {
    pub(super) fn new(lines: Lines) -> Self {
        let scan = Scan {
            line: lines.location().line + 1,
            ..Scan::default()
        };
        Self {
            lines,
            scan,
            current: Element::default(),
            ended: false,
        }
    }

    /// The element that was read last; one of number 0 before the first.
    pub(super) fn current(&self) -> &Element {
        &self.current
    }

    pub(super) fn compression(&self) -> Compression {
        self.lines.compression()
    }

    /// Goes to the next element; `false` behind the last.
    pub(super) fn advance(&mut self) -> Result<bool> {
        let Some(element) = self.read()? else {
            return Ok(false);
        };
        self.current = element;
        Ok(true)
    }

    pub(super) fn path(&self) -> &Path {
        &self.lines.location().path
    }

    fn torn(&self, reason: &str) -> DataError {
        let problem = RecordProblem::NotJson {
            column: self.scan.column + 1,
            reason: reason.to_owned(),
        };
        DataError::Torn {
            location: Location::new(self.path(), self.scan.line),
            error: Box::new(RecordError::new("", problem)),
        }
    }

    /// The next element; `None` behind the last.
    fn read(&mut self) -> Result<Option<Element>> {
        let mut element: Option<Element> = None;
        let limit = self.lines.limits().max_line_bytes;
        let number = self.current.number + 1;
        loop {
            let Self {
                lines, scan, ended, ..
            } = &mut *self;
            let chunk = lines.peek()?;
            if chunk.is_empty() {
                return if *ended {
                    Ok(None)
                } else {
                    Err(self.torn("the list does not end"))
                };
            }
            let mut used = 0;
            let mut stop = None;
            for &byte in chunk {
                let (depth, inside_string, place) =
                    (scan.depth, scan.inside_string, (scan.line, scan.column));
                let is_blank = !inside_string && byte.is_ascii_whitespace();
                if *ended && !is_blank {
                    stop = Some(Stop::TextBehind);
                    break;
                }
                scan.step(byte);
                used += 1;
                if !inside_string && depth == 1 && matches!(byte, b',' | b']') {
                    *ended = byte == b']';
                    // A missing element is left for the parser to refuse.
                    if element.is_none() && (!*ended || number > 1) {
                        element = Some(Element::new(number, place));
                    }
                    if element.is_some() {
                        stop = Some(Stop::Whole);
                        break;
                    }
                } else if depth > 0 && (element.is_some() || !is_blank) {
                    let element = element.get_or_insert_with(|| Element::new(number, place));
                    element.bytes.push(byte);
                    if element.bytes.len() > limit {
                        stop = Some(Stop::TooLong);
                        break;
                    }
                }
            }
            lines.consume(used);
            match stop {
                None => {}
                Some(Stop::Whole) => return Ok(element),
                Some(Stop::TextBehind) => return Err(self.torn("text behind the end of the list")),
                Some(Stop::TooLong) => {
                    let line = element.map_or(self.scan.line, |element| element.line);
                    let location = Location::new(self.path(), line);
                    return Err(DataError::LineTooLong { location, limit });
                }
            }
        }
    }
}

/// Whether the first character that is not white space opens a list; passes over those ahead.
pub(super) fn starts_with_list(lines: &mut Lines) -> Result<bool> {
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

/// Why reading stops inside a buffer.
enum Stop {
    Whole,
    TextBehind,
    TooLong,
}

/// What has to be known of a JSON text to find its commas.
#[derive(Debug, Default)]
struct Scan {
    depth: usize,
    inside_string: bool,
    escaped: bool,
    line: usize,
    /// Bytes of the line that were read.
    column: usize,
}

impl Scan {
    fn step(&mut self, byte: u8) {
        self.column += 1;
        if byte == b'\n' {
            self.line += 1;
            self.column = 0;
        }
        if self.inside_string {
            self.inside_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return;
        }
        match byte {
            b'"' => self.inside_string = true,
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::ReadLimits;

    fn split(text: &str) -> Result<Vec<Element>> {
        let limits = ReadLimits {
            max_line_bytes: 100,
            ..ReadLimits::default()
        };
        let lines = Lines::new(Cursor::new(text.to_owned().into_bytes()), "a", limits)?;
        let mut elements = ListElements::new(lines);
        let mut found = Vec::new();
        while elements.advance()? {
            found.push(elements.current().clone());
        }
        Ok(found)
    }

    fn texts(text: &str) -> Vec<String> {
        let elements = split(text).unwrap();
        elements
            .iter()
            .map(|element| element.text().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn elements_are_cut_at_the_commas_of_the_list_only() {
        let text = "\n[{\"a\":[1,2]},\n  \"],\\\"\" , 3\n]\n";
        assert_eq!(texts(text), ["{\"a\":[1,2]}", "\"],\\\"\"", "3"]);
        let places: Vec<_> = split(text).unwrap();
        let places: Vec<_> = places
            .iter()
            .map(|p| (p.number, p.line, p.column))
            .collect();
        assert_eq!(places, [(1, 2, 1), (2, 3, 2), (3, 3, 11)]);
        assert!(texts(" [ ] ").is_empty());
    }

    #[test]
    fn a_missing_element_is_left_for_the_parser_to_refuse() {
        assert_eq!(texts("[1,]"), ["1", ""]);
        assert_eq!(texts("[,1]"), ["", "1"]);
    }

    #[test]
    fn a_list_that_is_cut_off_or_followed_by_text_is_refused() {
        for (text, problem) in [
            (
                "[{\"a\":1},\n{\"a\"",
                "a:2: not JSON at column 5: the list does not end",
            ),
            (
                "[1] 2",
                "a:1: not JSON at column 5: text behind the end of the list",
            ),
            ("[1] [2]", "text behind the end of the list"),
        ] {
            let error = split(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn an_element_may_not_be_longer_than_a_line() {
        let text = format!("[1,\n\"{}\"]", "a".repeat(99));
        let message = split(&text).unwrap_err().to_string();
        assert!(
            message.starts_with("a:2: found a line of more than 100 bytes"),
            "{message}"
        );
        assert_eq!(texts(&text.replacen('a', "", 1)).len(), 2);
    }

    proptest! {
        #[test]
        fn any_list_is_cut_into_its_elements(list in prop::collection::vec(r#"[\[\]{},:"\\a é]{0,8}"#, 0..5)) {
            let values: Vec<Value> = list.into_iter().map(|s| serde_json::json!({"k": [s, 1]})).collect();
            let text = serde_json::to_string_pretty(&values).unwrap();
            let found: Vec<Value> = texts(&text).iter().map(|t| serde_json::from_str(t).unwrap()).collect();
            prop_assert_eq!(found, values);
        }
    }
}
