//! One file per subcommand: arguments → checked configuration → library call → report.

mod audit;
mod bench;
mod calibrate;
mod compare;
mod compare_generators;
mod continuing;
mod data;
mod devices;
mod ensemble;
mod eval;
mod experiment;
mod explain;
mod export;
mod import;
mod inspect;
mod interval;
mod intervals;
mod judge_audit;
mod merge;
mod midpoints;
pub(crate) mod offset;
mod parts;
mod plan;
mod probe;
mod process;
mod process_model;
mod quantize;
mod quickstart;
mod rehearsal;
mod score;
mod segment;
mod serve;
mod settings;
mod shell;
mod soup;
mod stack;
mod stack_at_end;
mod stats;
mod stored;
mod suggest;
mod systems;
mod threshold;
mod train;
mod worker;

use anyhow::Result;

use crate::cli::Command;

/// Runs a command.
pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Experiment(args) => experiment::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Quantize(args) => quantize::run(&args),
        Command::Soup(args) => soup::run(&args),
        Command::Ensemble(args) => ensemble::run(&args),
        Command::Stack(args) => stack::run(&args),
        Command::Suggest(args) => suggest::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Calibrate(args) => calibrate::run(&args),
        Command::Interval(args) => interval::run(&args),
        Command::Threshold(args) => threshold::run(&args),
        Command::Audit(args) => judge_audit::run(&args),
        Command::Process { benchmark } => process::run(&benchmark),
        Command::Compare(args) => compare::run(&args),
        Command::CompareGenerators(args) => compare_generators::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Data { command } => data::run(command),
        Command::Inspect(args) => inspect::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
        Command::Devices { json } => devices::run(json),
        Command::Parts { json } => parts::run(json),
        Command::Worker(args) => worker::run(&args),
    }
}
