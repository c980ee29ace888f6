//! Writes bundles: one process at a time, and only over other bundles.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err::File;
use gradus_files::{
    Contents, Lock, NewDirectory, Target, create_directories, is_current_directory, is_mount_point,
    is_temporary,
};

use crate::manifest::{Part, StoredManifest};
use crate::{
    Bundle, CARD, CONFIG, ExtraFile, MANIFEST, OFFSET, PARTS, RECALIBRATION, TOKENIZER, WEIGHTS,
    blake3_of, card, check_extra, digest_file, load_manifest, offset, replace_recalibration,
    to_json,
};
use gradus_model::{ModelError, Result};

/// How long to wait for another process: long enough for one that writes a bundle, not for a training run, which
/// holds its place all the time.
const PATIENCE: Duration = Duration::from_secs(20);

/// Additional files of versions whose manifests did not list them.
const UNLISTED: [&str; 4] = [
    "run.toml",
    "history.json",
    "metrics.jsonl",
    "baselines.json",
];

/// Number of file names in an error message.
const TOLD: usize = 5;

/// A directory for a bundle. No other process writes to it while this value exists.
#[derive(Debug)]
pub struct BundlePlace {
    directory: PathBuf,
    target: Target,
    overwrite: bool,
    _lock: Lock,
}

impl BundlePlace {
    /// Locks a directory for a bundle, and cleans up after killed processes.
    ///
    /// With `overwrite` it may be empty, or a bundle that contains only files that its manifest lists. Nothing else
    /// is ever removed.
    ///
    /// # Errors
    /// - [`ModelError::AlreadyExists`]: the path exists, without `overwrite`
    /// - [`ModelError::NotOverwritten`]: the directory contains other files, is the current directory, or is a
    ///   mount point
    /// - [`ModelError::FormatVersion`]: the directory is a bundle of an unknown format
    /// - [`ModelError::InUse`]: another process has locked it
    pub fn take(directory: &Path, overwrite: bool) -> Result<Self> {
        let target = Target::of(directory)?;
        create_directories(target.parent())?;
        let lock = lock(directory, &target)?;
        let place = Self {
            directory: directory.to_owned(),
            target,
            overwrite,
            _lock: lock,
        };
        place.check()?;
        Ok(place)
    }

    fn check(&self) -> Result<()> {
        let path = self.target.path();
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        if !self.overwrite {
            return Err(ModelError::AlreadyExists {
                path: self.directory.clone(),
            });
        }
        let refused = |found: String| ModelError::NotOverwritten {
            path: self.directory.clone(),
            found,
        };
        if !path.is_dir() {
            return Err(refused("it is no directory".into()));
        }
        if is_current_directory(&path) {
            return Err(refused(
                "it is the directory that the command runs in".into(),
            ));
        }
        if is_mount_point(&path) {
            return Err(refused("something is mounted there".into()));
        }
        match foreign(&path)? {
            Some(found) => Err(refused(found)),
            None => Ok(()),
        }
    }

