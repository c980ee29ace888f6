//! `gradus probe`

use std::path::Path;

use anyhow::Result;
use gradus::burn::tensor::Device;
use gradus::data::Example;
use gradus::train::{Preview, ProbeCurve, ProbeReport, StopHandle, probe, probe_stored};
use gradus::{CheckedSettings, RunConfig, StackOption, device};
use indicatif::ProgressBar;

use crate::cli::ProbeArgs;
use crate::commands::offset;
use crate::commands::plan;
use crate::commands::settings::{Paths, base_config, pinned, set_run};
use crate::commands::stored::{Stored, Survey};
use crate::commands::train::{plan_with, training_plan};
use crate::failure::Usage;
use crate::{progress, records, show};

pub(crate) fn run(args: &ProbeArgs) -> Result<()> {
    let mut config = base_config(&args.run)?;
    set_run(&mut config, &args.run);
    // A probe is not stacked, and its `run.toml` says so.
    config.stack = StackOption::None;
    if let Some(from) = &config.from {
        let message = format!(
            "`from = {}` in the configuration: found a bundle, expected an encoder: a probe fits a new head",
            from.display()
        );
        return Err(Usage::new(message).into());
    }
    config.check()?;
    let config = pinned(config)?;
    let paths = Paths::of(&config)?;
    let device = device::select(config.device.as_deref())?;
    let run = |config| -> Result<Run<'_>> {
        Ok(Run {
            settings: RunConfig::check(config)?,
            config,
            output: paths.output,
            overwrite: args.run.overwrite,
            device: &device,
        })
    };
    let report = if let Some(stored) = Stored::find(&config, &paths)? {
        let config = offset::settled(&config, &stored.train, &stored.valid)?;
        run(&config)?.on_disk(&stored)?
    } else {
        let (train, valid) = (records::read(paths.train)?, records::read(paths.valid)?);
        let config = offset::settled(&config, &train[..], &valid[..])?;
        run(&config)?.in_memory(&train, &valid)?
    };
    show::status(&format!(
        "{} features computed in {:.1} s, solved in {:.1} s",
        report.d_model, report.feature_seconds, report.solve_seconds
    ));
    show::status(&format!("bundle saved: {}", paths.output.display()));
    if args.json {
        show::json(&report)
    } else {
        show_curves(&report)
    }
}

/// What a probe is made of, besides the data.
struct Run<'a> {
    config: &'a RunConfig,
    settings: CheckedSettings,
    output: &'a Path,
    overwrite: bool,
    device: &'a Device,
}

impl Run<'_> {
    fn in_memory(self, train: &[Example], valid: &[Example]) -> Result<ProbeReport> {
        let Self {
            config,
            settings,
            output,
            overwrite,
            device,
        } = self;
        let planned = training_plan(config, settings, output, overwrite, train)?;
        let bar = progress::bar(train.len() + valid.len(), "responses");
        let on_preview = plan::shown(train, valid, &config.text.aspects);
        let on_preview = |plan: Preview<'_>| bar.suspend(|| on_preview(plan));
        let progress = |done, total| set_bar(&bar, done, total);
        let report = probe(&planned, train, valid, device, on_preview, progress);
        bar.finish_and_clear();
        Ok(report?)
    }

    /// The same with splits that stay in their files.
    fn on_disk(self, stored: &Stored) -> Result<ProbeReport> {
        let Self {
            config,
            settings,
            output,
            overwrite,
            device,
        } = self;
        // A probe has no state to save: Ctrl-C ends it where it is.
        let stop = StopHandle::new();
        let of_responses = config.training.response_loss.is_some();
        let Survey {
            told,
            baselines,
            sketch,
            ..
        } = stored.survey(&config.text.aspects, of_responses, &stop)?;
        let (baselines, sketch) = (|| Ok(baselines), || Ok(sketch));
        let planned = plan_with(config, settings, output, overwrite, baselines, sketch)?;
        let bar = progress::bar(0, "responses");
        let on_preview = |plan: Preview<'_>| bar.suspend(|| told.shown()(plan));
        let progress = |done, total| set_bar(&bar, done, total);
        let splits = [&stored.train, &stored.valid];
        let cache = stored.cache();
        let report = probe_stored(&planned, splits, cache, device, on_preview, progress);
        bar.finish_and_clear();
        Ok(report?)
    }
}

fn set_bar(bar: &ProgressBar, done: usize, total: usize) {
    bar.set_length(total as u64);
    bar.set_position(done as u64);
}

fn show_curves(report: &ProbeReport) -> Result<()> {
    for curve in &report.aspects {
        show::line(&format!("\n{}", table(curve)))?;
        if curve.is_at_an_end() {
            show::status(&format!(
                "{}: the best penalty is at the end of the range; a better one may lie beyond",
                curve.aspect
            ));
        }
    }
    Ok(())
}

fn table(curve: &ProbeCurve) -> String {
    let header = [curve.aspect.as_str(), "train MSE", "valid MSE", ""];
    let rows = curve.points.iter().map(|point| {
        let chosen = point.penalty.total_cmp(&curve.penalty).is_eq();
        vec![
            format!("penalty {:.0e}", point.penalty),
            show::number(Some(point.train_mse)),
            show::number(Some(point.valid_mse)),
            if chosen { "kept" } else { "" }.to_owned(),
        ]
    });
    show::table(&header, rows)
}
