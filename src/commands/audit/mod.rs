//! `gradus data audit`

mod markdown;
mod page;
mod tables;
mod text;

use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::data::{Example, Sample};
use gradus::eval::audit::{AuditFacts, AuditOptions, AuditSplit, SplitTotals, audit_sampled};

use crate::cli::AuditArgs;
use crate::failure::Usage;
use crate::{output, records, show};

/// Most records of a split that are looked at in depth, and most bytes of their texts.
const MOST_SAMPLED: usize = 16_384;
const MOST_SAMPLED_BYTES: usize = 8 << 20;

pub(crate) fn run(args: &AuditArgs) -> Result<()> {
    let inputs = [Some(&args.data), args.valid.as_ref(), args.test.as_ref()];
    let inputs: Vec<&Path> = inputs.into_iter().flatten().map(PathBuf::as_path).collect();
    let page = output::page(&args.page, &inputs)?;
    let options = AuditOptions {
        scale: args.scale,
        seed: args.seed,
    };
    let first = if args.valid.is_some() || args.test.is_some() {
        "train"
    } else {
        "data"
    };
    let files = [
        (first, Some(&args.data)),
        ("valid", args.valid.as_ref()),
        ("test", args.test.as_ref()),
    ];
    let files = files
        .into_iter()
        .filter_map(|(name, path)| Some((name, path?)));
    let mut totals: Vec<SplitTotals> = Vec::new();
    let mut samples: Vec<Vec<Example>> = Vec::new();
    for (name, path) in files {
        let mut split = SplitTotals::new(name, args.scale);
        let mut sample = Sample::within(MOST_SAMPLED, MOST_SAMPLED_BYTES);
        records::each(path, AuditFacts::of, |example, facts| {
            split.add(&example, &facts, &totals);
            sample.add(example);
            Ok(())
        })?;
        totals.push(split);
        samples.push(sample.finish());
    }
    let splits: Vec<AuditSplit> = (totals.iter().map(SplitTotals::name).zip(&samples))
        .map(|(name, sample)| AuditSplit::new(name, sample))
        .collect();
    let report = audit_sampled(&splits, &totals, &options)?;
    if let Some(page) = page {
        output::write_page(page, &page::document(&report, args).html())?;
    }
    if args.format.json {
        show::json(&report)?;
    } else if args.format.markdown {
        show::line(markdown::page(&report).trim_end())?;
    } else {
        text::show(&report)?;
    }
    if args.strict && report.is_flagged() {
        return Err(Usage::new(format!("the audit found {}", tables::counts(&report))).into());
    }
    Ok(())
}
