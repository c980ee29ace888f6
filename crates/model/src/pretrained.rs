//! Encoders from directories in Hugging Face layout.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use burn::tensor::Device;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::adapter::{ADAPTER_CONFIG, PeftAdapter};
use crate::encoder::{ConfigNote, Encoder, EncoderConfig, PublishedConfig};
use crate::error::{ConfigProblem, ModelError, Result};
use crate::weights::{LoadReport, Naming, StoredTensor, check_module, load_module, read_header};

pub(crate) const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// A pretrained encoder whose configuration is read and whose weights are not yet loaded.
///
/// ```no_run
/// # use gradus_model::{PretrainedEncoder, ModelError};
/// # fn main() -> Result<(), ModelError> {
/// # let device = burn::tensor::Device::flex().autodiff();
/// let pretrained = PretrainedEncoder::open("MiniLM-L6".as_ref())?.with_dropout(0.1, 0.0);
/// let (encoder, report) = pretrained.load(&device)?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct PretrainedEncoder {
    directory: PathBuf,
    config: EncoderConfig,
    notes: Vec<ConfigNote>,
    adapter: Option<PeftAdapter>,
}

impl PretrainedEncoder {
    /// Reads `config.json` of a directory.
    ///
    /// # Errors
    /// If the directory or file is missing, or the model is not supported; the error names the
    /// key and its valid values.
    pub fn open(directory: &Path) -> Result<Self> {
        if !directory.is_dir() {
            return Err(ModelError::NotADirectory {
                path: directory.into(),
            });
        }
        let path = directory.join(CONFIG);
        let beside = directory.join(ADAPTER_CONFIG).is_file();
        if !path.is_file() && beside {
            return Err(ModelError::IsAdapter {
                path: directory.into(),
                base: PeftAdapter::base_name(directory),
            });
        }
        if !path.is_file() {
            return Err(ModelError::MissingFile {
                path: directory.into(),
                expected: CONFIG,
            });
        }
        let (config, mut notes) = read_config(&path)?;
        if beside {
            let reason = "the adapter beside the model is ignored; transformers uses it, with its own \
                          base instead of this model";
            notes.push(ConfigNote::new(ADAPTER_CONFIG, &"a file".into(), reason));
        }
        Ok(Self {
            directory: directory.into(),
            config,
            notes,
            adapter: None,
        })
    }

    /// Reads `config.json` of a base model and the settings of a peft adapter; loading merges the
    /// adapter into the base's weights.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`ModelError::ConfigFile`] if the adapter does more than add
    /// low-rank matrices and replace whole tensors.
    pub fn open_adapted(base: &Path, adapter: &Path) -> Result<Self> {
        if !adapter.join(ADAPTER_CONFIG).is_file() {
            return Err(ModelError::MissingFile {
                path: adapter.into(),
                expected: ADAPTER_CONFIG,
            });
        }
        Ok(Self {
            adapter: Some(PeftAdapter::open(adapter)?),
            ..Self::open(base)?
        })
    }

    /// The adapter's task type, if known.
    pub(crate) fn adapter_task(&self) -> Option<&str> {
        self.adapter.as_ref()?.task()
    }

    /// The tensors with the adapter's changes, and the file to name in errors.
    pub(crate) fn tensors(&self) -> Result<(PathBuf, Vec<StoredTensor>)> {
        let (place, tensors) = self.stored_tensors()?;
        match &self.adapter {
            Some(adapter) => Ok((place, adapter.apply(tensors, &self.config.keys())?)),
            None => Ok((place, tensors)),
        }
    }

    /// Ignored keys of `config.json` that may change results: unknown keys and keys that another
    /// key overrides. Show them to the user.
    pub fn notes(&self) -> &[ConfigNote] {
        &self.notes
    }

    /// The encoder's configuration.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// See [`EncoderConfig::with_dropout`]. Default: the published probabilities.
    #[must_use]
    pub fn with_dropout(mut self, hidden: f64, attention: f64) -> Self {
        self.config = self.config.with_dropout(hidden, attention);
        self
    }

    /// Checks the weights against the configuration, reading only file headers. Returns how each
    /// tensor would be used, and the number of tensors per type.
    ///
    /// # Errors
    /// As [`load`](Self::load), except for damaged values.
    pub fn check_weights(&self, device: &Device) -> Result<(LoadReport, BTreeMap<String, usize>)> {
        self.config.check()?;
        let (place, tensors) = self.tensors()?;
        let mut types = BTreeMap::new();
        for tensor in &tensors {
            *types.entry(tensor.dtype.to_string()).or_default() += 1;
        }
        // Parameters stay lazy: only shapes are read.
        let encoder = self.config.init(device);
        let naming = Naming::Published(&self.config.keys());
        Ok((check_module(&encoder, &place, tensors, naming)?, types))
    }

    /// Reads the weights: `model.safetensors`, or the shards of `model.safetensors.index.json`.
    ///
    /// Every tensor is used, known and not loaded, or an error. Weights in half or double precision
    /// become 32-bit floats.
    ///
    /// # Errors
    /// If a file is missing or damaged, or the tensors are not exactly those the configuration
    /// describes; one error lists everything that is missing, unexpected or wrongly shaped.
    pub fn load(&self, device: &Device) -> Result<(Encoder, LoadReport)> {
        self.config.check()?;
        let (place, tensors) = self.tensors()?;
        let mut encoder = self.config.init(device);
        let report = load_module(
            &mut encoder,
            &place,
            tensors,
            Naming::Published(&self.config.keys()),
        )?;
        Ok((encoder, report))
    }

