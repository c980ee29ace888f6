//! `gradus completions` and `man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

pub(super) const COMPLETIONS_HELP: &str = "\
  gradus completions bash > ~/.local/share/bash-completion/completions/gradus
  gradus completions zsh > ~/.zfunc/_gradus          # a directory of fpath
  gradus completions fish > ~/.config/fish/completions/gradus.fish";

pub(super) const MAN_HELP: &str = "\
  gradus man ~/.local/share/gradus/man1 && man ~/.local/share/gradus/man1/gradus-score.1";

/// `gradus completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// `gradus man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Directory to create
    pub(crate) output: PathBuf,
}