    /// Writes a bundle with `extra` files. At every moment the directory is the old or the new one: the new one is
    /// written beside it and synced, and then they exchange their names.
    ///
    /// Files that were added to the old one since it was locked move to the new one.
    ///
    /// # Errors
    /// If an extra file has an invalid name, if the bundle contradicts itself, or if writing fails. Then the old
    /// one stays as it was, and no temporary files remain.
    pub fn save(&self, bundle: &Bundle, extra: &[ExtraFile<'_>]) -> Result<()> {
        extra.iter().try_for_each(check_extra)?;
        bundle.check(&self.directory)?;
        self.write(bundle, extra).map_err(|error| match error {
            ModelError::Io(cause) => ModelError::Write {
                path: self.directory.clone(),
                cause,
            },
            other => other,
        })
    }

    fn write(&self, bundle: &Bundle, extra: &[ExtraFile<'_>]) -> Result<()> {
        let path = self.target.path();
        let new = NewDirectory::create(&path)?;
        new.write(CONFIG, &to_json(&new.path().join(CONFIG), &bundle.config)?)?;
        new.write(TOKENIZER, &bundle.tokenizer)?;
        bundle.save_weights(&new.path().join(WEIGHTS))?;
        if let Some(recalibration) = &bundle.recalibration {
            new.write(RECALIBRATION, &recalibration.to_json()?)?;
        }
        if let Some(offset) = &bundle.offset {
            new.write(OFFSET, &offset::to_json(offset)?)?;
        }
        let card = card::of(bundle);
        let own_card = ExtraFile {
            name: CARD,
            bytes: card.as_bytes(),
        };
        // A card that the caller gives takes the place of that of this program.
        let own_card = (!extra.iter().any(|file| file.name == CARD)).then_some(own_card);
        let extra: Vec<&ExtraFile<'_>> = extra.iter().chain(&own_card).collect();
        for file in &extra {
            new.write(file.name, file.bytes)?;
        }
        let recalibration = bundle.recalibration.as_ref().map(|_| RECALIBRATION);
        let offset = bundle.offset.as_ref().map(|_| OFFSET);
        let parts = recalibration.into_iter().chain(offset);
        let stored = StoredManifest::new(
            bundle.manifest.clone(),
            digests(&new, PARTS.into_iter().chain(parts))?,
            blake3_of(&mut File::open(new.path().join(WEIGHTS))?)?,
            digests(&new, extra.iter().map(|file| file.name))?,
        );
        new.write_whole(MANIFEST, &to_json(&new.path().join(MANIFEST), &stored)?)?;
        let old = if path.is_dir() { contents(&path) } else { None };
        // Nothing of a directory goes that nobody can tell about.
        let old = old.unwrap_or_else(|| Contents::Files(Vec::new()));
        new.replace(&old)?;
        Ok(())
    }
}

fn digests<'a>(
    new: &NewDirectory,
    names: impl Iterator<Item = &'a str>,
) -> io::Result<BTreeMap<String, Part>> {
    names
        .map(|name| Ok((name.to_owned(), digest_file(&new.path().join(name))?)))
        .collect()
}

/// Locks a bundle against other writers, and cleans up after killed ones.
pub(super) fn lock(directory: &Path, target: &Target) -> Result<Lock> {
    let lock = Lock::acquire(target, PATIENCE).map_err(|error| match error.kind() {
        io::ErrorKind::ResourceBusy => ModelError::InUse {
            path: directory.to_owned(),
        },
        _ => error.into(),
    })?;
    NewDirectory::recover(target, &lock, contents)?;
    Ok(lock)
}

/// Restores a bundle that a killed process moved aside.
pub(super) fn recover(directory: &Path) -> Result<()> {
    // A path that names nothing is told about by whoever reads it.
    let Ok(target) = Target::of(directory) else {
        return Ok(());
    };
    if NewDirectory::moved_aside(&target)?.is_some() {
        drop(lock(directory, &target)?);
    }
    Ok(())
}

/// The files that may be removed from a bundle, or from a temporary directory of a killed process. In the latter the
/// manifest is written and removed last, so without one, everything in it was written by this program. `None`,
/// and nothing is removed, if the manifest cannot be read.
fn contents(directory: &Path) -> Option<Contents> {
    if directory.join(MANIFEST).symlink_metadata().is_err() {
        return Some(Contents::All);
    }
    let stored = load_manifest(directory).ok()?;
    let names = stored.names().map(OsString::from);
    Some(Contents::Files(names.chain([MANIFEST.into()]).collect()))
}

/// Why a directory must not be replaced, in words.
fn foreign(directory: &Path) -> Result<Option<String>> {
    let mut entries = Vec::new();
    for entry in fs_err::read_dir(directory)? {
        let entry = entry?;
        if !is_temporary(&entry.file_name())
            && !replace_recalibration::is_pending(&entry.file_name())
        {
            entries.push((entry.file_name(), entry.file_type()?.is_dir()));
        }
    }
    entries.sort();
    if entries.is_empty() {
        return Ok(None);
    }
    let has_manifest = directory.join(MANIFEST).is_file();
    let stored = has_manifest.then(|| load_manifest(directory)).transpose();
    let stored = match stored {
        Ok(stored) => stored,
        Err(error @ ModelError::FormatVersion { .. }) => return Err(error),
        Err(_) => {
            let found = "its manifest.json is not that of a bundle";
            return Ok(Some(found.to_owned()));
        }
    };
    let known: Vec<&str> = stored.iter().flat_map(StoredManifest::names).collect();
    let is_known = |name: &OsString| {
        let is_manifest = stored.is_some() && name.as_os_str() == MANIFEST;
        is_manifest || known.iter().any(|known| name.as_os_str() == *known)
    };
    let names: Vec<String> = entries
        .iter()
        .filter(|(name, is_directory)| *is_directory || !is_known(name))
        .map(|(name, _)| format!("`{}`", name.display()))
        .collect();
    if !names.is_empty() {
        return Ok(Some(holds(&names)));
    }
    let stored_card = |found: &Part| stored.as_ref().is_some_and(|stored| stored.is_card(found));
    let changed = stored.iter().flat_map(StoredManifest::digested);
    for (name, expected) in changed {
        let path = directory.join(name);
        let is_replaced = |found: &Part| name == CARD && stored_card(found);
        let found = path.is_file().then(|| digest_file(&path)).transpose()?;
        if found.is_some_and(|found| found != *expected && !is_replaced(&found)) {
            let found = format!("`{name}` is not the file that was saved with the bundle");
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn holds(names: &[String]) -> String {
    let told = names[..names.len().min(TOLD)].join(", ");
    let more = names.len().saturating_sub(TOLD);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("it holds {told}{more}, which no bundle has")
}

impl StoredManifest {
    /// The files that were written with this manifest, except itself.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let unlisted = if self.files.is_none() {
            &UNLISTED[..]
        } else {
            &[]
        };
        self.digested()
            .map(|(name, _)| name.as_str())
            .chain(unlisted.iter().copied())
    }

    fn digested(&self) -> impl Iterator<Item = (&String, &Part)> {
        self.parts.iter().chain(self.files.iter().flatten())
    }
}
