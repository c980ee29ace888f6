//! `gradus probe`

use anyhow::Result;
use gradus::device;
use gradus::train::{Preview, ProbeCurve, ProbeReport, probe};

use crate::cli::ProbeArgs;
use crate::commands::plan;
use crate::commands::settings::{Paths, base_config, pinned, set_run};
use crate::commands::train::training_plan;
use crate::failure::Usage;
use crate::{progress, records, show};

pub(crate) fn run(args: &ProbeArgs) -> Result<()> {
    let mut config = base_config(&args.run)?;
    set_run(&mut config, &args.run);
    if let Some(from) = &config.from {
        let message = format!(
            "`from = {}` in the configuration: found a bundle, expected an encoder: a probe fits a new head",
            from.display()
        );
        return Err(Usage::new(message).into());
    }
    let settings = config.check()?;
    let config = pinned(config)?;
    let paths = Paths::of(&config)?;
    let device = device::select(config.device.as_deref())?;
    let train = records::read(paths.train)?;
    let valid = records::read(paths.valid)?;
    let planned = training_plan(&config, settings, paths.output, args.run.overwrite, &train)?;
    let bar = progress::bar(train.len() + valid.len(), "responses");
    let on_preview = plan::shown(&train, &valid, &config.text.aspects);
    let on_preview = |plan: Preview<'_>| bar.suspend(|| on_preview(plan));
    let report = probe(
        &planned,
        &train,
        &valid,
        &device,
        on_preview,
        |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        },
    );
    bar.finish_and_clear();
    let report = report?;
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
