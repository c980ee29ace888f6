//! What scores: a bundle, or a file of scores.

use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::eval::ScoreSource;

use crate::failure::Usage;

/// A bundle that scores, or a file of scores.
pub(crate) enum ScoreInput {
    /// A trained bundle.
    Bundle(PathBuf),
    /// A score file.
    File(PathBuf),
}

impl ScoreInput {
    /// The source from `[BUNDLE]` or `--scores`, exactly one of which is required.
    pub(crate) fn of(bundle: Option<&Path>, scores: Option<&Path>) -> Result<Self> {
        match (bundle, scores) {
            (Some(bundle), None) => Ok(Self::Bundle(bundle.to_owned())),
            (None, Some(scores)) => Ok(Self::File(scores.to_owned())),
            (None, None) => Err(Usage::new(
                "found one path and no --scores, expected scores and data",
            )
            .with_hint("give a bundle and a data file, or --scores FILE and a data file")
            .into()),
            (Some(bundle), Some(_)) => Err(Usage::new(format!(
                "found both the bundle {} and --scores, expected one of them",
                bundle.display()
            ))
            .into()),
        }
    }

    /// Refuses options that choose how a bundle scores where scores are those of a file; each has its name, and whether
    /// it is given.
    pub(crate) fn check_options(&self, of_bundles: &[(&str, bool)]) -> Result<()> {
        let given = of_bundles.iter().filter(|(_, given)| *given);
        let given: Vec<&str> = given.map(|(name, _)| *name).collect();
        if given.is_empty() || self.bundle().is_some() {
            return Ok(());
        }
        let given = given.join(", ");
        Err(Usage::new(format!(
            "{given}: found with --scores, expected with a bundle only, as it says how one scores"
        ))
        .with_hint(format!(
            "leave {given} out, or give a bundle instead of --scores"
        ))
        .into())
    }

    /// Its name for reports.
    pub(crate) fn name(&self) -> ScoreSource {
        match self {
            Self::Bundle(path) => ScoreSource::Bundle(path.display().to_string()),
            Self::File(path) => ScoreSource::File(path.display().to_string()),
        }
    }

    /// The bundle, if it is one.
    pub(crate) fn bundle(&self) -> Option<&Path> {
        match self {
            Self::Bundle(path) => Some(path),
            Self::File(_) => None,
        }
    }
}
