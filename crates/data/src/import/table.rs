//! Tables of text: comma-separated values as RFC 4180 has them, whatever parts the cells.

use std::path::Path;

use super::fields::not_allowed;
use crate::records::Lines;
use crate::{DataError, Location, ReadLimits, ReadProgress, RecordError, Result};

/// A row, and the line it starts in.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) cells: Vec<String>,
}

/// The rows of a file. Rows of blank lines are passed over.
///
/// What has two readings is refused: text behind a closing quotation mark (as where `\"` is meant
/// for one), a quotation mark behind a blank, a mark that is not closed, a carriage return by
/// itself.
pub(super) struct Table {
    lines: Lines,
    delimiter: char,
    /// Whether the file says so itself, in a first line such as `sep=;`.
    pub(super) names_delimiter: bool,
    /// The header, which was read to find the delimiter.
    header: Option<Row>,
    line: usize,
}

impl Table {
    /// Opens a table. Its cells are parted as its first row is: by what gives that row a cell for
    /// each of the `needed` columns, or by commas. `progress` follows it.
    pub(super) fn open(
        path: &Path,
        limits: ReadLimits,
        progress: &ReadProgress,
        needed: &[&str],
    ) -> Result<Self> {
        let mut table = Self {
            lines: Lines::open(path, limits, progress)?,
            delimiter: ',',
            names_delimiter: false,
            header: None,
            line: 0,
        };
        if !table.lines.advance()? {
            return Ok(table);
        }
        let first = table
            .lines
            .text()
            .unwrap_or_default()
            .trim_end_matches(['\r', '\n']);
        let named = first
            .strip_prefix("sep=")
            .or_else(|| first.strip_prefix("SEP="));
        if let Some(delimiter) = named.and_then(|named| named.parse().ok()) {
            table.delimiter = delimiter;
            table.names_delimiter = true;
            table.header = table.read_row()?;
            return Ok(table);
        }
        let line = table.lines.location().line;
        let bytes = table.lines.bytes().to_vec();
        for delimiter in [';', '\t', '|', ','] {
            table.delimiter = delimiter;
            let mut scan = Scan::new(line, delimiter);
            // The comma comes last, so that it is what a header of no kind is parted by.
            let read = scan.feed(&bytes);
            let names = &scan.cells;
            let has_all = needed
                .iter()
                .all(|name| names.iter().any(|cell| cell.trim() == *name));
            if read.is_ok_and(|whole| whole) && has_all {
                break;
            }
        }
        table.line = line - 1;
        table.header = table.row_from(bytes)?;
        Ok(table)
    }

    pub(super) fn delimiter(&self) -> char {
        self.delimiter
    }

    /// Where the row that was read last starts.
    pub(super) fn location(&self) -> Location {
        Location::new(self.lines.location().path.clone(), self.line)
    }

    /// The next row; `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<Row>> {
        match self.header.take() {
            Some(header) => Ok(Some(header)),
            None => self.read_row(),
        }
    }

    fn read_row(&mut self) -> Result<Option<Row>> {
        if !self.lines.advance()? {
            return Ok(None);
        }
        self.line = self.lines.location().line - 1;
        let bytes = self.lines.bytes().to_vec();
        self.row_from(bytes)
    }

    /// The row that starts with a line, and goes on behind it where a cell is open at its end.
    fn row_from(&mut self, first: Vec<u8>) -> Result<Option<Row>> {
        self.line += 1;
        let mut scan = Scan::new(self.line, self.delimiter);
        let mut bytes = first.len();
        let mut whole = scan.feed(&first).map_err(|error| self.torn(error))?;
        let limit = self.lines.limits().max_line_bytes;
        while !whole {
            if !self.lines.advance_to_any()? {
                return Err(self.torn(scan.unclosed()));
            }
            bytes += self.lines.bytes().len();
            if bytes > limit {
                let location = self.location();
                return Err(DataError::LineTooLong { location, limit });
            }
            whole = scan
                .feed(self.lines.bytes())
                .map_err(|error| self.torn(error))?;
        }
        Ok(Some(Row {
            line: self.line,
            cells: scan.cells,
        }))
    }

    fn torn(&self, (line, error): (usize, RecordError)) -> DataError {
        DataError::Torn {
            location: Location::new(self.lines.location().path.clone(), line),
            error: Box::new(error),
        }
    }
}

