//! `--offset`: whether the baseline that a bundle was trained beside is added to its scores.

use std::path::Path;

use anyhow::Result;
use gradus::eval::{OffsetUse, Scorer};

use crate::failure::Usage;
use crate::show;

/// The scorer of the bundle in `directory` with its offset kept or dropped; kept where nothing is asked for.
///
/// # Errors
/// If something is asked for that the bundle does not have.
pub(crate) fn chosen(
    scorer: Scorer,
    directory: &Path,
    choice: Option<OffsetUse>,
) -> Result<Scorer> {
    let Some(choice) = choice else {
        return Ok(scorer);
    };
    if scorer.offset().is_none() {
        return Err(Usage::new(format!(
            "--offset {choice}: found the bundle {} without an offset, expected one that was trained beside a baseline",
            directory.display()
        ))
        .with_hint("leave --offset out, or train with `training.offset` in the run configuration")
        .into());
    }
    let fitted = [
        (
            "recalibration",
            scorer.recalibrations().is_some() && !scorer.is_raw(),
        ),
        ("thresholds", !scorer.manifest().thresholds.is_empty()),
    ];
    let fitted: Vec<&str> = fitted.iter().filter(|one| one.1).map(|one| one.0).collect();
    if choice == OffsetUse::Drop && !fitted.is_empty() {
        show::status(&format!(
            "not used: the bundle's {}, fitted to scores with the offset",
            fitted.join(" and ")
        ));
    }
    Ok(scorer.with_offset(choice))
}
