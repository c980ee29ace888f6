//! `gradus experiment`: a plan becomes runs, each a process of this program.

mod cell;
mod configs;
mod estimate;
mod parts;
mod report;

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use gradus::train::StopHandle;
use gradus_experiment::{
    CellRecord, CellState, CellTask, Event, Experiment, ExperimentRecord, Outcome, Plan,
    RunOptions, Split,
};

use crate::cli::{ExperimentArgs, ExperimentCommand};
use crate::failure::{Incomplete, Usage};
use crate::{output, records, show, signals};

use self::configs::Configs;

pub(crate) fn run(args: &ExperimentArgs) -> Result<()> {
    match &args.command {
        Some(ExperimentCommand::Report(args)) => report::run(args),
        Some(ExperimentCommand::Cell(args)) => cell::run(args),
        None => experiment(args),
    }
}

fn experiment(args: &ExperimentArgs) -> Result<()> {
    let (plan_path, output) = (args.plan.as_deref(), args.output.as_deref());
    let (plan_path, output) = plan_path.zip(output).expect("clap asks for both");
    output::check_directory(output)?;
    let plan = Plan::load(plan_path)?;
    let mut configs = Configs::of(&plan, plan_path)?;
    configs.check_devices(&args.device)?;
    if args.dry_run {
        return estimate::show(&plan, &configs, output, args);
    }
    configs.pin()?;
    let record = ExperimentRecord::of(&plan, configs.texts()?);
    let experiment = Experiment::begin(output, record)?;
    prepare(&experiment, &plan, &configs)?;
    let stop = StopHandle::new();
    signals::stop_on_signal(&stop)?;
    let options = RunOptions {
        jobs: args.jobs.map_or(args.device.len().max(1), usize::from),
        devices: args.device.clone(),
        budget: args.budget,
        stop: &stop.flag(),
    };
    let program = std::env::current_exe()?;
    let command = |place: &Path, device: Option<&str>| {
        let mut command = Command::new(&program);
        let limits = records::limits();
        command
            .arg("--max-line-bytes")
            .arg(limits.max_line_bytes.to_string())
            .arg("--max-text-bytes")
            .arg(limits.max_text_bytes.to_string())
            .args(["experiment", "cell", "--while-input-is-open"])
            .arg(place);
        if let Some(device) = device {
            command.args(["--device", device]);
        }
        command
    };
    let total = experiment.record().cells.len();
    let mut ended = complete_before(&experiment)?;
    if ended > 0 {
        show::status(&format!("{ended} of {total} runs are complete; going on"));
    }
    let metric = plan.metric();
    let record = experiment.record();
    let outcome = gradus_experiment::run(&experiment, &options, command, |event| match event {
        Event::Started(cell) => show::status(&format!("started: {}", name(record, cell))),
        Event::Complete(cell, result) => {
            ended += 1;
            let value = show::number(result.value(Split::Valid, metric));
            show::status(&format!(
                "{ended} of {total}: {}: {} on valid {value}, {}",
                name(record, cell),
                metric.label(),
                show::duration(result.provenance.wall_seconds)
            ));
        }
        Event::Failed(cell, failure) => {
            show::warning(&format!(
                "{} failed: {}",
                name(record, cell),
                failure.message
            ));
        }
        Event::LeftOut(left) => {
            let names: Vec<String> = left.iter().map(|labels| record.name_of(labels)).collect();
            show::status(&format!("no further seeds for: {}", names.join("; ")));
        }
        _ => {}
    })?;
    conclude(output, total, outcome)
}

/// Labels and seed of a run.
fn name(record: &ExperimentRecord, cell: &CellRecord) -> String {
    format!("{}, seed {}", record.name_of(&cell.labels), cell.seed)
}

/// Writes the folders of all runs, and the parts of the data that they read.
fn prepare(experiment: &Experiment, plan: &Plan, configs: &Configs) -> Result<()> {
    let directory = experiment.directory();
    let cells = experiment.record().cells.iter().zip(&configs.cells);
    for (cell, config) in cells {
        let place = cell.place(directory);
        let drawn = parts::draw(directory, config, &cell.data)?;
        let mut config = drawn.config;
        config.output = Some(CellTask::bundle(&place));
        let task = CellTask {
            command: cell.command,
            labels: cell.labels.clone(),
            seed: cell.seed,
            test: drawn.test,
            keep_bundle: plan.keeps_bundles(),
        };
        experiment.prepare(cell, &config.to_toml()?, &task)?;
    }
    Ok(())
}

fn complete_before(experiment: &Experiment) -> Result<usize> {
    let mut complete = 0;
    for cell in &experiment.record().cells {
        let state = Experiment::state(experiment.directory(), cell)?;
        complete += usize::from(matches!(state, CellState::Complete(_)));
    }
    Ok(complete)
}

/// Says how it ended, and fails if a run did.
fn conclude(output: &Path, total: usize, outcome: Outcome) -> Result<()> {
    let output = output.display();
    let again = format!("the same command goes on: gradus experiment PLAN -o {output}");
    let Outcome {
        complete,
        failed,
        left_out,
        over_budget,
        stopped,
        ..
    } = outcome;
    let mut text = format!("{complete} of {total} runs are complete");
    for (count, what) in [
        (failed, "failed"),
        (left_out, "left out by halving"),
        (over_budget, "not started, because the budget is spent"),
    ] {
        if count > 0 {
            text = format!("{text}, {count} {what}");
        }
    }
    show::status(&text);
    if stopped {
        show::status(&again);
        return Err(Incomplete::Stopped.into());
    }
    if failed > 0 {
        let message = format!(
            "{failed} of {total} runs failed; why is in log.txt and failure.json of their folders"
        );
        return Err(Incomplete::Failed {
            message,
            hint: again,
        }
        .into());
    }
    show::status(&format!("gradus experiment report {output}"));
    Ok(())
}

/// An error of the plan, in the settings of one run.
fn of_cell(plan: &Path, labels: &[String], problem: impl std::fmt::Display) -> Usage {
    let labels = match labels {
        [] => String::new(),
        labels => format!(", `{}`", labels.join(", ")),
    };
    Usage::new(format!("{}{labels}: {problem}", plan.display())).with_hint(
        "docs/experiments.md lists the keys of a plan, docs/run-config.md those of a run",
    )
}
