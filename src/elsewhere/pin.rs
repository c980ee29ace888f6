//! Pins the splits of a run, so that a later run reads the same bytes.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::data::is_elsewhere;
use sha2::{Digest as _, Sha256};

use super::hexadecimal;
use crate::failure::Usage;

/// Fetches a split of another place. Replaces its name by one that stands for the same content, where the place has
/// such names, and sets its digest, or compares it with the one that an earlier run has set.
pub(crate) fn pin(
    key: &str,
    split: &mut Option<PathBuf>,
    digest: &mut Option<String>,
) -> Result<()> {
    let Some(path) = split.as_ref() else {
        return Ok(());
    };
    if !is_elsewhere(path) {
        return match digest {
            Some(expected) if path.exists() => compare(key, path, expected, &digest_of(path)?),
            _ => Ok(()),
        };
    }
    let pinned = PathBuf::from(super::pinned(path)?);
    let found = digest_of(path)?;
    if let Some(expected) = digest {
        compare(key, path, expected, &found)?;
    }
    if pinned != *path {
        crate::show::status(&format!("{key}: {}", pinned.display()));
    }
    *split = Some(pinned);
    *digest = Some(found);
    Ok(())
}

fn compare(key: &str, path: &Path, expected: &str, found: &str) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Usage::new(format!(
        "{}: found data with the digest {found}, expected {expected}, as `{key}_sha256` has it",
        path.display()
    ))
    .with_hint(format!(
        "the data changed since it was pinned: name the earlier version of it, or leave out `{key}_sha256` to train on what is there now"
    ))
    .into())
}

/// SHA-256 of the bytes of all files, one behind the other.
fn digest_of(path: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    for file in gradus::data::data_files(path)? {
        let mut file = fs_err::File::open(file)?;
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                count => hasher.update(&buffer[..count]),
            }
        }
    }
    Ok(hexadecimal(&hasher.finalize()))
}
