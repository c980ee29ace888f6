//! The bundle: a directory that holds everything needed to score.
//!
//! | file | holds |
//! |---|---|
//! | `manifest.json` | [`Manifest`], and size and SHA-256 of the others |
//! | `config.json` | [`RewardModelConfig`] |
//! | `model.safetensors` | the weights as `f32`, named as the modules are (`encoder.layers.0.attention.query.weight`), matrices `[d_input, d_output]`; adapters beside their matrix (`….query.weight.lora.a`) |
//! | `tokenizer.json` | the tokenizer, bytes as they were |
//! | `recalibration.json` | how scores become ratings; only where it was fitted (see [`Bundle::set_recalibration`]) |
//!
//! Other files may lie beside them (a run's configuration, say); they are not needed to score
//! and not looked at.

mod digest;
mod directory;
mod manifest;
mod recalibration;

use std::collections::BTreeMap;
use std::path::{Component, Path};

use burn::module::Module as _;
use burn::tensor::Device;
use serde::de::DeserializeOwned;

pub use digest::digest_file;
pub use directory::NewDirectory;
pub use manifest::{EncoderOrigin, FORMAT_VERSION, Manifest, Part};

use self::manifest::{FormatVersion, StoredManifest};
use crate::error::{ModelError, Result};
use crate::pretrained::check_layers;
use crate::reward_model::{RewardModel, RewardModelConfig};
use crate::weights::{Naming, load_module, read_header, save_module};

const MANIFEST: &str = "manifest.json";
const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";

/// The file of a bundle that says how scores become ratings.
pub const RECALIBRATION: &str = "recalibration.json";

/// The parts whose digests the manifest holds.
const PARTS: [&str; 3] = [CONFIG, WEIGHTS, TOKENIZER];

/// A trained model with all that belongs to it.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// What the model is for and how it came to be.
    pub manifest: Manifest,
    /// What the model is made of.
    pub config: RewardModelConfig,
    /// The model.
    pub model: RewardModel,
    /// `tokenizer.json`, byte for byte; belongs to gradus-data and is not looked at here.
    pub tokenizer: Vec<u8>,
    /// `recalibration.json`, byte for byte, where the bundle has one; belongs to gradus-eval and is
    /// not looked at here.
    pub recalibration: Option<Vec<u8>>,
}

/// A file that is saved beside a bundle's own.
#[derive(Debug, Clone, Copy)]
pub struct ExtraFile<'a> {
    /// A plain file name other than those of the bundle's parts.
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
}

