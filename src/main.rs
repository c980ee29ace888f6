//! The `gradus` command line.

use std::process::ExitCode;

use clap::Parser as _;

mod cli;
mod commands;
mod failure;
mod progress;
mod scores;
mod show;
mod signals;

/// Keeps the memory of tensors from one step to the next; see docs/performance.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = cli::Cli::parse().command;
    match failure::guarded(|| commands::run(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
