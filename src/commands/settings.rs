//! Shared by `train` and `probe`: a configuration file overridden by flags.

use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::RunConfig;
use gradus::hub::{self, FetchEvent, Located};
use gradus::train::ContextOption;
use indicatif::ProgressBar;

use crate::cli::RunArgs;
use crate::failure::Usage;
use crate::{elsewhere, output, progress, records, show};

/// The configuration of `--config`, or the default one.
pub(crate) fn base_config(args: &RunArgs) -> Result<RunConfig> {
    Ok(match &args.config {
        Some(path) => RunConfig::load(path)?,
        None => RunConfig::default(),
    })
}

/// Overrides `config` with the flags of both commands.
pub(crate) fn set_run(config: &mut RunConfig, args: &RunArgs) {
    set_some(&mut config.encoder, args.encoder.as_ref());
    // The digest of the file is not that of the flag's data.
    if args.train.is_some() {
        config.train_sha256 = None;
    }
    if args.valid.is_some() {
        config.valid_sha256 = None;
    }
    set_some(&mut config.train, args.train.as_ref());
    set_some(&mut config.valid, args.valid.as_ref());
    set_some(&mut config.output, args.output.as_ref());
    // The data is read by the map of the command line, or by that of the file.
    set_some(&mut config.columns, records::columns());
    if let Some(columns) = &config.columns {
        records::set_columns(columns.clone());
    }
    set_some(&mut config.device, args.device.device.as_ref());
    set(&mut config.data_in, args.data_in.as_ref());
    set_some(&mut config.token_cache, args.token_cache.as_ref());
    set(&mut config.text.aspects, args.aspects.as_ref());
    set(&mut config.text.max_length, args.max_length.as_ref());
    set(&mut config.text.cut_segments, args.cut_segments.as_ref());
    set(&mut config.text.stride, args.stride.as_ref());
    if args.use_context {
        config.text.use_context = ContextOption::Read;
    } else if args.no_context {
        config.text.use_context = ContextOption::Leave;
    }
    set(&mut config.text.chat_template, args.chat_template.as_ref());
    set_some(&mut config.model.pooling, args.pooling.as_ref());
    set(&mut config.training.offset, args.offset.as_ref());
}

/// The directory of a path or a Hugging Face Hub model, which is fetched if necessary.
pub(crate) fn locate(name: &Path) -> Result<Located> {
    let mut fetching: Option<ProgressBar> = None;
    let located = hub::locate(name, &mut |event| match event {
        FetchEvent::File { name, bytes } => {
            let bar = fetching.get_or_insert_with(|| progress::bar(0, "bytes"));
            bar.set_position(0);
            bar.set_length(bytes);
            bar.set_message(name.to_owned());
        }
        FetchEvent::Bytes(bytes) => {
            if let Some(bar) = &fetching {
                bar.inc(bytes);
            }
        }
        FetchEvent::Complete => {
            if let Some(bar) = fetching.take() {
                bar.finish_and_clear();
            }
        }
        FetchEvent::TokenKept { endpoint } => {
            show::status(&format!(
                "{endpoint}: the token is not sent over an unencrypted connection; use https://"
            ));
        }
        FetchEvent::FromCache { pinned, reason } => {
            show::status(&format!(
                "no answer from the Hub ({reason}): using {pinned} from the cache"
            ));
        }
    });
    if let Some(bar) = fetching {
        bar.finish_and_clear();
    }
    Ok(located?)
}

/// The configuration with the encoder and the splits pinned to what they are now, so that later runs use the same
/// ones. Checks the run's paths first, before anything is fetched.
pub(crate) fn pinned(mut config: RunConfig) -> Result<RunConfig> {
    let output = Paths::of(&config)?.output;
    output::check_directory(output)?;
    for directory in config.token_cache.iter().chain(&config.checkpoints) {
        output::check_directory(directory)?;
    }
    elsewhere::pin("train", &mut config.train, &mut config.train_sha256)?;
    elsewhere::pin("valid", &mut config.valid, &mut config.valid_sha256)?;
    if let Some(name) = &config.encoder
        && let Some(origin) = locate(name)?.origin
    {
        show::status(&format!("encoder: {origin}"));
        config.encoder = Some(origin.to_string().into());
    }
    Ok(config)
}

pub(crate) fn set<T: Clone>(setting: &mut T, flag: Option<&T>) {
    if let Some(value) = flag {
        setting.clone_from(value);
    }
}

pub(crate) fn set_some<T: Clone>(setting: &mut Option<T>, flag: Option<&T>) {
    if flag.is_some() {
        *setting = flag.cloned();
    }
}

/// The paths that a run requires.
pub(crate) struct Paths<'a> {
    pub(crate) train: &'a Path,
    pub(crate) valid: &'a Path,
    pub(crate) output: &'a Path,
}

impl<'a> Paths<'a> {
    pub(crate) fn of(config: &'a RunConfig) -> Result<Self> {
        let need = |path: &'a Option<PathBuf>, flag: &str, what: &str| {
            path.as_deref().ok_or_else(|| {
                Usage::new(format!("no {what} given")).with_hint(format!(
                    "pass --{flag}, or set `{flag}` in the file of --config"
                ))
            })
        };
        Ok(Self {
            train: need(&config.train, "train", "training split")?,
            valid: need(&config.valid, "valid", "validation split")?,
            output: need(&config.output, "output", "directory for the bundle")?,
        })
    }
}
