//! A trivial baseline beside a model that was trained without it.

use std::path::Path;

use gradus_baselines::{AspectOffset, Offset};
use gradus_model::{ConfigProblem, ModelError, Result};

use crate::{Bundle, MANIFEST};

impl Bundle {
    /// This bundle with scores that are weighted sums of the model's and of a trivial baseline, by [`AspectOffset::weighted`],
    /// one entry per aspect in the order of the model's scores (stacked regressions, Breiman 1996,
    /// <https://doi.org/10.1007/BF00117832>). Weights of before are replaced. Where no aspect changes, there is no offset.
    ///
    /// Recalibration, thresholds and prediction intervals are those of other scores, and are left out. The model stays as it
    /// is: `--offset drop` gives its own scores. `path` is that of this bundle, for errors.
    ///
    /// # Errors
    /// [`ModelError::ConfigFile`]: it was trained beside a baseline, which is part of its scores already.
    pub fn stacked(mut self, path: &Path, aspects: Vec<AspectOffset>) -> Result<Self> {
        if let Some(kinds) = self.manifest.trained_offset() {
            let expected = "none: the model was trained beside a baseline";
            return Err(ModelError::ConfigFile {
                path: path.join(MANIFEST),
                problem: ConfigProblem::new("offset", kinds.to_string(), expected),
            });
        }
        let changes = !aspects.iter().all(AspectOffset::is_none);
        self = self.with_offset(changes.then(|| Offset::stacked(aspects)));
        self.recalibration = None;
        self.manifest.thresholds.clear();
        self.manifest.prediction_intervals.clear();
        Ok(self)
    }

    /// This bundle with the scores of its model alone, if a baseline was added after training.
    #[must_use]
    pub fn unstacked(self) -> Self {
        if self.manifest.stacked {
            self.with_offset(None)
        } else {
            self
        }
    }
}
