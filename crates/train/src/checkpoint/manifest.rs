//! The manifest of a checkpoint, and its verification.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use gradus_bundle::{Part, digest_file};
use gradus_files::{Contents, MOST_SETTINGS, NewDirectory, is_file_name, read_regular};
use serde::{Deserialize, Serialize};

use crate::{Result, TrainError};

/// The format that this version writes and reads.
const FORMAT_VERSION: u32 = 1;
const MANIFEST: &str = "manifest.json";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    format_version: u32,
    gradus_version: String,
    /// Step of its `best-...` directory.
    pub(super) best: Option<usize>,
    parts: BTreeMap<String, Part>,
}

/// A checkpoint that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The directory.
    pub path: PathBuf,
    /// The problem.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path.display(), self.reason)
    }
}

impl Manifest {
    /// Writes the manifest of a directory under construction, and renames the directory to its target.
    pub(super) fn publish(new: NewDirectory, best: Option<usize>) -> Result<()> {
        let mut parts = BTreeMap::new();
        for entry in fs_err::read_dir(new.path())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            parts.insert(name, digest_file(&entry.path())?);
        }
        let manifest = Self {
            format_version: FORMAT_VERSION,
            gradus_version: env!("CARGO_PKG_VERSION").into(),
            best,
            parts,
        };
        new.write(MANIFEST, &to_json(&manifest, new.path())?)?;
        // A damaged checkpoint of the same step may exist.
        new.replace(&Contents::All)?;
        Ok(())
    }

    /// Names of the files in the manifest and of itself; none if it cannot be read.
    pub(super) fn names(directory: &Path) -> Vec<String> {
        let bytes = read_regular(&directory.join(MANIFEST), MOST_SETTINGS).unwrap_or_default();
        let manifest: Option<Self> = serde_json::from_slice(&bytes).ok();
        let names = manifest
            .into_iter()
            .flat_map(|manifest| manifest.parts.into_keys());
        let mut names: Vec<String> = names.filter(|name| is_file_name(name)).collect();
        names.push(MANIFEST.to_owned());
        names
    }

    /// The step of the `best-...` directory of a checkpoint; `None` if it cannot be read.
    pub(super) fn read_best(directory: &Path) -> Option<usize> {
        let bytes = read_regular(&directory.join(MANIFEST), MOST_SETTINGS).ok()?;
        let manifest: Self = serde_json::from_slice(&bytes).ok()?;
        manifest.best
    }

    /// Reads the manifest of a directory and compares the digests of all files. `needed` lists required
    /// files.
    pub(super) fn verify(directory: &Path, needed: &[&str]) -> std::result::Result<Self, Damage> {
        let damage = |reason: String| Damage {
            path: directory.into(),
            reason,
        };
        let bytes = read_regular(&directory.join(MANIFEST), MOST_SETTINGS);
        let bytes = bytes.map_err(|error| damage(format!("{MANIFEST} cannot be read: {error}")))?;
        let manifest: Self = serde_json::from_slice(&bytes)
            .map_err(|error| damage(format!("{MANIFEST} is damaged: {error}")))?;
        if manifest.format_version != FORMAT_VERSION {
            let found = manifest.format_version;
            return Err(damage(format!(
                "it has format {found}, this version reads {FORMAT_VERSION}"
            )));
        }
        for name in needed {
            if !manifest.parts.contains_key(*name) {
                return Err(damage(format!("{MANIFEST} does not list {name}")));
            }
        }
        for (name, expected) in &manifest.parts {
            if !is_file_name(name) {
                return Err(damage(format!(
                    "{MANIFEST} lists {name:?}, expected the name of a file in the directory"
                )));
            }
            match digest_file(&directory.join(name)) {
                Ok(found) if found == *expected => {}
                Ok(found) if found.bytes != expected.bytes => {
                    let (found, expected) = (found.bytes, expected.bytes);
                    return Err(damage(format!(
                        "{name} has {found} bytes, expected {expected}"
                    )));
                }
                Ok(_) => {
                    return Err(damage(format!(
                        "{name} does not have the content that was saved"
                    )));
                }
                Err(error) => {
                    return Err(damage(format!(
                        "{name} is missing or cannot be read: {error}"
                    )));
                }
            }
        }
        Ok(manifest)
    }
}

pub(super) fn to_json(value: &impl Serialize, path: &Path) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(value);
    json.map_err(|error| TrainError::Checkpoint {
        path: path.into(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(place: &Path) -> PathBuf {
        let target = place.join("step-000001");
        let new = NewDirectory::create(&target).unwrap();
        new.write("state.json", b"{\"step\":1}").unwrap();
        Manifest::publish(new, Some(1)).unwrap();
        target
    }

    #[test]
    fn every_kind_of_damage_is_found_and_named() {
        type Break = fn(&Path);
        let cases: [(&str, Break); 5] = [
            ("state.json has 3 bytes, expected 10", |target| {
                fs_err::write(target.join("state.json"), "{\"s").unwrap();
            }),
            ("state.json does not have the content", |target| {
                fs_err::write(target.join("state.json"), "{\"step\":2}").unwrap();
            }),
            ("state.json is missing", |target| {
                fs_err::remove_file(target.join("state.json")).unwrap();
            }),
            ("manifest.json is damaged", |target| {
                fs_err::write(target.join(MANIFEST), "{").unwrap();
            }),
            ("manifest.json cannot be read", |target| {
                fs_err::remove_file(target.join(MANIFEST)).unwrap();
            }),
        ];
        for (expected, break_it) in cases {
            let place = tempfile::tempdir().unwrap();
            let target = saved(place.path());
            assert_eq!(
                Manifest::verify(&target, &["state.json"]).unwrap().best,
                Some(1)
            );
            break_it(&target);
            let damage = Manifest::verify(&target, &["state.json"]).unwrap_err();
            assert!(damage.reason.starts_with(expected), "{damage}");
            assert_eq!(damage.path, target);
        }
    }

    #[test]
    fn a_manifest_that_lists_a_path_is_damage() {
        let place = tempfile::tempdir().unwrap();
        let outside = place.path().join("outside");
        fs_err::write(&outside, "a user's").unwrap();
        for name in ["../outside", outside.to_str().unwrap()] {
            let target = saved(place.path());
            let mut manifest = Manifest::verify(&target, &[]).unwrap();
            // The digest of the file, so that it passes for one that was saved.
            let digest = digest_file(&outside).unwrap();
            manifest.parts.insert(name.to_owned(), digest);
            let json = to_json(&manifest, &target).unwrap();
            fs_err::write(target.join(MANIFEST), json).unwrap();
            let damage = Manifest::verify(&target, &[]).unwrap_err();
            assert!(damage.reason.contains("expected the name"), "{damage}");
            assert_eq!(Manifest::names(&target), ["state.json", MANIFEST]);
        }
    }

    #[test]
    fn a_manifest_that_lacks_a_needed_part_is_damage() {
        let place = tempfile::tempdir().unwrap();
        let target = saved(place.path());
        let damage = Manifest::verify(&target, &["model.bpk"]).unwrap_err();
        assert!(
            damage.reason.contains("does not list model.bpk"),
            "{damage}"
        );
    }
}
