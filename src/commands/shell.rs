//! `gradus completions` and `gradus man`: the command line for shells and for `man`.

use anyhow::Result;
use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::failure::Usage;
use crate::output;
use crate::show;

const NAME: &str = "gradus";

pub(crate) fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut script);
    show::bytes(&script)
}

pub(crate) fn man(args: &ManArgs) -> Result<()> {
    let output = &args.output;
    output::check_directory(output)?;
    if output.exists() {
        return Err(Usage::new(format!("{}: already exists", output.display()))
            .with_hint("name a directory that does not exist yet")
            .into());
    }
    fs_err::create_dir_all(output)?;
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), output)?;
    let pages = fs_err::read_dir(output)?.count();
    show::status(&format!("{}: {pages} man pages", output.display()));
    Ok(())
}
