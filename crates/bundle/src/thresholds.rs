//! The thresholds of a bundle, below which segments are doubtful.

use std::collections::BTreeMap;
use std::path::Path;

use gradus_data::TextsSketch;
use gradus_model::{ConfigProblem, Result};
use gradus_scores::Wish;
use serde::{Deserialize, Serialize};

use crate::{Bundle, load_manifest, settled};

/// The threshold of one aspect. It is one of the model's own scores, so that a recalibration changes nothing: segments
/// that an isotonic map makes equal are still told apart by the score before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DoubtThreshold {
    /// A segment with a score of at most this, before recalibration, is doubtful.
    pub threshold: f64,
    /// What it was chosen for.
    pub wish: Wish,
    /// Segments with a rating of at most this were the ones to find.
    pub midpoint: f64,
    /// Probability with which a wished precision or recall holds for new segments like those it was chosen on; `None` for
    /// costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// What it was chosen on, as it was named.
    pub fitted_on: String,
    /// The records it was chosen on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<TextsSketch>,
    /// Number of segments it was chosen on.
    pub segments: usize,
}

/// Thresholds by the name of their aspect.
pub type DoubtThresholds = BTreeMap<String, DoubtThreshold>;

impl Bundle {
    /// Changes the thresholds of the bundle in `directory`.
    ///
    /// They are in the manifest, which a rename replaces, so that the bundle is complete at every moment. Simultaneous
    /// calls wait for each other.
    ///
    /// # Errors
    /// If `directory` is not a bundle, if a part is missing or foreign, if there is a threshold for an aspect that the
    /// bundle does not have or one that is not finite, if another process is writing it, or if writing fails. Then the
    /// bundle stays as it was.
    pub fn change_thresholds(
        directory: &Path,
        change: impl FnOnce(&mut DoubtThresholds),
    ) -> Result<()> {
        Self::change_manifest(directory, |manifest| {
            change(&mut manifest.thresholds);
            check(&manifest.thresholds, &manifest.aspects())
        })
    }

    /// The thresholds that the manifest of the bundle in `directory` has. No other file is read.
    ///
    /// # Errors
    /// If `directory` is not a bundle.
    pub fn thresholds(directory: &Path) -> Result<DoubtThresholds> {
        Self::recover(directory)?;
        settled(directory, || {
            Ok(load_manifest(directory)?.manifest.thresholds)
        })
    }
}

/// Checks that every threshold is a number and belongs to one of `known`, the model's aspects.
pub(crate) fn check(
    thresholds: &DoubtThresholds,
    known: &[String],
) -> std::result::Result<(), ConfigProblem> {
    for (aspect, threshold) in thresholds {
        let problem = |key: String, found: String, expected: String| {
            Err(ConfigProblem::new(key, found, expected))
        };
        if !known.contains(aspect) {
            return problem(
                "thresholds".into(),
                format!("for {aspect:?}"),
                format!("for the bundle's aspects: {}", known.join(", ")),
            );
        }
        for (key, value) in [
            ("threshold", threshold.threshold),
            ("midpoint", threshold.midpoint),
        ] {
            if !value.is_finite() {
                let key = format!("thresholds.{aspect}.{key}");
                return problem(key, value.to_string(), "a finite number".into());
            }
        }
    }
    Ok(())
}
