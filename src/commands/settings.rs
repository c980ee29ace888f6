//! What `train` and `probe` have in common: a configuration file with flags on top.

use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::RunConfig;
use gradus::model::ModelError;

use crate::cli::RunArgs;
use crate::failure::Usage;

/// The configuration of `--config`, or the default one.
pub(crate) fn base_config(args: &RunArgs) -> Result<RunConfig> {
    Ok(match &args.config {
        Some(path) => RunConfig::load(path)?,
        None => RunConfig::default(),
    })
}

/// Puts the flags that both commands have on top of `config`.
pub(crate) fn set_run(config: &mut RunConfig, args: &RunArgs) -> Result<()> {
    set_some(&mut config.encoder, args.encoder.as_ref());
    set_some(&mut config.train, args.train.as_ref());
    set_some(&mut config.valid, args.valid.as_ref());
    set_some(&mut config.output, args.output.as_ref());
    set_some(&mut config.device, args.device.device.as_ref());
    set(&mut config.text.aspects, args.aspects.as_ref());
    set(&mut config.text.max_length, args.max_length.as_ref());
    set(&mut config.text.chat_template, args.chat_template.as_ref());
    if let Some(text) = &args.pooling {
        config.model.pooling = Some(text.parse().map_err(ModelError::from)?);
    }
    Ok(())
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

/// The paths a run cannot do without.
pub(crate) struct Paths<'a> {
    pub(crate) train: &'a Path,
    pub(crate) valid: &'a Path,
    pub(crate) output: &'a Path,
}

impl<'a> Paths<'a> {
    pub(crate) fn of(config: &'a RunConfig) -> Result<Self> {
        let need = |path: &'a Option<PathBuf>, flag: &str| {
            path.as_deref().ok_or_else(|| {
                Usage::new(format!("no {flag} given")).with_hint(format!(
                    "pass --{flag}, or set `{flag}` in the file of --config"
                ))
            })
        };
        Ok(Self {
            train: need(&config.train, "train")?,
            valid: need(&config.valid, "valid")?,
            output: need(&config.output, "output")?,
        })
    }
}
