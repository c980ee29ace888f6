//! The bundle: a directory that holds everything needed to score.
//!
//! - [`Bundle`]: a trained model with its tokenizer and settings; loads and saves it
//! - [`Manifest`]: its settings; [`Training`]: how it was trained
//! - [`BundlePlace`]: the directory it is written to, by one process at a time
//! - [`Aggregation`]: how segment scores become a response score; [`Recalibrations`]: how scores become ratings;
//!   [`DoubtThresholds`]: the scores below which segments are doubtful; [`PredictionIntervals`]: how far ratings lie from scores
//! - [`Bundle::soup`]: the average of several models' weights
//! - [`Quantization`]: weights in bytes, and how much that moved the scores
//!
//! This crate uses [`gradus_data`] (text) and [`gradus_model`] (models), which do not depend on each other. Training
//! writes bundles with it, and evaluation reads them. Its error type is [`ModelError`].
//!
//! | file | holds |
//! |---|---|
//! | `manifest.json` | [`Manifest`], and size and SHA-256 of all others |
//! | `config.json` | [`RewardModelConfig`] |
//! | `model.safetensors` | the weights as `f32`, named as the modules are (`encoder.layers.0.attention.query.weight`), matrices `[d_input, d_output]`; adapters beside their matrix (`….query.weight.lora.a`) |
//! | | of a quantized bundle: layers and embeddings in bytes, each with its steps beside it (`….query.weight.column_steps`; see [`Quantization`]) |
//! | `tokenizer.json` | the tokenizer, byte for byte |
//! | `README.md` | the model card; made when the bundle is saved, not read (see [`Bundle::renew_card`]) |
//! | `recalibration.json` | how scores become ratings; optional (see [`Bundle::set_recalibration`]) |
//! | `offset.json` | the baseline that is added to the model's scores; optional ([`Offset`]) |
//!
//! The same files in memory are a bundle too: [`Bundle::from_files`], [`Bundle::to_files`].
//!
//! All of it is checked when a bundle is loaded: sizes and digests first, then the content of every file, and
//! whether the files fit together.
//!
//! The directory may contain other files, such as the configuration of the run. Scoring does not need or read
//! them. A directory with files that its manifest does not list is not overwritten.

mod card;
mod change_manifest;
mod digest;
mod export;
mod fit;
mod info;
mod manifest;
mod memory;
mod offset;
mod place;
mod prediction_intervals;
mod quantization;
mod recalibrations;
mod replace_recalibration;
mod soup;
mod stack;
mod thresholds;

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use burn::module::Module as _;
use burn::tensor::Device;
use fs_err::File;
use gradus_data::SegmentTokenizer;
use gradus_files::{MOST_BYTES, MOST_SETTINGS, is_file_name, read_regular};
use gradus_model::{ModelError, Result, RewardModel, RewardModelConfig};
use serde::de::DeserializeOwned;

use digest::blake3_of;

pub use card::{CARD, CardRenewal};
pub use digest::digest_file;
pub use export::BundleExport;
pub use gradus_baselines::{AspectOffset, Offset, OffsetKind, OffsetKinds, OffsetUse};
pub use gradus_scores::{
    Aggregation, Isotonic, Linear, NotMonotone, Recalibration, RecalibrationKind,
    UnknownAggregation, UnknownRecalibration, Wish, WrongWish,
};
pub use info::BundleInfo;
pub use manifest::{
    ContinuedBundle, EncoderOrigin, FORMAT_VERSION, Manifest, Part, SplitDigests, Training,
};
pub use memory::BundleFiles;
pub use place::BundlePlace;
pub use prediction_intervals::{PredictionInterval, PredictionIntervals, ScoringChoices};
pub use quantization::{MeasuredQuantization, Quantization, QuantizationChange};
pub use recalibrations::{AspectRecalibration, Recalibrations, ResponseRecalibration};
pub use thresholds::{DoubtThreshold, DoubtThresholds};

use self::manifest::{FormatVersion, StoredManifest};

const MANIFEST: &str = "manifest.json";
const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";

/// The file of a bundle with its recalibrations.
pub const RECALIBRATION: &str = "recalibration.json";

/// The file of a bundle with its offset.
pub const OFFSET: &str = "offset.json";

/// The required parts besides the manifest, which has their digests.
const PARTS: [&str; 3] = [CONFIG, WEIGHTS, TOKENIZER];

