//! One file per subcommand: arguments → checked configuration → library call → report.

mod audit;
mod bench;
mod calibrate;
mod compare;
mod data;
mod devices;
mod eval;
mod explain;
mod export;
mod import;
mod inspect;
mod intervals;
mod merge;
mod plan;
mod probe;
mod process;
mod process_model;
mod quickstart;
mod score;
mod settings;
mod stats;
mod systems;
mod train;
mod worker;

use anyhow::Result;
use gradus::data::TextConfig;
use gradus::eval::EvalError;
use gradus::model::Bundle;

use crate::cli::Command;

/// The text settings of a bundle.
fn text_config(bundle: &Bundle) -> Result<TextConfig> {
    let text = serde_json::from_value(bundle.manifest.text.clone());
    Ok(text.map_err(|source| EvalError::Manifest {
        part: "text",
        source,
    })?)
}

/// Runs a command.
pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Calibrate(args) => calibrate::run(&args),
        Command::Process { benchmark } => process::run(&benchmark),
        Command::Compare(args) => compare::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Data { command } => data::run(command),
        Command::Inspect(args) => inspect::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Devices { json } => devices::run(json),
        Command::Worker(args) => worker::run(&args),
    }
}
