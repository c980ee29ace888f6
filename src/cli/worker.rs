//! `gradus worker`.

use std::path::PathBuf;

use clap::Args;

pub(super) const WORKER_HELP: &str = "\
Needs a build with `--features remote`. Prints the device names for --device on other hosts, one per
line. Those hosts read and write their own files; this machine only computes.

  gradus worker --listen 0.0.0.0:3000 --token-file token.txt            # on the host `gpu`
  GRADUS_WORKER_TOKEN=$(cat token.txt) gradus score --device remote:ws://gpu:3000 my-bundle a.jsonl

A token is always required: without --token-file and the variable, a new one is generated and
printed. The connection is not encrypted: anyone who can read it sees texts, ratings, weights and the
token. On a shared network, keep the default --listen and connect through an SSH tunnel.";

/// `gradus worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Address to listen on; port 0 picks a free port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:3000")]
    pub(crate) listen: String,
    /// Device to serve, by its name in `gradus devices`; repeat for more devices of the same backend
    /// [default: the fastest]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) device: Vec<String>,
    /// File with the token that clients must set in `GRADUS_WORKER_TOKEN` [default: the value of that
    /// variable here, or a new token, which is printed]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}
