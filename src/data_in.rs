//! Where training keeps its examples.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where training keeps texts and tokens of its examples: `auto`, `memory` or `disk`. Losses and weights are the
/// same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum DataIn {
    /// In memory up to [`DataIn::MOST_IN_MEMORY`], else on disk.
    #[default]
    Auto,
    /// In memory.
    Memory,
    /// In the files of the data and in a cache of tokens.
    Disk,
}

impl DataIn {
    /// The largest size of the files of both splits that `auto` reads into memory: 64 MiB, which become about 2 GB.
    /// Files that are compressed, and Parquet, count four times.
    pub const MOST_IN_MEMORY: u64 = 64 << 20;

    const NAMES: [(&'static str, Self); 3] = [
        ("auto", Self::Auto),
        ("memory", Self::Memory),
        ("disk", Self::Disk),
    ];

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(crate) fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// A text that names no place for examples.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found `{found}`, expected `auto`, `memory` or `disk`")]
pub struct UnknownDataIn {
    /// The text.
    pub found: String,
}

impl fmt::Display for DataIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, place)| place == self);
        formatter.write_str(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for DataIn {
    type Err = UnknownDataIn;

    fn from_str(text: &str) -> Result<Self, UnknownDataIn> {
        let place = Self::NAMES.iter().find(|(name, _)| *name == text);
        place
            .map(|(_, place)| *place)
            .ok_or_else(|| UnknownDataIn { found: text.into() })
    }
}

impl TryFrom<String> for DataIn {
    type Error = UnknownDataIn;

    fn try_from(text: String) -> Result<Self, UnknownDataIn> {
        text.parse()
    }
}

impl From<DataIn> for String {
    fn from(place: DataIn) -> Self {
        place.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_as_they_are_read() {
        for text in ["auto", "memory", "disk"] {
            assert_eq!(text.parse::<DataIn>().unwrap().to_string(), text);
        }
        let error = "ram".parse::<DataIn>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "found `ram`, expected `auto`, `memory` or `disk`"
        );
    }
}
