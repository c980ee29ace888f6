//! `gradus serve`.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceArgs, OffsetArgs, PrecisionArgs};

pub(super) const SERVE_HELP: &str = "\
Scores over HTTP: POST /v1/score takes native records; training loops and other clients have routes of
their own (docs/serving.md). Open the printed address in a browser to score and rate responses.

  gradus serve my-bundle
  gradus serve small=bundles/small large=bundles/large --listen 0.0.0.0:8080 --key-file key.txt
  curl -s localhost:8080/v1/score -d '{\"prompt\":\"How far is the moon?\",\"response\":\"It is far. Very far.\"}'

SIGHUP, or POST /reload with the key, loads the bundles again while requests are answered. SIGTERM and
Ctrl-C take no new connections, answer what was asked, and end with exit code 0.";

/// `gradus serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Directories of trained bundles, each with the name that requests call it [default name: that of
    /// the directory]; the first answers requests that name none
    #[arg(required = true, value_name = "[NAME=]BUNDLE")]
    pub(crate) bundles: Vec<String>,
    /// Address to listen on; port 0 picks a free port. One that other hosts reach needs a key
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,
    /// File with the key that requests must send (`Authorization: Bearer KEY`) [default: the value of
    /// `GRADUS_KEY`, or none]
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Listen on an address that other hosts reach without a key
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Maximum number of tokens the model reads at once
    #[arg(long, value_name = "TOKENS", default_value_t = 4096)]
    pub(crate) max_batch_tokens: usize,
    /// Maximum number of batches computed at once, which share the cores [default: 2 on the CPU, 1 on
    /// other devices]
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_batches: Option<usize>,
    /// Maximum number of records that wait; requests beyond get status 429
    #[arg(
        long,
        value_name = "RECORDS",
        default_value_t = 4096,
        help_heading = "Limits"
    )]
    pub(crate) queue: usize,
    /// Maximum number of records in a request
    #[arg(
        long,
        value_name = "RECORDS",
        default_value_t = 1024,
        help_heading = "Limits"
    )]
    pub(crate) max_records: usize,
    /// Maximum size of a body; longer ones get status 413
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 4_194_304,
        help_heading = "Limits"
    )]
    pub(crate) max_body_bytes: usize,
    /// Maximum number of open connections; more wait to be accepted
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 4096,
        help_heading = "Limits"
    )]
    pub(crate) max_connections: usize,
    /// Maximum time for the head of a request, and for a connection to be idle
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        help_heading = "Limits"
    )]
    pub(crate) header_timeout: u64,
    /// Maximum time for the body of a request to arrive, and for its records to be scored
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        help_heading = "Limits"
    )]
    pub(crate) request_timeout: u64,
    /// Maximum time for a client to take nothing of its answer; its connection is then closed
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        help_heading = "Limits"
    )]
    pub(crate) write_timeout: u64,
    /// Time for requests that are being answered when the server is told to end
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        help_heading = "Limits"
    )]
    pub(crate) grace: u64,
    /// Aspect that a client of one number gets, where a bundle has several
    #[arg(long, value_name = "NAME", help_heading = "Routes of other servers")]
    pub(crate) reward_aspect: Option<String>,
    /// What stands between prompt and response where a client sends both as one text; \n is a line break
    #[arg(long, value_name = "TEXT", help_heading = "Routes of other servers")]
    pub(crate) query_separator: Option<String>,
    /// Key of the reward in the answer to slime [default: the answer is the bare number]
    #[arg(long, value_name = "KEY", help_heading = "Routes of other servers")]
    pub(crate) reward_key: Option<String>,
    /// Reward of a response without a score, such as an empty one [default: it is refused]
    #[arg(
        long,
        value_name = "NUMBER",
        allow_negative_numbers = true,
        help_heading = "Routes of other servers"
    )]
    pub(crate) unscored_reward: Option<f64>,
    /// Lowest and highest rating [default: those of the bundle's scale]
    #[arg(
        long,
        value_name = "LOW:HIGH",
        allow_hyphen_values = true,
        value_parser = rating_range,
        help_heading = "Routes of other servers"
    )]
    pub(crate) rating_range: Option<(f64, f64)>,
    /// Log every request as a line of JSON on standard error; never its text
    #[arg(long)]
    pub(crate) log_json: bool,
    #[command(flatten)]
    pub(crate) precision: PrecisionArgs,
    #[command(flatten)]
    pub(crate) offset: OffsetArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// Reads `LOW:HIGH`.
fn rating_range(text: &str) -> Result<(f64, f64), String> {
    let ends = text.split_once(':');
    let numbers = ends.and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    numbers
        .filter(|(low, high): &(f64, f64)| low.is_finite() && high.is_finite() && low < high)
        .ok_or_else(|| "expected LOW:HIGH with LOW below HIGH, as in 0:1".to_owned())
}
