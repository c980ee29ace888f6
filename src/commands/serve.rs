//! `gradus serve`

#[cfg(not(feature = "serve"))]
pub(crate) use absent::run;
#[cfg(feature = "serve")]
pub(crate) use present::run;

#[cfg(not(feature = "serve"))]
mod absent {
    use anyhow::Result;

    use crate::cli::ServeArgs;
    use crate::failure::Usage;

    pub(crate) fn run(_: &ServeArgs) -> Result<()> {
        Err(Usage::new("this build cannot serve scores")
            .with_hint("build with `--features serve`")
            .into())
    }
}

#[cfg(feature = "serve")]
mod present {
    use std::sync::Arc;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use anyhow::Result;
    use gradus::device;
    use gradus_serve::{BundleSource, DropIns, Event, Key, Limits, ServeOptions, Server};
    use serde::Serialize;

    use crate::cli::ServeArgs;
    use crate::failure::Usage;
    use crate::scores::usable;
    use crate::{records, show};

    /// Environment variable with the key, where no file is given.
    const KEY_VARIABLE: &str = "GRADUS_KEY";

    /// Batches that are computed at once on the processor: what one thread has to do alone in a batch is
    /// done while the other is computed, and memory is needed for no more than two.
    const CPU_BATCHES: usize = 2;

    pub(crate) fn run(args: &ServeArgs) -> Result<()> {
        let mut options = options(args)?;
        let device = device::select(args.device.device.as_deref())?;
        options.precision = options.precision.map(|wanted| usable(wanted, &device));
        let cpu_batches = if device::is_cpu(&device) {
            CPU_BATCHES
        } else {
            1
        };
        options.limits.max_batches = args.max_batches.unwrap_or(cpu_batches);
        let tell = if args.log_json { log } else { tell };
        let server = Server::start(&options, device, Arc::new(tell))?;
        server.obey_signals()?;
        show::line(&format!("http://{}", server.address()))?;
        Ok(server.run()?)
    }

    fn options(args: &ServeArgs) -> Result<ServeOptions> {
        if records::columns().is_some() {
            let wrong =
                Usage::new("--columns: found a server, expected a command that reads files");
            return Err(wrong
                .with_hint("in requests, records have the keys of docs/data-format.md")
                .into());
        }
        let bundles = args.bundles.iter().map(|text| BundleSource::parse(text));
        let key = if let Some(path) = &args.key_file {
            Some(Key::read(path)?)
        } else {
            let key = std::env::var(KEY_VARIABLE).ok();
            key.map(|key| Key::new(&key, KEY_VARIABLE)).transpose()?
        };
        Ok(ServeOptions {
            listen: args.listen.clone(),
            bundles: bundles.collect::<Result<_, _>>()?,
            key,
            insecure: args.insecure,
            limits: Limits {
                max_batch_tokens: args.max_batch_tokens,
                max_batches: args.max_batches.unwrap_or(1),
                queue: args.queue,
                max_records: args.max_records,
                max_body_bytes: args.max_body_bytes,
                max_text_bytes: records::limits().max_text_bytes,
                max_connections: args.max_connections,
                header_timeout: Duration::from_secs(args.header_timeout),
                request_timeout: Duration::from_secs(args.request_timeout),
                write_timeout: Duration::from_secs(args.write_timeout),
            },
            drop_ins: DropIns {
                reward_aspect: args.reward_aspect.clone(),
                query_separator: args
                    .query_separator
                    .as_ref()
                    .map(|text| text.replace("\\n", "\n")),
                reward_key: args.reward_key.clone(),
                unscored_reward: args.unscored_reward.map(finite).transpose()?,
                rating_range: args.rating_range,
            },
            precision: args.precision.precision,
            offset: args.offset.offset,
            grace: Duration::from_secs(args.grace),
        })
    }

    fn finite(number: f64) -> Result<f64, Usage> {
        let wrong = || {
            Usage::new(format!(
                "--unscored-reward: found {number}, expected a finite number"
            ))
        };
        Some(number)
            .filter(|number| number.is_finite())
            .ok_or_else(wrong)
    }

    /// What a person at a terminal wants to know.
    fn tell(event: Event) {
        match event {
            Event::Listening { address } => {
                show::status(&format!("listening on {address}; Ctrl-C ends it"));
            }
            Event::Loaded {
                model,
                digest,
                precision,
                offset,
                not_used,
                withheld,
            } => {
                let offset =
                    offset.map_or_else(String::new, |choice| format!(", offset: {choice}"));
                show::status(&format!(
                    "loaded `{model}` ({}), in {precision}{offset}",
                    &digest[..12]
                ));
                if !not_used.is_empty() {
                    show::status(&format!(
                        "not used: the {} of `{model}`, fitted to scores with the offset",
                        not_used.join(" and ")
                    ));
                }
                for why in &withheld {
                    show::status(&format!("`{model}`: {why}"));
                }
            }
            Event::Ready => show::status("ready"),
            Event::Draining => {
                show::status("answering what was asked; a second Ctrl-C stops at once");
            }
            Event::ReloadFailed { message, .. } => {
                let text = format!("{message}; the one that was loaded stays");
                show::labeled(anstyle::AnsiColor::Red, "error", &text);
            }
            Event::Panic { message } => {
                let text = format!("internal error: {message}; this is a defect: please report it");
                show::labeled(anstyle::AnsiColor::Red, "error", &text);
            }
            _ => {}
        }
    }

    /// A line of the log.
    #[derive(Serialize)]
    struct LogLine {
        /// Seconds since 1970.
        time: f64,
        #[serde(flatten)]
        event: Event,
    }

    /// Every event as a line of JSON.
    fn log(event: Event) {
        let time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let line = LogLine {
            time: time.as_secs_f64(),
            event,
        };
        show::status(&serde_json::to_string(&line).unwrap_or_default());
    }
}
