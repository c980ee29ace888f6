//! `gradus worker`

#[cfg(not(feature = "remote"))]
pub(crate) use absent::run;
#[cfg(feature = "remote")]
pub(crate) use present::run;

#[cfg(not(feature = "remote"))]
mod absent {
    use anyhow::Result;

    use crate::cli::WorkerArgs;
    use crate::failure::Usage;

    pub(crate) fn run(_: &WorkerArgs) -> Result<()> {
        Err(Usage::new("this build cannot serve devices")
            .with_hint("build with `--features remote`")
            .into())
    }
}

#[cfg(feature = "remote")]
mod present {
    use std::io;

    use anyhow::Result;
    use gradus::device::{TOKEN_VARIABLE, Worker, fresh_token};
    use tracing_subscriber::EnvFilter;

    use crate::cli::WorkerArgs;
    use crate::failure::Usage;
    use crate::show;

    pub(crate) fn run(args: &WorkerArgs) -> Result<()> {
        log_to_standard_error();
        let given = token(args)?;
        let token = given.clone().unwrap_or_else(fresh_token);
        let worker = Worker::listen(&args.listen, &args.device, &token)?;
        show::status(&format!(
            "listening on {}; stop with Ctrl-C",
            worker.address()
        ));
        if !worker.is_local() {
            warn_of_the_network();
        }
        if given.is_some() {
            show::status(&format!("clients must set the token in {TOKEN_VARIABLE}"));
        } else {
            show::status(&format!(
                "no token was given; clients must set this new one:\n  \
                 {TOKEN_VARIABLE}={token}"
            ));
        }
        show::status("names for --device on other hosts:");
        for name in worker.names() {
            show::line(&name)?;
        }
        worker.serve(|client, device, welcome| {
            let outcome = if welcome {
                ""
            } else {
                ": refused, wrong token"
            };
            show::status(&format!("{client}: device {device}{outcome}"));
        })?;
        Ok(())
    }

    fn token(args: &WorkerArgs) -> Result<Option<String>> {
        let token = match &args.token_file {
            Some(path) => Some(
                fs_err::read_to_string(path)
                    .map_err(|error| Usage::new(format!("--token-file: {error}")))?,
            ),
            None => std::env::var(TOKEN_VARIABLE).ok(),
        };
        Ok(token.map(|token| token.trim().to_string()))
    }

    fn warn_of_the_network() {
        let text = "the connection is not encrypted: texts, ratings, weights and the token can be read \
                    on the way";
        show::labeled(anstyle::AnsiColor::Yellow, "warning", text);
    }

    /// By default, Burn's server logs to standard output, which has the device names.
    fn log_to_standard_error() {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
        // Fails only if a subscriber exists already, which then receives the log.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .try_init();
    }
}
