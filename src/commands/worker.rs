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
    use gradus::device::{TOKEN_VARIABLE, Worker};
    use tracing_subscriber::EnvFilter;

    use crate::cli::WorkerArgs;
    use crate::failure::Usage;
    use crate::show;

    pub(crate) fn run(args: &WorkerArgs) -> Result<()> {
        log_to_standard_error();
        let token = token(args)?;
        let open = token.is_none();
        let worker = Worker::listen(&args.listen, &args.device, token)?;
        show::status(&format!(
            "listening on {}; Ctrl-C ends it",
            worker.address()
        ));
        if !worker.is_local() {
            warn_of_the_network(open);
        }
        if !open {
            show::status(&format!(
                "clients have to give the token in {TOKEN_VARIABLE}"
            ));
        }
        show::status("--device takes, elsewhere:");
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

    fn warn_of_the_network(open: bool) {
        let style = anstyle::AnsiColor::Yellow.on_default().bold();
        let text = if open {
            "other machines can reach this worker and no token is set: whoever connects computes here \
             and can use up its memory. Give --token-file"
        } else {
            "the connection is not encrypted: texts, ratings, weights and the token can be read on the \
             way"
        };
        show::status(&format!("{style}warning{style:#}: {text}"));
    }

    /// Burn's server would log to standard output, which belongs to the names.
    fn log_to_standard_error() {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
        // Fails only where a subscriber is there already, which then has the log.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .try_init();
    }
}