type Torn = (usize, RecordError);

/// The cells of one row, line by line.
struct Scan {
    delimiter: char,
    line: usize,
    state: State,
    /// Line of the quotation mark that opened the cell at hand.
    opened: usize,
    cells: Vec<String>,
}

/// Where in a cell the scanner is.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    Bare,
    Quoted,
    /// Behind a quotation mark in a quoted cell, which closes the cell or is doubled.
    Closed,
}

impl Scan {
    fn new(line: usize, delimiter: char) -> Self {
        Self {
            delimiter,
            line,
            state: State::Start,
            opened: line,
            cells: vec![String::new()],
        }
    }

    /// Reads a line, its end among it; whether the row ends with it.
    fn feed(&mut self, line: &[u8]) -> Result<bool, Torn> {
        let text = str::from_utf8(line).map_err(|error| {
            let ahead = String::from_utf8_lossy(&line[..error.valid_up_to()]);
            let cell = self.cells.len() + ahead.matches(self.delimiter).count();
            let found = format!("bytes that are not UTF-8 in cell {cell}");
            (self.line, not_allowed("", found, "text in UTF-8"))
        })?;
        let content = text.strip_suffix('\n').unwrap_or(text);
        for char in content.strip_suffix('\r').unwrap_or(content).chars() {
            self.step(char)?;
        }
        if self.state == State::Quoted {
            let end = &text[content.strip_suffix('\r').unwrap_or(content).len()..];
            self.cell().push_str(end);
            self.line += 1;
            return Ok(false);
        }
        self.check_bare()?;
        Ok(true)
    }

    /// What is wrong where the text ends inside quotation marks.
    fn unclosed(&self) -> Torn {
        let found = "a quotation mark that is not closed";
        let expected = "one behind the cell, and two for one inside of it";
        (self.opened, not_allowed("", found, expected))
    }

    fn cell(&mut self) -> &mut String {
        let last = self.cells.len() - 1;
        &mut self.cells[last]
    }

    fn step(&mut self, char: char) -> Result<(), Torn> {
        match (self.state, char) {
            (State::Quoted, '"') => self.state = State::Closed,
            (State::Quoted, _) => self.cell().push(char),
            (State::Closed, '"') => {
                self.cell().push('"');
                self.state = State::Quoted;
            }
            (_, char) if char == self.delimiter => {
                self.check_bare()?;
                self.cells.push(String::new());
                self.state = State::Start;
            }
            (State::Closed, _) => {
                let found = format!(
                    "{char:?} behind the quotation mark that closes cell {}",
                    self.cells.len()
                );
                let expected = "the end of the cell; a quotation mark inside one is written twice (\"\"), not with a backslash";
                return Err((self.line, not_allowed("", found, expected)));
            }
            (_, '\r') => {
                let found = format!(
                    "a carriage return without a line feed in cell {}",
                    self.cells.len()
                );
                let expected = "lines that end in a line feed, or text in quotation marks";
                return Err((self.line, not_allowed("", found, expected)));
            }
            (State::Start, '"') => {
                self.opened = self.line;
                self.state = State::Quoted;
            }
            _ => {
                self.cell().push(char);
                self.state = State::Bare;
            }
        }
        Ok(())
    }

