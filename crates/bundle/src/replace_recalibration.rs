//! Replaces the recalibration of a bundle on disk.
//!
//! Two small files change, `recalibration.json` and the manifest, and they must match at every moment. The manifest
//! decides: a rename replaces it, and it has the digest of the recalibration. The recalibration with this digest is
//! `recalibration.json`, or a hidden file with the digest in its name:
//!
//! 1. write the new recalibration to its hidden file, or rename the one to be removed to its hidden file
//! 2. replace the manifest
//! 3. rename the new recalibration to `recalibration.json`; remove hidden files that are not in use
//!
//! If the process is killed in between, the bundle is the old or the new one, and the next change cleans up. The
//! weights are not touched. The directory stays the same, as it may be a mount point or a current directory.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use gradus_files::{Existing, MOST_SETTINGS, NewFile, Target, read_regular, sync_directory};

use crate::digest::digest_bytes;
use crate::manifest::{Part, StoredManifest};
use crate::{
    Bundle, MANIFEST, RECALIBRATION, Recalibrations, check_parts, digest_file, load_manifest,
    place, to_json,
};
use gradus_model::{ModelError, Result};

/// Prefix of hidden names; the digest follows.
const PENDING: &str = ".gradus-recalibration-";

impl Bundle {
    /// Replaces the recalibration of the bundle in `directory`; `None` removes it.
    ///
    /// The bundle is complete at every moment, for readers and if the process is killed. Simultaneous calls wait
    /// for each other. Additional files stay. Prediction intervals are removed: they were learned on scores of before.
    ///
    /// # Errors
    /// If `directory` is not a bundle, if a part is missing or foreign, if `maps` has an aspect that the bundle does
    /// not have, if another process is writing it, or if writing fails. Then the bundle stays as it was.
    pub fn set_recalibration(directory: &Path, maps: Option<&Recalibrations>) -> Result<()> {
        Self::recover(directory)?;
        // Before a lock is created beside something that is not a bundle.
        load_manifest(directory)?;
        let _lock = place::lock(directory, &Target::of(directory)?)?;
        let mut stored = load_manifest(directory)?;
        check_parts(directory, &stored.parts)?;
        if let Some(maps) = maps {
            let path = directory.join(RECALIBRATION);
            maps.check(&stored.manifest.aspects())
                .map_err(|problem| ModelError::ConfigFile { path, problem })?;
        }
        let bytes = maps.map(Recalibrations::to_json).transpose()?;
        tidy(directory, &stored)?;
        let old = stored.parts.remove(RECALIBRATION);
        match (bytes, old) {
            (Some(bytes), _) => {
                let part = digest_bytes(&bytes);
                if let Some(path) = pending(directory, &part) {
                    write(
                        &path,
                        &bytes,
                        &[&directory.join(RECALIBRATION), &directory.join(MANIFEST)],
                    )?;
                }
                stored.parts.insert(RECALIBRATION.to_owned(), part);
            }
            (None, Some(old)) => {
                if let Some(path) = pending(directory, &old) {
                    fs_err::rename(directory.join(RECALIBRATION), path)?;
                    sync_directory(directory)?;
                }
            }
            (None, None) => return Ok(()),
        }
        stored.manifest.prediction_intervals.clear();
        let manifest = directory.join(MANIFEST);
        write(&manifest, &to_json(&manifest, &stored)?, &[&manifest])?;
        tidy(directory, &stored)?;
        Ok(())
    }

    /// Whether the manifest of the bundle in `directory` lists a recalibration. No other file is read.
    ///
    /// # Errors
    /// If `directory` is not a bundle.
    pub fn has_recalibration(directory: &Path) -> Result<bool> {
        Self::recover(directory)?;
        super::settled(directory, || {
            Ok(load_manifest(directory)?.parts.contains_key(RECALIBRATION))
        })
    }
}

/// Reads the recalibration in the manifest.
pub(super) fn read(directory: &Path, stored: &StoredManifest) -> Result<Option<Recalibrations>> {
    let Some(part) = stored.parts.get(RECALIBRATION) else {
        return Ok(None);
    };
    let bytes = read_regular(&find(directory, part), MOST_SETTINGS)?;
    let named = directory.join(RECALIBRATION);
    Recalibrations::read(&bytes, &stored.manifest.aspects(), &named).map(Some)
}

/// The path of the recalibration in the manifest.
pub(super) fn find(directory: &Path, expected: &Part) -> PathBuf {
    let own = directory.join(RECALIBRATION);
    let is_expected = |path: &Path| digest_file(path).is_ok_and(|found| found == *expected);
    match pending(directory, expected) {
        Some(hidden) if !is_expected(&own) && is_expected(&hidden) => hidden,
        _ => own,
    }
}

/// Whether a file name is the hidden name of a recalibration.
pub(super) fn is_pending(name: &OsStr) -> bool {
    let digest = name.to_str().and_then(|name| name.strip_prefix(PENDING));
    digest.is_some_and(is_digest)
}

/// The hidden path of a recalibration; `None` if the digest in the manifest is not a digest.
fn pending(directory: &Path, part: &Part) -> Option<PathBuf> {
    let hidden = || directory.join(format!("{PENDING}{}", part.sha256));
    is_digest(&part.sha256).then(hidden)
}

fn is_digest(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 64 && text.bytes().all(is_hex)
}

/// Renames the recalibration in the manifest to `recalibration.json`, and removes all other hidden ones.
fn tidy(directory: &Path, stored: &StoredManifest) -> io::Result<()> {
    if let Some(part) = stored.parts.get(RECALIBRATION) {
        let found = find(directory, part);
        let own = directory.join(RECALIBRATION);
        if found != own {
            fs_err::rename(found, own)?;
        }
    }
    for entry in fs_err::read_dir(directory)? {
        let entry = entry?;
        if is_pending(&entry.file_name()) {
            fs_err::remove_file(entry.path())?;
        }
    }
    sync_directory(directory)
}

/// Writes a file with the permissions of the first existing file of `like`.
pub(super) fn write(path: &Path, bytes: &[u8], like: &[&Path]) -> io::Result<()> {
    let written = NewFile::create(path, Existing::Replace).and_then(|mut file| {
        if let Some(like) = like.iter().find(|path| path.is_file()) {
            file.inherit_access(like)?;
        }
        file.write_all(bytes)?;
        file.publish()
    });
    written.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digests_become_names() {
        let part = |sha256: &str| Part {
            bytes: 1,
            sha256: sha256.to_owned(),
        };
        let directory = Path::new("bundle");
        for text in ["", "../../x", &"A".repeat(64), &"a".repeat(63)] {
            assert_eq!(pending(directory, &part(text)), None, "{text}");
        }
        let hidden = pending(directory, &digest_bytes(b"{}")).unwrap();
        assert!(is_pending(hidden.file_name().unwrap()));
        assert!(!is_pending(OsStr::new(".gradus-recalibration-backup")));
    }
}
