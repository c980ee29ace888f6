//! Puts the page that computes by itself together: a folder of static files, ready to be served by anything.
//!
//! `scripts/web` builds the module first and then calls this.

mod args;
mod bindings;
mod order;
mod page;
mod sizes;

use std::fs::remove_dir_all;

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let args = args::Args::read()?;
    if args.output.exists() {
        args::check_own(&args.output)?;
        remove_dir_all(&args.output).context("removing the page of an earlier build")?;
    }
    fs_err::create_dir_all(&args.output)?;
    bindings::write(&args.module, bindings::CPU, &args.output)?;
    if let Some(module) = &args.webgpu {
        bindings::write(module, bindings::WEBGPU, &args.output)?;
    }
    page::write(&args)?;
    sizes::report(&args.output)
}