    /// A quotation mark behind a blank opens a cell for some programs and not for others.
    fn check_bare(&mut self) -> Result<(), Torn> {
        if self.state == State::Bare && self.cell().trim_start().starts_with('"') {
            let found = format!(
                "blanks ahead of the quotation mark of cell {}",
                self.cells.len()
            );
            return Err((
                self.line,
                not_allowed("", found, "the mark right behind the delimiter"),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: impl AsRef<[u8]>) -> Result<(char, Vec<Row>)> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t");
        fs_err::write(&path, text).unwrap();
        let limits = ReadLimits {
            max_line_bytes: 100,
            ..ReadLimits::default()
        };
        let mut table = Table::open(&path, limits, &ReadProgress::default(), &["id", "b"])?;
        let mut rows = Vec::new();
        while let Some(row) = table.next_row()? {
            rows.push(row);
        }
        Ok((table.delimiter(), rows))
    }

    fn cells(text: &str) -> Vec<Vec<String>> {
        let (_, rows) = rows(text).unwrap();
        rows.into_iter().map(|row| row.cells).collect()
    }

    #[test]
    fn cells_may_be_quoted_and_hold_anything() {
        let text = "id,b\r\n\"a,\"\"b\"\"\r\nc\",\r\n\r\nx \"y\",\"\"";
        assert_eq!(
            cells(text),
            [
                vec!["id", "b"],
                vec!["a,\"b\"\r\nc", ""],
                vec!["x \"y\"", ""]
            ]
        );
        let lines: Vec<usize> = rows(text).unwrap().1.iter().map(|row| row.line).collect();
        assert_eq!(lines, [1, 2, 5]);
    }

    #[test]
    fn cells_are_parted_as_the_header_is() {
        for (text, delimiter) in [
            ("id,b\n1,2", ','),
            ("id;b\n1;2", ';'),
            ("\u{feff}id\tb\n1\t2", '\t'),
            ("sep=;\nid;b\n1;2", ';'),
            ("\"id\"|\"b\"\n1|2", '|'),
        ] {
            let (found, rows) = rows(text).unwrap();
            assert_eq!(found, delimiter, "{text}");
            assert_eq!(rows[1].cells, ["1", "2"], "{text}");
        }
        assert_eq!(rows("sep=;\nid;b\n1;2").unwrap().1[1].line, 3);
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        for (text, problem) in [
            (
                "id,b\n\"a \\\"hi\\\".\",1",
                "t:2: found 'h' behind the quotation mark that closes cell 1",
            ),
            (
                "id,b\n1, \"x, y\"",
                "t:2: found blanks ahead of the quotation mark of cell 2",
            ),
            (
                "id,b\n1,\"x\n\ny",
                "t:2: found a quotation mark that is not closed",
            ),
            (
                "id,b\r1,2\r3,4",
                "t:1: found a carriage return without a line feed",
            ),
            ("id,b\n\"a\n\"x,1", "t:3: found 'x' behind"),
        ] {
            let message = rows(text).unwrap_err().to_string();
            assert!(message.contains(problem), "{message}");
        }
        let message = rows(b"id,b\n1,\xff").unwrap_err().to_string();
        assert!(
            message.contains("t:2: found bytes that are not UTF-8 in cell 2"),
            "{message}"
        );
    }

    #[test]
    fn a_row_may_not_be_longer_than_a_line() {
        let text = format!(
            "id,b\n1,\"{}\"",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n".repeat(4)
        );
        let message = rows(text).unwrap_err().to_string();
        assert!(
            message.contains("t:2: found a line of more than 100 bytes"),
            "{message}"
        );
    }

    proptest! {
        #[test]
        fn any_table_that_is_written_is_read(
            table in prop::collection::vec(prop::collection::vec("[a\"',;\t\r\n |é\\\\]{0,6}", 2), 0..6),
            delimiter in prop::sample::select(vec![',', ';', '\t', '|']),
        ) {
            let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let mut text = format!("id{delimiter}b\n");
            for row in &table {
                text.push_str(&row.iter().map(quoted).collect::<Vec<_>>().join(&delimiter.to_string()));
                text.push('\n');
            }
            let (found, rows) = rows(text).unwrap();
            prop_assert_eq!(found, delimiter);
            let rows: Vec<Vec<String>> = rows.into_iter().skip(1).map(|row| row.cells).collect();
            prop_assert_eq!(rows, table);
        }
    }
}
