//! The baseline that a bundle is trained beside: which one, and with `--offset` whether it is added to scores.

use std::path::Path;

use anyhow::Result;
use gradus::RunConfig;
use gradus::data::RecordSet;
use gradus::eval::{OffsetUse, Scorer};
use gradus::train::{ChosenOffset, OffsetOption, SourceBundle, choose_offset};

use crate::failure::Usage;
use crate::show;

/// The scorer of the bundle in `directory` with its offset kept or dropped; kept where nothing is asked for. Scores of a
/// bundle without an offset are those of its model, as one asks for by dropping it.
///
/// # Errors
/// If an offset is to be kept that the bundle does not have.
pub(crate) fn chosen(
    scorer: Scorer,
    directory: &Path,
    choice: Option<OffsetUse>,
) -> Result<Scorer> {
    let Some(choice) = choice else {
        return Ok(scorer);
    };
    if scorer.offset().is_none() {
        let directory = directory.display();
        if choice == OffsetUse::Drop {
            show::status(&format!(
                "{directory}: no offset to drop: its scores are those of the model alone"
            ));
            return Ok(scorer);
        }
        return Err(Usage::new(format!(
            "--offset keep: found the bundle {directory} without an offset, expected one that was trained beside a baseline, or is \
             stacked with one"
        ))
        .with_hint("leave --offset out: the scores are those of the model alone")
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

/// The configuration with the offset that was chosen, where it leaves the choice to the data, so that a run that is
/// resumed or repeated with it has the same. Says what was chosen, and why.
pub(crate) fn settled<R: RecordSet + ?Sized>(
    config: &RunConfig,
    train: &R,
    valid: &R,
) -> Result<RunConfig> {
    let mut config = config.clone();
    if config.training.offset != OffsetOption::Auto {
        return Ok(config);
    }
    config.training.offset = if let Some(from) = &config.from {
        let source = SourceBundle::open(from)?;
        source.info().manifest.trained_offset().cloned().into()
    } else {
        let chosen = if config.scratch.is_some() {
            ChosenOffset::of_new_encoder()
        } else {
            choose_offset(&config.training, &config.text.aspects, train, valid)?
        };
        show::status(&format!("offset: {chosen}"));
        chosen.offset().clone()
    };
    Ok(config)
}
