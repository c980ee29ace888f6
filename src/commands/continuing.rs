//! `gradus train --from`: the settings of a run that continues a bundle, and what it forgets.

use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::RunConfig;
use gradus::data::{Example, TextsSketch};
use gradus::eval::Baselines;
use gradus::eval::bootstrap::Bootstrap;
use gradus::eval::compare::CompareOptions;
use gradus::train::{SourceBundle, TextOptions};

use super::compare::{AspectComparison, compare_bundles, rates, show_comparisons};
use crate::cli::TrainArgs;
use crate::failure::Usage;
use crate::scores::{self, Choices, check_any_rating, tell_of_fitted};
use crate::{records, show};

/// The bundle to continue: that of the command line, or of the file of `--config`.
pub(crate) fn source(args: &TrainArgs) -> Result<Option<PathBuf>> {
    if args.from.is_some() {
        return Ok(args.from.clone());
    }
    let Some(path) = &args.run.config else {
        return Ok(None);
    };
    let from = RunConfig::load(path)?.from;
    if let (Some(from), Some(encoder)) = (&from, &args.run.encoder) {
        let message = format!(
            "found --encoder {}, and `from = {}` in {}, expected one of them",
            encoder.display(),
            from.display(),
            path.display()
        );
        return Err(Usage::new(message).into());
    }
    Ok(from)
}

/// The settings of the bundle, overridden by those of the file of `--config`.
pub(crate) fn base_config(from: &Path, args: &TrainArgs) -> Result<RunConfig> {
    let source = SourceBundle::open(from)?;
    let base = RunConfig::continuing(&source, from);
    let Some(path) = &args.run.config else {
        return Ok(base);
    };
    let mut config = base.overridden_by(path)?;
    from.clone_into(config.from.get_or_insert_default());
    if args.from.is_some() {
        config.from_weights = base.from_weights;
    }
    let encoder = config.encoder.take().map(|path| path.display().to_string());
    let scratch = config.scratch.take().map(|_| "[scratch]".to_owned());
    for found in encoder.into_iter().chain(scratch) {
        show::status(&format!(
            "{}: the encoder {found} is not used: encoder and head are those of {}",
            path.display(),
            from.display()
        ));
    }
    Ok(config)
}

/// Refuses a bundle that is not the one that the configuration names, and says what the run takes over.
pub(crate) fn check(config: &RunConfig) -> Result<()> {
    let Some(from) = &config.from else {
        return match &config.old_test {
            None => Ok(()),
            Some(path) => Err(Usage::new(format!(
                "--old-test {}: found no bundle that is continued, expected one with --from",
                path.display()
            ))
            .with_hint("`gradus eval` evaluates a bundle on test data")
            .into()),
        };
    };
    let source = SourceBundle::open(from)?;
    let weights = &source.info().weights.sha256;
    if let Some(expected) = config
        .from_weights
        .as_ref()
        .filter(|found| *found != weights)
    {
        return Err(Usage::new(format!(
            "from: {}: found weights with SHA-256 {weights:.12}.., expected {expected:.12}.., as `from_weights` says: the \
             bundle was changed since",
            from.display()
        ))
        .with_hint("name the bundle with --from to continue it as it is now")
        .into());
    }
    source.check(&config.text, &config.model, &config.training)?;
    tell(&source, config, from);
    Ok(())
}

/// A learning rate without the last digits of a fifth in floating point: 6e-4, not 6.000000000000001e-4.
fn rate(rate: f64) -> String {
    let rounded = format!("{rate:.10e}");
    rounded
        .parse()
        .map_or(rounded, |rounded: f64| format!("{rounded:e}"))
}

