//! `gradus merge`

use std::path::Path;

use anyhow::Result;
use gradus::bundle::{Bundle, BundlePlace, ExtraFile};
use gradus::device;
use gradus_files::is_same_file;

use crate::cli::MergeArgs;
use crate::failure::Usage;
use crate::output;
use crate::scores::{BASELINES, TEXTS};
use crate::show;

/// Additional files that training writes to a bundle.
const EXTRA_FILES: [&str; 4] = ["run.toml", "history.json", BASELINES, TEXTS];

/// Those of a bundle.
pub(super) fn extra_files(bundle: &Path) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let mut files = Vec::new();
    for name in EXTRA_FILES {
        if let Some(bytes) = Bundle::read_extra(bundle, name)? {
            files.push((name, bytes));
        }
    }
    Ok(files)
}

pub(crate) fn run(args: &MergeArgs) -> Result<()> {
    output::check_directory(&args.output)?;
    if is_same_file(&args.bundle, &args.output) {
        let output = args.output.display();
        return Err(Usage::new(format!(
            "{output}: found the bundle itself, expected another directory"
        ))
        .with_hint("merge into a new directory, then remove the old one")
        .into());
    }
    let device = device::select(None)?;
    let bundle = Bundle::load(&args.bundle, &device)?;
    if bundle.config.lora.is_none() {
        let bundle = args.bundle.display();
        return Err(Usage::new(format!("{bundle}: the bundle has no adapters"))
            .with_hint("only bundles trained with --lora have adapters; others need no merge")
            .into());
    }
    let place = BundlePlace::take(&args.output, args.overwrite)?;
    let files = extra_files(&args.bundle)?;
    let extra: Vec<ExtraFile<'_>> = files
        .iter()
        .map(|(name, bytes)| ExtraFile { name, bytes })
        .collect();
    place.save(&bundle.merged(), &extra)?;
    show::status(&format!("bundle saved: {}", args.output.display()));
    Ok(())
}
