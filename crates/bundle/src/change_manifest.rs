//! Changes what the manifest of a bundle on disk says, and nothing else.

use std::path::Path;

use gradus_files::Target;
use gradus_model::{ConfigProblem, ModelError, Result};

use crate::{
    Bundle, MANIFEST, Manifest, check_parts, load_manifest, place, replace_recalibration, to_json,
};

impl Bundle {
    /// Changes the manifest of the bundle in `directory`, which a rename replaces, so that the bundle is complete at every
    /// moment. Simultaneous calls wait for each other. Where `change` finds a problem, the bundle stays as it was.
    pub(crate) fn change_manifest(
        directory: &Path,
        change: impl FnOnce(&mut Manifest) -> std::result::Result<(), ConfigProblem>,
    ) -> Result<()> {
        Self::recover(directory)?;
        // Before a lock is created beside something that is not a bundle.
        load_manifest(directory)?;
        let _lock = place::lock(directory, &Target::of(directory)?)?;
        let mut stored = load_manifest(directory)?;
        check_parts(directory, &stored.parts)?;
        let manifest = directory.join(MANIFEST);
        change(&mut stored.manifest).map_err(|problem| ModelError::ConfigFile {
            path: manifest.clone(),
            problem,
        })?;
        replace_recalibration::write(&manifest, &to_json(&manifest, &stored)?, &[&manifest])?;
        Ok(())
    }
}
