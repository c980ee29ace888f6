//! What is wrong with a file, and turning whatever the library does into that.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::errors::ParquetError;

use crate::{DataError, Location};

/// What is wrong with a file, before its path is known.
#[derive(Debug)]
pub(super) struct Damage {
    column: Option<String>,
    /// The row that is read when it is found, from 1.
    row: Option<usize>,
    reason: String,
    hint: Option<&'static str>,
    /// Where a row has more bytes than this, which it may have at most.
    too_long: Option<usize>,
    /// Where the operating system, and not the file, is at fault.
    cause: Option<io::Error>,
}

impl Damage {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            column: None,
            row: None,
            reason: reason.into(),
            hint: None,
            too_long: None,
            cause: None,
        }
    }

    /// A row of more bytes than `limit`.
    pub(super) fn too_long(limit: usize) -> Self {
        Self {
            too_long: Some(limit),
            ..Self::new("")
        }
    }

    pub(super) fn with_hint(self, hint: &'static str) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }

    pub(super) fn in_column(self, column: &str) -> Self {
        Self {
            column: Some(column.to_owned()),
            ..self
        }
    }

    /// Puts the column into the group `outer`.
    pub(super) fn below(self, outer: &str) -> Self {
        let column = self.column.map(|column| format!("{outer}.{column}"));
        Self { column, ..self }
    }

    pub(super) fn at_row(self, row: usize) -> Self {
        Self {
            row: Some(row),
            ..self
        }
    }

    pub(super) fn of(self, path: &Path) -> DataError {
        if let Some(cause) = self.cause {
            return DataError::Read {
                path: path.to_owned(),
                line: self.row.map_or(0, |row| row - 1),
                compression: crate::Compression::Plain,
                cause,
            };
        }
        if let Some(limit) = self.too_long {
            return DataError::LineTooLong {
                location: Location::row(path, self.row.unwrap_or(0)),
                limit,
            };
        }
        DataError::Parquet {
            path: path.to_owned(),
            column: self.column,
            row: self.row,
            reason: self.reason,
            hint: self.hint,
        }
    }
}

impl From<io::Error> for Damage {
    fn from(cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
                Self::new(cause.to_string())
            }
            _ => Self {
                cause: Some(cause),
                ..Self::new("")
            },
        }
    }
}

impl From<ParquetError> for Damage {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::General(reason) | ParquetError::EOF(reason) => Self::new(reason),
            ParquetError::NYI(reason) => Self::new(format!("not read: {reason}")),
            ParquetError::External(cause) => match cause.downcast::<Damage>() {
                Ok(damage) => *damage,
                Err(cause) => match cause.downcast::<io::Error>() {
                    Ok(cause) => Self::from(*cause),
                    Err(cause) => Self::new(cause.to_string()),
                },
            },
            other => Self::new(other.to_string()),
        }
    }
}

impl From<Damage> for ParquetError {
    fn from(damage: Damage) -> Self {
        Self::External(Box::new(damage))
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for Damage {}

/// Runs what calls the library; a panic in it, as of some damaged files, is an error of the file.
pub(super) fn guarded<T>(call: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T, Damage> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(Damage::from),
        Err(panic) => Err(Damage::new(format!(
            "the Parquet library stopped at it: {}",
            panic_message(panic.as_ref())
        ))),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
