//! The offset of a bundle, in a file of its own.

use std::path::Path;

use gradus_baselines::{Offset, OffsetKinds};
use gradus_files::{MOST_BYTES, read_regular};
use gradus_model::{ConfigProblem, ModelError, Result};

use crate::manifest::StoredManifest;
use crate::{Bundle, MANIFEST, Manifest, OFFSET, parse_json};

/// Reads the offset that the manifest lists.
pub(crate) fn read(directory: &Path, stored: &StoredManifest) -> Result<Option<Offset>> {
    let path = directory.join(OFFSET);
    let offset = match stored.parts.get(OFFSET) {
        Some(_) => Some(parse(&path, &read_regular(&path, MOST_BYTES)?)?),
        None => None,
    };
    check(&stored.manifest, offset.as_ref(), directory)?;
    Ok(offset)
}

pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Offset> {
    parse_json(path, bytes)
}

/// The content of the file. It has tens of thousands of numbers, and so no white space.
pub(crate) fn to_json(offset: &Offset) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(offset);
    json.map_err(|error| ModelError::json(OFFSET.as_ref(), error))
}

/// Checks that the manifest speaks of the offset that is there, and that it is one for the model's aspects.
pub(crate) fn check(manifest: &Manifest, offset: Option<&Offset>, directory: &Path) -> Result<()> {
    let found = offset.map(Offset::kinds);
    if manifest.offset != found {
        let name = |kinds: Option<&OffsetKinds>| {
            kinds.map_or_else(|| "none".to_owned(), ToString::to_string)
        };
        return Err(ModelError::ConfigFile {
            path: directory.join(MANIFEST),
            problem: ConfigProblem::new(
                "offset",
                name(manifest.offset.as_ref()),
                format!("{}, as {OFFSET} has it", name(found.as_ref())),
            ),
        });
    }
    let stacked = offset.is_some_and(Offset::is_stacked);
    if manifest.stacked != stacked {
        return Err(ModelError::ConfigFile {
            path: directory.join(MANIFEST),
            problem: ConfigProblem::new(
                "stacked",
                manifest.stacked.to_string(),
                format!("{stacked}, as {OFFSET} has it"),
            ),
        });
    }
    let Some(offset) = offset else {
        return Ok(());
    };
    offset
        .check(&manifest.aspects())
        .map_err(|(key, found, expected)| ModelError::ConfigFile {
            path: directory.join(OFFSET),
            problem: ConfigProblem::new(key, found, expected),
        })
}

impl Bundle {
    /// Gives the bundle an offset, or takes it away.
    #[must_use]
    pub fn with_offset(mut self, offset: Option<Offset>) -> Self {
        self.manifest.offset = offset.as_ref().map(Offset::kinds);
        self.manifest.stacked = offset.as_ref().is_some_and(Offset::is_stacked);
        self.offset = offset;
        self
    }
}
