//! The threshold below which a step counts as wrong: given, or chosen on other records.

use std::path::Path;

use anyhow::Result;
use gradus::eval::process::ThresholdChoice;

use super::steps::percent;
use crate::cli::ThresholdArgs;
use crate::failure::Usage;

/// Quantiles of step scores that are tried as thresholds.
pub(super) const QUANTILES: usize = 200;

/// A score below which a step is called wrong.
pub(super) struct Threshold {
    pub(super) value: f64,
    /// How it was chosen; `None` if it was given.
    pub(super) choice: Option<ThresholdChoice>,
}

impl Threshold {
    /// What the flags say. `choose` gets the file of `--threshold-on` and its name for the report,
    /// and finds nothing where the file lacks what `expected` says.
    pub(super) fn of(
        args: &ThresholdArgs,
        expected: &str,
        choose: impl FnOnce(&Path, &str) -> Result<Option<ThresholdChoice>>,
    ) -> Result<Self> {
        match (args.threshold, &args.threshold_on) {
            (Some(value), _) if value.is_finite() => Ok(Self {
                value,
                choice: None,
            }),
            (Some(value), _) => Err(Usage::new(format!(
                "--threshold: found {value}, expected a finite number"
            ))
            .into()),
            (None, Some(path)) => {
                let name = path.display().to_string();
                let choice = choose(path, &name)?.ok_or_else(|| {
                    Usage::new(format!(
                        "{name}: found no threshold to choose, expected {expected}"
                    ))
                })?;
                Ok(Self {
                    value: choice.threshold,
                    choice: Some(choice),
                })
            }
            (None, None) => Err(Usage::new("found no threshold, expected one")
                .with_hint("give --threshold, or records to choose it on with --threshold-on")
                .into()),
        }
    }

    /// Where it comes from, to stand behind its value; `figure` is what was chosen by.
    pub(super) fn origin(&self, figure: &str) -> String {
        match &self.choice {
            Some(choice) => format!(
                ", the best of {QUANTILES} quantiles on {} ({figure} {} there)",
                choice.split,
                percent(Some(choice.score))
            ),
            None => ", as given".to_owned(),
        }
    }
}