/// A trained model with its tokenizer and settings.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Text settings, aspects, aggregation, and how the model was trained.
    pub manifest: Manifest,
    /// The configuration of the model.
    pub config: RewardModelConfig,
    /// The model.
    pub model: RewardModel,
    /// `tokenizer.json`, byte for byte. [`segment_tokenizer`](Self::segment_tokenizer) reads it.
    pub tokenizer: Vec<u8>,
    /// The recalibrations, if there are any.
    pub recalibration: Option<Recalibrations>,
    /// What is added to the scores of the model, if it was trained beside something.
    pub offset: Option<Offset>,
}

/// An additional file in the directory of a bundle.
#[derive(Debug, Clone, Copy)]
pub struct ExtraFile<'a> {
    /// A plain file name, not one of the bundle's parts.
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
}

impl Bundle {
    /// Saves the bundle with `extra` files as `directory`.
    ///
    /// The directory is complete or absent at every moment; [`BundlePlace`] tells what is overwritten.
    ///
    /// # Errors
    /// As [`BundlePlace::take`] and [`BundlePlace::save`].
    pub fn save(&self, directory: &Path, overwrite: bool, extra: &[ExtraFile<'_>]) -> Result<()> {
        extra.iter().try_for_each(check_extra)?;
        self.check(directory)?;
        BundlePlace::take(directory, overwrite)?.save(self, extra)
    }

    /// Loads a bundle. Dropout has the probabilities of training, and acts on an autodiff device only.
    ///
    /// If another process replaces the bundle meanwhile, the old or the new one is loaded. A bundle that a
    /// killed process moved aside is restored first.
    ///
    /// # Errors
    /// If a part is missing, is not the file saved with this bundle, cannot be used, or contradicts
    /// another, or if the bundle has another format; the error names the part.
    pub fn load(directory: &Path, device: &Device) -> Result<Self> {
        Ok(Self::load_with_tokenizer(directory, device)?.0)
    }

    /// Loads a bundle as [`load`](Self::load) does, with the tokenizer that loading makes anyway.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with_tokenizer(
        directory: &Path,
        device: &Device,
    ) -> Result<(Self, SegmentTokenizer)> {
        Self::recover(directory)?;
        settled(directory, || {
            Self::load_once(directory, device, &RewardModelConfig::clone)
        })
    }