fn tell(source: &SourceBundle, config: &RunConfig, from: &Path) {
    let text = &config.text;
    show::status(&format!(
        "continuing {}: its encoder, head, aspects ({}), scale ({}) and segmenter ({})",
        from.display(),
        text.aspects.join(", "),
        text.scale,
        text.segmenter
    ));
    let training = &config.training;
    show::status(&format!(
        "loss {}; peak learning rates {} (encoder) and {} (head)",
        training.loss,
        rate(
            training
                .learning_rate
                .unwrap_or_else(|| source.learning_rate())
        ),
        rate(training.head_learning_rate)
    ));
    let own = source.text_options();
    let trained = source.info().manifest.text.stride;
    let step = |text: &TextOptions| {
        let step = text.stride.of_trained(trained);
        step.map_or_else(|| "none".to_owned(), |step| step.to_string())
    };
    let changed = [
        (
            "max_length",
            text.max_length.to_string(),
            own.max_length.to_string(),
        ),
        (
            "truncation",
            format!("{:?}", text.truncation),
            format!("{:?}", own.truncation),
        ),
        (
            "cut_segments",
            format!("{:?}", text.cut_segments),
            format!("{:?}", own.cut_segments),
        ),
        ("stride", step(text), step(&own)),
        (
            "aggregation",
            config.aggregation().to_string(),
            source.aggregation().to_string(),
        ),
    ];
    for (name, found, own) in changed.iter().filter(|(_, found, own)| found != own) {
        show::status(&format!("{name}: {found} instead of {own}, the bundle's"));
    }
    let left = source.described().left_behind;
    if !left.is_empty() {
        show::status(&format!(
            "not taken over, because fitted to the scores of before: {}; `gradus calibrate`, \
             `gradus threshold` and `gradus interval` make new ones, and the run stacks anew unless `--stack none`",
            left.join(", ")
        ));
    }
    if config.old_test.is_none() {
        show::status(
            "what the bundle forgets is not measured: --old-test FILE judges its old test data before and after",
        );
    }
}

/// The baselines of the new data, and for aspects that it does not rate those of the bundle.
pub(crate) fn baselines(from: &Path, mut new: Baselines) -> Result<Baselines> {
    let old = scores::stored_baselines(from)?;
    for of_aspect in old.aspects {
        if !new.aspects.iter().any(|one| one.aspect == of_aspect.aspect) {
            new.aspects.push(of_aspect);
        }
    }
    Ok(new)
}

/// The sketch of all texts that the new bundle was trained on: the new ones, and those of the bundle.
pub(crate) fn sketch(from: &Path, new: &[u8]) -> Result<Vec<u8>> {
    let Some(old) = scores::stored_sketch(from)? else {
        return Ok(new.to_vec());
    };
    let new: TextsSketch = serde_json::from_slice(new)?;
    Ok(serde_json::to_vec(&old.union(&new))?)
}

/// The old test data, read before the run starts.
pub(crate) struct OldTest {
    path: PathBuf,
    from: PathBuf,
    examples: Vec<Example>,
}

impl OldTest {
    pub(crate) fn read(config: &RunConfig) -> Result<Option<Self>> {
        let (Some(path), Some(from)) = (&config.old_test, &config.from) else {
            return Ok(None);
        };
        let examples = records::read(path)?;
        check_any_rating(&examples)?;
        let aspects = &config.text.aspects;
        if !aspects.iter().any(|aspect| rates(&examples, aspect)) {
            let message = format!(
                "--old-test {}: found no rating on an aspect of the bundle {}, which has {}",
                path.display(),
                from.display(),
                aspects.join(", ")
            );
            let hint = "`gradus data stats` shows what is rated, and on which aspects";
            return Err(Usage::new(message).with_hint(hint).into());
        }
        Ok(Some(Self {
            path: path.clone(),
            from: from.clone(),
            examples,
        }))
    }

    /// Warns of records on which the bundle of before or the new one is trained, so that nobody waits for figures that say
    /// nothing.
    pub(crate) fn tell_of_shared(&self, new: &TextsSketch) -> Result<()> {
        let path = self.path.display();
        if let Some(old) = scores::stored_sketch(&self.from)? {
            let fitted = format!(
                "--old-test {path}: the bundle {} was trained on",
                self.from.display()
            );
            tell_of_fitted(&fitted, &old, &self.examples);
        }
        let fitted = format!("--old-test {path}: the new training data has");
        tell_of_fitted(&fitted, new, &self.examples);
        Ok(())
    }

    /// Judges the bundle of before and the new one, side by side.
    pub(crate) fn judge(self, config: &RunConfig, output: &Path) -> Result<Vec<AspectComparison>> {
        show::status(&format!(
            "\n{}: the old test data before and after (scores without recalibration)",
            self.path.display()
        ));
        let options = CompareOptions {
            bootstrap: Bootstrap::default(),
            ..CompareOptions::default()
        };
        let bundles = [("before", self.from.as_path()), ("after", output)];
        let choices = Choices {
            raw: true,
            device: config.device.as_deref(),
            ..Choices::default()
        };
        compare_bundles(&bundles, &self.examples, &choices, &options)
    }
}

/// Prints the comparison on the old test data.
pub(crate) fn show_old_test(comparisons: &[AspectComparison]) -> Result<()> {
    show_comparisons(comparisons, false)
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn a_rate_has_the_digits_that_a_person_would_write() {
        assert_eq!(rate(0.2 * 3e-3), "6e-4");
        assert_eq!(rate(1.25e-5), "1.25e-5");
        assert_eq!(rate(0.0), "0e0");
    }
}