    /// The tensors of the directory, after checking that they suffice for the configured number of
    /// layers; layers are built only afterwards.
    fn stored_tensors(&self) -> Result<(PathBuf, Vec<StoredTensor>)> {
        let (place, tensors) = stored_tensors(&self.directory)?;
        let path = self.directory.join(CONFIG);
        check_layers(&self.config, "num_hidden_layers", &tensors)
            .map_err(|problem| ModelError::config_file(&path, problem))?;
        Ok((place, tensors))
    }
}

/// Minimum number of tensors per layer in a file of any family.
const TENSORS_OF_A_LAYER: usize = 5;

/// Checks that a file has enough tensors for the number of layers in the configuration's `key`.
pub(crate) fn check_layers(
    config: &EncoderConfig,
    key: &str,
    tensors: &[StoredTensor],
) -> Result<(), ConfigProblem> {
    let (found, held) = (config.sizes().num_layers, tensors.len());
    let expected = format!(
        "no more layers than the {held} tensors of the weights allow, at least {TENSORS_OF_A_LAYER} \
         per layer"
    );
    let fine = found <= held / TENSORS_OF_A_LAYER;
    ConfigProblem::unless(fine, key, found, expected)
}

/// Loads a published encoder unchanged.
///
/// # Errors
/// See [`PretrainedEncoder::open`] and [`PretrainedEncoder::load`].
pub fn load_encoder(
    directory: &Path,
    device: &Device,
) -> Result<(EncoderConfig, Encoder, LoadReport)> {
    let pretrained = PretrainedEncoder::open(directory)?;
    let (encoder, report) = pretrained.load(device)?;
    Ok((pretrained.config, encoder, report))
}

fn read_config(path: &Path) -> Result<(EncoderConfig, Vec<ConfigNote>)> {
    let keys: Map<String, Value> = read_json(path)?;
    let config = PublishedConfig::new(keys);
    let model_type = config.value("model_type");
    if model_type.is_none() && config.value("encoder").is_some() {
        let manifest = path.with_file_name("manifest.json");
        if let Some(directory) = path.parent().filter(|_| manifest.is_file()) {
            let path = directory.to_owned();
            return Err(ModelError::IsBundle { path });
        }
    }
    let read = model_type
        .and_then(Value::as_str)
        .and_then(|name| EncoderConfig::from_published(name, &config))
        .ok_or_else(|| ModelError::UnknownModelType {
            path: path.into(),
            found: model_type.map_or_else(|| "missing".to_owned(), ToString::to_string),
            expected: EncoderConfig::MODEL_TYPES.to_vec(),
        })?
        .map_err(|problem| ModelError::config_file(path, problem))?;
    let notes = EncoderConfig::published_notes(read.model_type(), &config);
    Ok((read, notes))
}

pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = gradus_files::read_regular(path, gradus_files::MOST_SETTINGS)?;
    serde_json::from_slice(&bytes).map_err(|error| ModelError::json(path, error))
}

/// The tensors of a directory, and the file to name in errors.
fn stored_tensors(directory: &Path) -> Result<(PathBuf, Vec<StoredTensor>)> {
    let single = directory.join(WEIGHTS);
    let index = directory.join(INDEX);
    if single.is_file() {
        let tensors = read_header(&single)?;
        Ok((single, tensors))
    } else if index.is_file() {
        let tensors = sharded_tensors(directory, &index)?;
        Ok((index, tensors))
    } else {
        let expected = "model.safetensors and no model.safetensors.index.json";
        Err(ModelError::MissingFile {
            path: directory.into(),
            expected,
        })
    }
}

/// The index of sharded weights.
#[derive(Deserialize)]
struct Index {
    /// The shard of every tensor.
    weight_map: BTreeMap<String, String>,
}

fn sharded_tensors(directory: &Path, index_path: &Path) -> Result<Vec<StoredTensor>> {
    let index: Index = read_json(index_path)?;
    let shards: BTreeSet<&String> = index.weight_map.values().collect();
    let mut tensors = Vec::new();
    let mut held = BTreeSet::new();
    for shard in shards {
        let in_shard = read_header(&shard_path(directory, index_path, shard)?)?;
        held.extend(in_shard.iter().map(|tensor| (tensor.name.clone(), shard)));
        tensors.extend(in_shard);
    }
    let promised = index.weight_map.iter();
    let lacking: Vec<String> = promised
        .filter(|(name, shard)| !held.contains(&((*name).clone(), *shard)))
        .map(|(name, shard)| format!("{name} ({shard})"))
        .collect();
    if lacking.is_empty() {
        Ok(tensors)
    } else {
        Err(ModelError::IncompleteShards {
            index: index_path.into(),
            tensors: lacking,
        })
    }
}

fn shard_path(directory: &Path, index: &Path, shard: &str) -> Result<PathBuf> {
    let mut components = Path::new(shard).components();
    let plain = matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(_)), None)
    );
    if !plain {
        return Err(ModelError::ShardOutside {
            index: index.into(),
            shard: shard.to_owned(),
        });
    }
    let path = directory.join(shard);
    if path.is_file() {
        Ok(path)
    } else {
        Err(ModelError::MissingShard {
            index: index.into(),
            shard: shard.to_owned(),
        })
    }
}
