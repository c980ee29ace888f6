//! The `gradus` command line.

use std::process::ExitCode;

use clap::Parser as _;
use gradus::data::ReadLimits;

mod allocator;
mod cli;
mod commands;
mod failure;
mod output;
mod progress;
mod records;
mod scores;
mod show;
mod signals;

fn main() -> ExitCode {
    allocator::keep_memory();
    signals::fail_past_file_limit();
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => failure::refuse_arguments(&error),
    };
    records::set_limits(ReadLimits {
        max_line_bytes: cli.max_line_bytes.get(),
        max_text_bytes: cli.max_text_bytes.get(),
    });
    match failure::guarded(|| commands::run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