impl Bundle {
    /// Saves the bundle as the directory `directory`, together with `extra` files.
    ///
    /// The directory is whole or absent: it is written beside its place, synced to disk and
    /// renamed. With `overwrite`, an existing bundle moves aside just before and is removed just
    /// after; only a bundle or an empty directory is ever replaced.
    ///
    /// # Errors
    /// If the directory exists (without `overwrite`) or holds something else than a bundle, if
    /// an extra file has an impossible name, or if writing fails; then an existing bundle stays
    /// as it was, and nothing is left over.
    pub fn save(&self, directory: &Path, overwrite: bool, extra: &[ExtraFile<'_>]) -> Result<()> {
        check_target(directory, overwrite)?;
        extra.iter().try_for_each(check_extra)?;
        self.check(directory)?;
        let new = NewDirectory::create(directory)?;
        new.write(CONFIG, &to_json(&new.path().join(CONFIG), &self.config)?)?;
        new.write(TOKENIZER, &self.tokenizer)?;
        save_module(&self.model, &new.path().join(WEIGHTS))?;
        if let Some(recalibration) = &self.recalibration {
            new.write(RECALIBRATION, recalibration)?;
        }
        for file in extra {
            new.write(file.name, file.bytes)?;
        }
        let parts: std::io::Result<BTreeMap<String, Part>> = PARTS
            .into_iter()
            .chain(self.recalibration.as_ref().map(|_| RECALIBRATION))
            .map(|part| Ok((part.to_owned(), digest_file(&new.path().join(part))?)))
            .collect();
        let stored = StoredManifest {
            manifest: self.manifest.clone(),
            parts: parts?,
        };
        new.write(MANIFEST, &to_json(&new.path().join(MANIFEST), &stored)?)?;
        new.publish()?;
        Ok(())
    }

    /// Loads a bundle. Dropout probabilities are those of training; they act on an autodiff
    /// device only.
    ///
    /// # Errors
    /// If a part is missing, is not the file saved with this bundle, or contradicts another, or
    /// if the bundle has another format; the error names the part.
    pub fn load(directory: &Path, device: &Device) -> Result<Self> {
        let StoredManifest { manifest, parts } = load_manifest(directory)?;
        check_parts(directory, &parts)?;
        let config: RewardModelConfig = read_json(&directory.join(CONFIG))?;
        config
            .check()
            .map_err(|error| error.in_file(&directory.join(CONFIG)))?;
        let weights = directory.join(WEIGHTS);
        let tensors = read_header(&weights)?;
        check_layers(&config.encoder, "encoder.num_layers", &tensors)
            .map_err(|problem| ModelError::config_file(&directory.join(CONFIG), problem))?;
        let mut model = config.init_lazy(device);
        load_module(&mut model, &weights, tensors, Naming::Own)?;
        let tokenizer = fs_err::read(directory.join(TOKENIZER))?;
        let recalibration = match parts.get(RECALIBRATION) {
            Some(_) => Some(fs_err::read(directory.join(RECALIBRATION))?),
            None => None,
        };
        let bundle = Self {
            manifest,
            config,
            model,
            tokenizer,
            recalibration,
        };
        bundle.check(directory)?;
        Ok(bundle)
    }

    /// The same model with its adapters multiplied out: no adapters, the same scores up to rounding.
    #[must_use]
    pub fn merged(mut self) -> Self {
        self.model = self.model.materialize();
        self.config.lora = None;
        self
    }

    /// Tells whether manifest and configuration speak of the same model.
    fn check(&self, directory: &Path) -> Result<()> {
        let Self {
            manifest, config, ..
        } = self;
        let contradiction = |key, found, expected| ModelError::Contradiction {
            path: directory.into(),
            key,
            found,
            expected,
        };
        if manifest.aspects.len() != config.num_aspects {
            let found = manifest.aspects.len().to_string();
            return Err(contradiction(
                "number of aspects",
                found,
                config.num_aspects.to_string(),
            ));
        }
        if manifest.pooling != config.pooling {
            let found = format!("{:?}", manifest.pooling).to_lowercase();
            let expected = format!("{:?}", config.pooling).to_lowercase();
            return Err(contradiction("pooling", found, expected));
        }
        Ok(())
    }
}

fn load_manifest(directory: &Path) -> Result<StoredManifest> {
    if !directory.is_dir() {
        return Err(ModelError::NotADirectory {
            path: directory.into(),
        });
    }
    let path = directory.join(MANIFEST);
    if !path.is_file() {
        let reason = "it has no manifest.json";
        return Err(ModelError::NotABundle {
            path: directory.into(),
            reason,
        });
    }
    let version: FormatVersion = read_json(&path)?;
    if version.format_version != u64::from(FORMAT_VERSION) {
        return Err(ModelError::FormatVersion {
            path: directory.into(),
            found: version.format_version,
            expected: FORMAT_VERSION,
        });
    }
    read_json(&path)
}

/// Tells whether every part is there and is the one the manifest speaks of. A recalibration that
/// it does not speak of belongs to another bundle.
fn check_parts(directory: &Path, parts: &BTreeMap<String, Part>) -> Result<()> {
    for part in PARTS {
        check_part(directory, part, parts.get(part))?;
    }
    match parts.get(RECALIBRATION) {
        Some(part) => check_part(directory, RECALIBRATION, Some(part)),
        None if directory.join(RECALIBRATION).exists() => Err(ModelError::ForeignPart {
            path: directory.into(),
            part: RECALIBRATION.to_owned(),
            found: "a file".to_owned(),
            expected: "none".to_owned(),
        }),
        None => Ok(()),
    }
}

fn check_part(directory: &Path, part: &str, expected: Option<&Part>) -> Result<()> {
    let path = directory.join(part);
    let Some(expected) = expected.filter(|_| path.is_file()) else {
        return Err(ModelError::MissingPart {
            path: directory.into(),
            part: part.to_owned(),
        });
    };
    let foreign = |found: String, expected: String| ModelError::ForeignPart {
        path: directory.into(),
        part: part.to_owned(),
        found,
        expected,
    };
    let bytes = fs_err::metadata(&path)?.len();
    if bytes != expected.bytes {
        return Err(foreign(
            format!("{bytes} bytes"),
            format!("{} bytes", expected.bytes),
        ));
    }
    let found = digest_file(&path)?;
    if found != *expected {
        let digest = |part: &Part| format!("SHA-256 {:.12}..", part.sha256);
        return Err(foreign(digest(&found), digest(expected)));
    }
    Ok(())
}

fn check_target(directory: &Path, overwrite: bool) -> Result<()> {
    if directory.symlink_metadata().is_err() {
        return Ok(());
    }
    if !overwrite {
        return Err(ModelError::AlreadyExists {
            path: directory.into(),
        });
    }
    let is_empty = || fs_err::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    if directory.join(MANIFEST).is_file() && directory.join(WEIGHTS).is_file() || is_empty() {
        return Ok(());
    }
    let reason = "it holds something else, which is not overwritten";
    Err(ModelError::NotABundle {
        path: directory.into(),
        reason,
    })
}

fn check_extra(file: &ExtraFile<'_>) -> Result<()> {
    let refused = |reason| {
        Err(ModelError::ExtraFile {
            name: file.name.to_owned(),
            reason,
        })
    };
    let mut components = Path::new(file.name).components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(_)), None) => {}
        _ => return refused("it is not a plain file name"),
    }
    if [MANIFEST, RECALIBRATION].contains(&file.name) || PARTS.contains(&file.name) {
        return refused("the bundle has a part of this name");
    }
    Ok(())
}

fn to_json(path: &Path, value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut json =
        serde_json::to_vec_pretty(value).map_err(|error| ModelError::json(path, error))?;
    json.push(b'\n');
    Ok(json)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs_err::read(path)?;
    serde_json::from_slice(&bytes).map_err(|error| ModelError::json(path, error))
}
