//! The `gradus` command line.

use std::process::ExitCode;

use gradus::Registry;

mod allocator;

fn main() -> ExitCode {
    allocator::keep_memory();
    gradus::cli::main_with(Registry::new())
}
