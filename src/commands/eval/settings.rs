//! The arguments of `gradus eval`, checked.

use anyhow::Result;
use gradus::data::{Example, STANDARD_INPUT};
use gradus::eval::bootstrap::Bootstrap;
use gradus::eval::slices::SliceKey;
use gradus::eval::{Aggregation, Aspect};

use crate::cli::EvalArgs;
use crate::commands::intervals;
use crate::commands::midpoints::Midpoints;
use crate::failure::Usage;
use crate::scores::ScoreInput;

/// The settings of an evaluation.
pub(super) struct Settings {
    pub(super) source: ScoreInput,
    pub(super) aggregation: Option<Aggregation>,
    pub(super) bootstrap: Bootstrap,
    /// Position, length, and the given keys of `meta`.
    pub(super) slices: Vec<SliceKey>,
    midpoints: Midpoints,
}

impl Settings {
    pub(super) fn check(args: &EvalArgs) -> Result<Self> {
        let source = ScoreInput::of(args.bundle.as_deref(), args.scores.as_deref())?;
        source.check_options(&[
            ("--raw", args.raw),
            ("--stride", !args.stride.stride.is_auto()),
            ("--cut-segments", args.cut.segments.is_some()),
            ("--precision", args.precision.precision.is_some()),
            ("--offset", args.offset.offset.is_some()),
            ("--device", args.device.device.is_some()),
        ])?;
        let bootstrap = intervals::bootstrap(&args.bootstrap)?;
        let to_stdout = |path: &std::path::PathBuf| path.as_os_str() == STANDARD_INPUT;
        if args.json && args.markdown.as_ref().is_some_and(to_stdout) {
            return Err(Usage::new(
                "found both --json and --markdown -, expected one report on standard output",
            )
            .into());
        }
        if args.html.as_ref().is_some_and(to_stdout) {
            return Err(Usage::new("--html: found `-`, expected a file to write").into());
        }
        let mut slices = vec![SliceKey::Position, SliceKey::Length];
        slices.extend(args.slice.iter().cloned().map(SliceKey::Meta));
        Ok(Self {
            source,
            aggregation: args.aggregation,
            bootstrap,
            slices,
            midpoints: Midpoints::parse(&args.midpoint.ratings)?,
        })
    }

    /// The aspects `names`, with their midpoints.
    pub(super) fn aspects(&self, names: &[String]) -> Result<Vec<Aspect>> {
        self.midpoints.aspects(names)
    }

    /// Refuses keys that no record has in its `meta`.
    pub(super) fn check_slices(&self, examples: &[Example]) -> Result<()> {
        for key in &self.slices {
            let SliceKey::Meta(key) = key else { continue };
            if examples
                .iter()
                .any(|example| example.meta.contains_key(key))
            {
                continue;
            }
            let known: std::collections::BTreeSet<&str> = examples
                .iter()
                .flat_map(|example| example.meta.keys().map(String::as_str))
                .collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.into_iter().collect::<Vec<_>>().join(", ")
            };
            return Err(Usage::new(format!(
                "--slice {key}: no record has this key in its `meta`, keys there: {known}"
            ))
            .into());
        }
        Ok(())
    }
}
