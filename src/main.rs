//! The `gradus` command line.

use std::process::ExitCode;

use clap::Parser as _;

mod allocator;
mod cli;
mod commands;
mod failure;
mod output;
mod progress;
mod scores;
mod show;
mod signals;

fn main() -> ExitCode {
    allocator::keep_memory();
    let command = match cli::Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => failure::refuse_arguments(&error),
    };
    match failure::guarded(|| commands::run(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
