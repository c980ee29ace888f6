//! `gradus soup`

use std::path::Path;

use anyhow::Result;
use gradus::bundle::{Bundle, BundlePlace, ExtraFile};
use gradus::data::Example;
use gradus::device;
use gradus::eval::bootstrap::Bootstrap;
use gradus::eval::compare::CompareOptions;
use gradus_files::is_same_file;
use serde_json::json;

use super::compare::{FEWEST_RESAMPLES, compare_bundles, show_comparisons};
use super::intervals::check_resamples;
use super::merge;
use crate::cli::SoupArgs;
use crate::failure::Usage;
use crate::scores::{Choices, check_any_rating};
use crate::{output, records, show};

pub(crate) fn run(args: &SoupArgs) -> Result<()> {
    output::check_directory(&args.output)?;
    check_apart(args)?;
    let options = options(args)?;
    let examples = args.data.as_deref().map(rated).transpose()?;
    let device = device::select(args.device.device.as_deref())?;
    let place = BundlePlace::take(&args.output, args.overwrite)?;
    let mut parts = Vec::new();
    let mut bundles = Vec::new();
    for path in &args.bundles {
        let weights = Bundle::info(path)?.weights.sha256;
        parts.push(json!({"bundle": path, "weights": weights}));
        bundles.push((path.as_path(), Bundle::load(path, &device)?));
    }
    let (path, first) = bundles.remove(0);
    let mut soup = first.soup(path, bundles, &device)?;
    if let Some(training) = &mut soup.manifest.training {
        training.run.insert("soup".into(), parts.into());
    }
    let extra = common_files(args)?;
    let extra: Vec<ExtraFile<'_>> = extra
        .iter()
        .map(|(name, bytes)| ExtraFile { name, bytes })
        .collect();
    place.save(&soup, &extra)?;
    show::status(&format!("bundle saved: {}", args.output.display()));
    if let Some(examples) = &examples {
        return compare(args, examples, &options);
    }
    show::status(
        "what the average is worth was not measured: --data RATED compares it with its parts",
    );
    Ok(())
}

/// Refuses a bundle that is named twice, and one that is the output.
fn check_apart(args: &SoupArgs) -> Result<()> {
    for (index, bundle) in args.bundles.iter().enumerate() {
        let others = args.bundles[..index].iter().chain([&args.output]);
        if let Some(same) = others.into_iter().find(|other| is_same_file(bundle, other)) {
            return Err(Usage::new(format!(
                "{}: found the bundle of {}, expected another",
                bundle.display(),
                same.display()
            ))
            .with_hint("give different bundles, and a new directory for their average")
            .into());
        }
    }
    Ok(())
}

fn options(args: &SoupArgs) -> Result<CompareOptions> {
    check_resamples(args.resamples)?;
    if args.resamples < FEWEST_RESAMPLES {
        let found = args.resamples;
        let message = format!("--resamples: found {found}, expected at least {FEWEST_RESAMPLES}");
        return Err(Usage::new(message).into());
    }
    Ok(CompareOptions {
        metric: args.metric.parse()?,
        bootstrap: Bootstrap {
            resamples: args.resamples,
            seed: args.seed,
            ..Bootstrap::default()
        },
        ..CompareOptions::default()
    })
}

fn rated(path: &Path) -> Result<Vec<Example>> {
    let examples = records::read(path)?;
    check_any_rating(&examples)?;
    Ok(examples)
}

/// The additional files that are the same in all bundles, such as baselines of the same training data.
fn common_files(args: &SoupArgs) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let mut common = merge::extra_files(&args.bundles[0])?;
    for other in &args.bundles[1..] {
        let files = merge::extra_files(other)?;
        common.retain(|file| files.contains(file));
    }
    Ok(common)
}

/// Compares the parts and their average.
fn compare(args: &SoupArgs, examples: &[Example], options: &CompareOptions) -> Result<()> {
    let paths = args.bundles.iter().chain([&args.output]);
    let named: Vec<(String, &Path)> = paths
        .map(|path| (path.display().to_string(), path.as_path()))
        .collect();
    let systems: Vec<(&str, &Path)> = named
        .iter()
        .map(|(name, path)| (name.as_str(), *path))
        .collect();
    // The average is not stacked.
    let choices = Choices {
        raw: true,
        unstacked: true,
        device: args.device.device.as_deref(),
        ..Choices::default()
    };
    let comparisons = compare_bundles(&systems, examples, &choices, options)?;
    if args.json {
        return show::json(&comparisons);
    }
    show_comparisons(&comparisons, false)
}
