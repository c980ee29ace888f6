//! `gradus worker`.

use std::path::PathBuf;

use clap::Args;

pub(super) const WORKER_HELP: &str = "\
Needs a build with `--features remote`. Prints the names that --device takes elsewhere, one a line.
Training, evaluation and scoring then run there and read and write their files here.

  gradus worker --listen 0.0.0.0:3000 --token-file token.txt            # on the host `gpu`
  GRADUS_WORKER_TOKEN=$(cat token.txt) gradus score --device remote:ws://gpu:3000 my-bundle a.jsonl

There is always a token: without --token-file and the variable a new one is made and printed.
The connection is not encrypted: who can read it reads texts, ratings and weights, and the token.
On a network that others use, leave --listen as it is and reach it through an SSH tunnel.";

/// `gradus worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Address to listen on; port 0 takes any free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:3000")]
    pub(crate) listen: String,
    /// Device to serve, as `gradus devices` names them; give it again for more of the same backend
    /// [default: the fastest]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) device: Vec<String>,
    /// File with the token that clients have to give in `GRADUS_WORKER_TOKEN`
    /// [default: that variable here, or a new one, which is printed]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}
