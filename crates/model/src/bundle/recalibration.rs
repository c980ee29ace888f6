//! Giving a bundle on disk another recalibration.

use std::io;
use std::path::Path;

use super::directory::NewDirectory;
use super::{Bundle, MANIFEST, RECALIBRATION, check_parts, digest_file, load_manifest, to_json};
use crate::error::Result;

impl Bundle {
    /// Gives the bundle in `directory` the recalibration `bytes`, or takes the one it has away.
    ///
    /// The bundle is whole at every moment: a copy with the change is written beside it, synced and
    /// put in its place. Files that are no part of the bundle come along.
    ///
    /// # Errors
    /// If `directory` is no bundle, if a part of it is missing or foreign, or if writing fails; then
    /// the bundle stays as it was, and nothing is left over.
    pub fn set_recalibration(directory: &Path, bytes: Option<&[u8]>) -> Result<()> {
        let mut stored = load_manifest(directory)?;
        check_parts(directory, &stored.parts)?;
        // A link to the directory is to stay one.
        let directory = fs_err::canonicalize(directory)?;
        let new = NewDirectory::create(&directory)?;
        copy(&directory, new.path(), &[MANIFEST, RECALIBRATION])?;
        stored.parts.remove(RECALIBRATION);
        if let Some(bytes) = bytes {
            new.write(RECALIBRATION, bytes)?;
            let part = digest_file(&new.path().join(RECALIBRATION))?;
            stored.parts.insert(RECALIBRATION.to_owned(), part);
        }
        new.write(MANIFEST, &to_json(&new.path().join(MANIFEST), &stored)?)?;
        new.publish()?;
        Ok(())
    }
}

/// Copies all that lies in a directory, but for files of the names in `except`.
fn copy(from: &Path, to: &Path, except: &[&str]) -> io::Result<()> {
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let (name, source) = (entry.file_name(), entry.path());
        let target = to.join(&name);
        if except.iter().any(|except| name == *except) {
            continue;
        }
        if fs_err::metadata(&source)?.is_dir() {
            fs_err::create_dir(&target)?;
            copy(&source, &target, &[])?;
        } else {
            copy_file(&source, &target)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs_err::copy(from, to)?;
    fs_err::File::open(to)?.sync_all()
}
