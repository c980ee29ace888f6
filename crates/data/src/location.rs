use std::fmt;
use std::path::{Path, PathBuf};

/// The path that stands for standard input.
pub const STANDARD_INPUT: &str = "-";

/// The path that stands for standard output.
pub const STANDARD_OUTPUT: &str = "-";

/// A line of a file, displayed as `path:line`, or a row of a table in columns, displayed as
/// `path, row 3`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// The file as the caller named it; [`STANDARD_INPUT`] for standard input.
    pub path: PathBuf,
    /// Number of the line or row, from 1.
    pub line: usize,
    /// Whether `line` counts rows.
    is_row: bool,
}

impl Location {
    /// The given line of `path`.
    pub fn new(path: impl Into<PathBuf>, line: usize) -> Self {
        Self {
            path: path.into(),
            line,
            is_row: false,
        }
    }

    /// The given row of `path`.
    pub fn row(path: impl Into<PathBuf>, row: usize) -> Self {
        Self {
            is_row: true,
            ..Self::new(path, row)
        }
    }

    /// Another line or row of the same file.
    pub(crate) fn with_line(&self, line: usize) -> Self {
        Self {
            line,
            ..self.clone()
        }
    }

    /// How a message about `other` calls this place: `line 3`, or `row 3 of a.parquet` where it is in another
    /// file.
    pub fn beside(&self, other: &Self) -> String {
        let (unit, line) = (self.unit(), self.line);
        if self.path == other.path {
            format!("{unit} {line}")
        } else {
            format!("{unit} {line} of {}", display_path(&self.path))
        }
    }

    /// What `line` counts: `line` or `row`.
    pub fn unit(&self) -> &'static str {
        if self.is_row { "row" } else { "line" }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, line) = (display_path(&self.path), self.line);
        if self.is_row {
            write!(f, "{path}, row {line}")
        } else {
            write!(f, "{path}:{line}")
        }
    }
}

/// `path` as it appears in messages.
pub(crate) fn display_path(path: &Path) -> std::path::Display<'_> {
    if path == Path::new(STANDARD_INPUT) {
        Path::new("standard input").display()
    } else {
        path.display()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_reads_as_path_and_line() {
        assert_eq!(
            Location::new("data/train.jsonl", 3).to_string(),
            "data/train.jsonl:3"
        );
        assert_eq!(Location::new("-", 1).to_string(), "standard input:1");
        assert_eq!(
            Location::row("a.parquet", 3).to_string(),
            "a.parquet, row 3"
        );
        let (first, other) = (Location::new("a.jsonl", 3), Location::new("b.jsonl", 7));
        assert_eq!(first.beside(&other.with_line(1)), "line 3 of a.jsonl");
        assert_eq!(first.beside(&first.with_line(9)), "line 3");
    }
}