    /// Loads a bundle with its configuration changed: other dropout, for example. The weights have to fit.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_changed(
        directory: &Path,
        device: &Device,
        change: impl Fn(&RewardModelConfig) -> RewardModelConfig,
    ) -> Result<Self> {
        Self::recover(directory)?;
        let loaded = settled(directory, || Self::load_once(directory, device, &change));
        Ok(loaded?.0)
    }

    fn load_once(
        directory: &Path,
        device: &Device,
        change: &dyn Fn(&RewardModelConfig) -> RewardModelConfig,
    ) -> Result<(Self, SegmentTokenizer)> {
        let stored = load_manifest(directory)?;
        let weights = stored.parts.get(WEIGHTS).cloned();
        let blake3 = stored.weights_blake3.clone();
        check_parts_but_weights(directory, &stored.parts)?;
        let check = || check_weights(directory, weights.as_ref(), blake3.as_deref());
        let (digest, loaded) = meanwhile(check, || {
            Self::load_checked(directory, device, change, stored)
        });
        digest?;
        loaded
    }

    /// Loads a bundle whose parts, but for the weights, are those of its manifest.
    fn load_checked(
        directory: &Path,
        device: &Device,
        change: &dyn Fn(&RewardModelConfig) -> RewardModelConfig,
        stored: StoredManifest,
    ) -> Result<(Self, SegmentTokenizer)> {
        let config_file = directory.join(CONFIG);
        let config = change(&read_json(&config_file)?);
        let model = config
            .check()
            .and_then(|()| config.load(&directory.join(WEIGHTS), device))
            .map_err(|error| error.in_file(&config_file))?;
        stored.check_repeated(directory, &config)?;
        let bundle = Self {
            config,
            model,
            tokenizer: read_regular(&directory.join(TOKENIZER), MOST_BYTES)?,
            recalibration: replace_recalibration::read(directory, &stored)?,
            offset: offset::read(directory, &stored)?,
            manifest: stored.manifest,
        };
        bundle.check(directory)?;
        let tokenizer = fit::tokenizer(&bundle, directory)?;
        Ok((bundle, tokenizer))
    }

    /// The tokenizer with the bundle's text settings.
    ///
    /// # Errors
    /// If `tokenizer.json` is not that of a tokenizer, or if tokenizer, text settings and model do not fit
    /// together; the error names the file.
    pub fn segment_tokenizer(&self) -> Result<SegmentTokenizer> {
        fit::tokenizer(self, Path::new(""))
    }

    /// Reads an additional file of a bundle; `None` if there is no such file.
    ///
    /// # Errors
    /// If the manifest lists other files, or another digest for this one, or if it cannot be read. Manifests of
    /// older versions do not list additional files; then it is not compared.
    pub fn read_extra(directory: &Path, name: &str) -> Result<Option<Vec<u8>>> {
        let path = directory.join(name);
        if !path.is_file() {
            return Ok(None);
        }
        if let Some(files) = load_manifest(directory)?.files {
            match files.get(name) {
                Some(part) => check_file(directory, name, &path, Some(part))?,
                None => {
                    return Err(ModelError::ForeignPart {
                        path: directory.into(),
                        part: name.to_owned(),
                        found: "a file".to_owned(),
                        expected: "none".to_owned(),
                    });
                }
            }
        }
        Ok(Some(read_regular(&path, MOST_BYTES)?))
    }

    /// Restores a bundle that a killed process moved aside and did not replace. Does nothing if `directory`
    /// exists, or if there is no such bundle.
    ///
    /// # Errors
    /// If it cannot be renamed, or if another process is writing it.
    pub fn recover(directory: &Path) -> Result<()> {
        place::recover(directory)
    }

    /// The same model with its adapters merged into the matrices. Scores stay the same up to rounding.
    #[must_use]
    pub fn merged(mut self) -> Self {
        self.model = self.model.materialize();
        self.config.lora = None;
        self
    }
}

/// Reads a bundle that another process may be replacing. Reads again if the manifest has changed meanwhile.
///
/// A failure is returned only if it occurs twice with the same manifest: once may mean that a recalibration was
/// renamed between finding and reading it.
fn settled<T>(directory: &Path, read: impl Fn() -> Result<T>) -> Result<T> {
    const ATTEMPTS: usize = 50;
    let manifest = || read_regular(&directory.join(MANIFEST), MOST_SETTINGS).ok();
    let mut failed_with = None;
    for _ in 1..ATTEMPTS {
        let before = manifest();
        let found = read();
        if manifest() != before {
            continue;
        }
        if found.is_ok() || failed_with.as_ref() == Some(&before) {
            return found;
        }
        failed_with = Some(before);
    }
    read()
}

fn load_manifest(directory: &Path) -> Result<StoredManifest> {
    if !directory.is_dir() {
        let reason = if directory.exists() {
            "it is a file, not a directory"
        } else {
            "there is no such directory"
        };
        return Err(ModelError::NotABundle {
            path: directory.into(),
            reason,
        });
    }
    let path = directory.join(MANIFEST);
    if !path.is_file() {
        let reason = if path.symlink_metadata().is_ok() {
            "its manifest.json is not a regular file"
        } else {
            "it has no manifest.json"
        };
        return Err(ModelError::NotABundle {
            path: directory.into(),
            reason,
        });
    }
    parse_manifest(directory, &read_regular(&path, MOST_SETTINGS)?)
}

/// Parses the manifest of the bundle that errors call `directory`.
fn parse_manifest(directory: &Path, bytes: &[u8]) -> Result<StoredManifest> {
    let path = directory.join(MANIFEST);
    let version: FormatVersion = parse_json(&path, bytes)?;
    if !(1..=u64::from(FORMAT_VERSION)).contains(&version.format_version) {
        return Err(ModelError::FormatVersion {
            path: directory.into(),
            found: version.format_version,
            expected: FORMAT_VERSION,
        });
    }
    parse_json(&path, bytes)
}

/// Checks that every part is there with the size and digest in the manifest. A recalibration that the manifest
/// does not list belongs to another bundle.
fn check_parts(directory: &Path, parts: &BTreeMap<String, Part>) -> Result<()> {
    check_parts_but_weights(directory, parts)?;
    check_part(directory, WEIGHTS, parts.get(WEIGHTS))
}

