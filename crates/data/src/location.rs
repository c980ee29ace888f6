use std::fmt;
use std::path::{Path, PathBuf};

/// The path that stands for standard input.
pub const STANDARD_INPUT: &str = "-";

/// The path that stands for standard output.
pub const STANDARD_OUTPUT: &str = "-";

/// A line of a file; displayed as `path:line`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// The file as the caller named it; [`STANDARD_INPUT`] for standard input.
    pub path: PathBuf,
    /// Line number, from 1.
    pub line: usize,
}

impl Location {
    /// The given line of `path`.
    pub fn new(path: impl Into<PathBuf>, line: usize) -> Self {
        Self {
            path: path.into(),
            line,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", display_path(&self.path), self.line)
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
    }
}
