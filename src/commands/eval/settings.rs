//! The arguments of `gradus eval`, checked.

use anyhow::Result;
use gradus::data::{Example, STANDARD_INPUT};
use gradus::eval::bootstrap::Bootstrap;
use gradus::eval::slices::SliceKey;
use gradus::eval::{Aggregation, Aspect};

use crate::cli::EvalArgs;
use crate::commands::intervals;
use crate::failure::Usage;
use crate::scores::ScoreInput;

/// The settings of an evaluation.
pub(super) struct Settings {
    pub(super) source: ScoreInput,
    pub(super) aggregation: Option<Aggregation>,
    pub(super) bootstrap: Bootstrap,
    /// Position, length, and the given keys of `meta`.
    pub(super) slices: Vec<SliceKey>,
    midpoints: Vec<(Option<String>, f64)>,
}

impl Settings {
    pub(super) fn check(args: &EvalArgs) -> Result<Self> {
        let source = ScoreInput::of(args.bundle.as_deref(), args.scores.as_deref())?;
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
            midpoints: args
                .midpoint
                .iter()
                .map(|text| midpoint(text))
                .collect::<Result<_>>()?,
        })
    }

    /// The aspects `names`, with their midpoints.
    pub(super) fn aspects(&self, names: &[String]) -> Result<Vec<Aspect>> {
        for name in self.midpoints.iter().filter_map(|(name, _)| name.as_ref()) {
            if !names.contains(name) {
                return Err(Usage::new(format!(
                    "--midpoint: found the aspect `{name}`, expected one of: {}",
                    names.join(", ")
                ))
                .into());
            }
        }
        let midpoint = |name: &String| {
            let mut given = self.midpoints.iter().rev();
            let own = given.find(|(of, _)| of.as_ref().is_none_or(|of| of == name));
            own.map(|&(_, value)| value)
        };
        let aspects = names.iter().map(|name| Aspect {
            name: name.clone(),
            midpoint: midpoint(name),
        });
        Ok(aspects.collect())
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

/// A midpoint argument: `0.5` for every aspect, or `factuality=0.5`.
fn midpoint(text: &str) -> Result<(Option<String>, f64)> {
    let (name, number) = match text.rsplit_once('=') {
        Some((name, number)) => (Some(name.to_owned()), number),
        None => (None, text),
    };
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((name, value)),
        _ => Err(Usage::new(format!(
            "--midpoint: found `{text}`, expected a finite number, or ASPECT=NUMBER"
        ))
        .into()),
    }
}