/// The same but for the digest of the weights.
fn check_parts_but_weights(directory: &Path, parts: &BTreeMap<String, Part>) -> Result<()> {
    for part in PARTS {
        let (path, expected) = (directory.join(part), parts.get(part));
        let expected = check_there(directory, part, &path, expected)?;
        if part != WEIGHTS {
            check_digest(directory, part, &digest_file(&path)?, expected)?;
        }
    }
    if parts.contains_key(OFFSET) {
        check_part(directory, OFFSET, parts.get(OFFSET))?;
    }
    check_recalibration(directory, parts)
}

/// Checks the digest of the weights that takes least time.
fn check_weights(directory: &Path, part: Option<&Part>, blake3: Option<&str>) -> Result<()> {
    let path = directory.join(WEIGHTS);
    let found = match blake3 {
        Some(_) => blake3_of(&mut File::open(&path)?)?,
        None => None,
    };
    match (blake3, found) {
        (Some(expected), Some(found)) if found == expected => Ok(()),
        (Some(expected), Some(found)) => {
            let digest = |digest: &str| format!("BLAKE3 {digest:.12}..");
            Err(foreign(
                directory,
                WEIGHTS,
                digest(&found),
                digest(expected),
            ))
        }
        _ => check_part(directory, WEIGHTS, part),
    }
}

/// Runs `check` on another thread while `work` runs on this one: a digest takes as long as all else. Where the system
/// refuses a thread, one after the other.
fn meanwhile<A: Send, B>(check: impl Fn() -> A + Sync, work: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let checking = thread::Builder::new().spawn_scoped(scope, &check);
        let worked = work();
        let checked = match checking {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => check(),
        };
        (checked, worked)
    })
}

fn check_recalibration(directory: &Path, parts: &BTreeMap<String, Part>) -> Result<()> {
    match parts.get(RECALIBRATION) {
        Some(part) => {
            let path = replace_recalibration::find(directory, part);
            check_file(directory, RECALIBRATION, &path, Some(part))
        }
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
    check_file(directory, part, &directory.join(part), expected)
}

/// Checks that the file at `path` has the size and digest in the manifest.
fn check_file(directory: &Path, part: &str, path: &Path, expected: Option<&Part>) -> Result<()> {
    let expected = check_there(directory, part, path, expected)?;
    check_digest(directory, part, &digest_file(path)?, expected)
}

/// Checks that the file at `path` is there with the size in the manifest.
fn check_there<'a>(
    directory: &Path,
    part: &str,
    path: &Path,
    expected: Option<&'a Part>,
) -> Result<&'a Part> {
    let Some(expected) = expected.filter(|_| path.is_file()) else {
        return Err(ModelError::MissingPart {
            path: directory.into(),
            part: part.to_owned(),
        });
    };
    check_size(directory, part, fs_err::metadata(path)?.len(), expected)?;
    Ok(expected)
}

/// Checks a size before anything is read.
fn check_size(directory: &Path, part: &str, bytes: u64, expected: &Part) -> Result<()> {
    if bytes == expected.bytes {
        return Ok(());
    }
    let size = |bytes: u64| format!("{bytes} bytes");
    Err(foreign(directory, part, size(bytes), size(expected.bytes)))
}

fn check_digest(directory: &Path, part: &str, found: &Part, expected: &Part) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let digest = |part: &Part| format!("SHA-256 {:.12}..", part.sha256);
    Err(foreign(directory, part, digest(found), digest(expected)))
}

fn foreign(directory: &Path, part: &str, found: String, expected: String) -> ModelError {
    ModelError::ForeignPart {
        path: directory.into(),
        part: part.to_owned(),
        found,
        expected,
    }
}

fn check_extra(file: &ExtraFile<'_>) -> Result<()> {
    let refused = |reason| {
        Err(ModelError::ExtraFile {
            name: file.name.to_owned(),
            reason,
        })
    };
    if !is_file_name(file.name) {
        return refused("it is not a plain file name");
    }
    if [MANIFEST, RECALIBRATION, OFFSET].contains(&file.name) || PARTS.contains(&file.name) {
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
    parse_json(path, &read_regular(path, MOST_SETTINGS)?)
}

fn parse_json<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| ModelError::json(path, error))
}
