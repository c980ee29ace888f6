use std::fmt;
use std::str::FromStr;

use super::OwnFormat;
pub use super::formats::Format;
use crate::{DataError, Result};

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        let format = Self::ALL.into_iter().find(|format| format.name() == text);
        let format = format.or_else(|| OwnFormat::find(text).map(Self::Own));
        format.ok_or_else(|| DataError::UnknownFormat {
            found: text.to_owned(),
        })
    }
}
