//! Adapters of Python's peft: low-rank changes of a base model's matrices in a separate directory
//! (`adapter_config.json`, `adapter_model.safetensors`), added to the base while it is loaded.

mod config;
mod targets;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use self::config::AdapterConfig;
use crate::encoder::PublishedConfig;
use crate::error::{ModelError, Result};
use crate::pretrained::read_json;
use crate::weights::{KeyTable, LowRank, StoredTensor, read_header};

/// The file that identifies an adapter directory.
pub(crate) const ADAPTER_CONFIG: &str = "adapter_config.json";
const ADAPTER_WEIGHTS: &str = "adapter_model.safetensors";

/// Prefix of the base model's names in peft.
const PREFIX: &str = "base_model.model.";

/// An adapter with its settings and tensor list.
#[derive(Debug, Clone)]
pub(crate) struct PeftAdapter {
    weights: PathBuf,
    config: AdapterConfig,
    tensors: Vec<StoredTensor>,
}

/// The two matrices of a low-rank change.
#[derive(Default)]
struct Pair {
    a: Option<StoredTensor>,
    b: Option<StoredTensor>,
}

impl PeftAdapter {
    /// Reads `adapter_config.json` and the header of the weights.
    ///
    /// # Errors
    /// If a file is missing or damaged, or the adapter is not a plain low-rank adapter.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(ADAPTER_CONFIG);
        let keys: Map<String, Value> = read_json(&path)?;
        let config = AdapterConfig::read(&PublishedConfig::new(keys))
            .map_err(|problem| ModelError::config_file(&path, problem))?;
        let weights = directory.join(ADAPTER_WEIGHTS);
        if !weights.is_file() {
            return Err(ModelError::MissingFile {
                path: directory.into(),
                expected: ADAPTER_WEIGHTS,
            });
        }
        let tensors = read_header(&weights)?;
        Ok(Self {
            weights,
            config,
            tensors,
        })
    }

    /// Name of the base model, if the file has it.
    pub(crate) fn base_name(directory: &Path) -> Option<String> {
        let keys: Value = read_json(&directory.join(ADAPTER_CONFIG)).ok()?;
        keys["base_model_name_or_path"].as_str().map(str::to_owned)
    }

    /// The adapter's task type, in peft's terms.
    pub(crate) fn task(&self) -> Option<&str> {
        self.config.task.as_deref()
    }

    /// The base's tensors with the adapter's changes: matrices are changed when they are read, and
    /// whole tensors (a head, biases) replace the base's or are added.
    ///
    /// # Errors
    /// If the adapter changes a tensor that the base lacks or that has another shape, or contains a
    /// tensor that is not part of a low-rank adapter.
    pub(crate) fn apply(
        &self,
        base: Vec<StoredTensor>,
        keys: &KeyTable,
    ) -> Result<Vec<StoredTensor>> {
        let bare = |name: &str| name.strip_prefix(keys.prefix).unwrap_or(name).to_owned();
        let (pairs, whole) = self.sorted()?;
        let mut tensors: BTreeMap<String, StoredTensor> = BTreeMap::new();
        for tensor in base {
            tensors.insert(bare(&tensor.name), tensor);
        }
        self.check_saved(&whole)?;
        for (module, pair) in pairs {
            let Pair {
                a: Some(a),
                b: Some(b),
            } = pair
            else {
                return Err(
                    self.refused(format!("`{module}` has only one of `lora_A` and `lora_B`"))
                );
            };
            let name = bare(&format!("{module}.weight"));
            let Some(tensor) = tensors.get_mut(&name) else {
                return Err(
                    self.refused(format!("it changes `{name}`, which the base does not have"))
                );
            };
            if let Some(key) = self.config.targets.refusing(&module) {
                return Err(self.refused(format!(
                    "it changes `{module}`, which `{key}` of {ADAPTER_CONFIG} excludes: peft ignores such \
                     tensors; make the file and its configuration agree"
                )));
            }
            self.check_shapes(&module, tensor, &a, &b)?;
            let scale = self.config.scale(&module);
            tensor.change = Some(Arc::new(LowRank { a, b, scale }));
        }
        for (name, mut tensor) in whole {
            let name = bare(&name);
            tensor.name = match tensors.get(&name) {
                Some(replaced) => replaced.name.clone(),
                None => name.clone(),
            };
            tensors.insert(name, tensor);
        }
        Ok(tensors.into_values().collect())
    }

    /// The pairs by module name, and whole tensors by their name in the base.
    fn sorted(&self) -> Result<(BTreeMap<String, Pair>, BTreeMap<String, StoredTensor>)> {
        let (mut pairs, mut whole) = (BTreeMap::<String, Pair>::new(), BTreeMap::new());
        for tensor in &self.tensors {
            let Some(name) = tensor.name.strip_prefix(PREFIX) else {
                let reason = format!(
                    "found the tensor `{}`, expected names in `{PREFIX}`",
                    tensor.name
                );
                return Err(self.refused(reason));
            };
            // The state of a saved module before training.
            if name.contains(".original_module.") {
                continue;
            }
            let saved = name.contains(".modules_to_save.");
            let name = name
                .replace(".modules_to_save.default.", ".")
                .replace(".modules_to_save.", ".")
                .replace(".base_layer.", ".");
            let tensor = tensor.clone();
            if let Some(module) = name.strip_suffix(".lora_A.weight") {
                pairs.entry(module.to_owned()).or_default().a = Some(tensor);
            } else if let Some(module) = name.strip_suffix(".lora_B.weight") {
                pairs.entry(module.to_owned()).or_default().b = Some(tensor);
            } else if name.contains(".lora_") {
                return Err(self.refused(format!(
                    "the tensor `{name}` is not a matrix of a linear layer"
                )));
            } else if saved {
                whole.insert(name, tensor);
            } else {
                whole.entry(name).or_insert(tensor);
            }
        }
        Ok((pairs, whole))
    }

    /// Refuses a list of saved modules if the file has none of them. peft lists every possible name
    /// of a head (`classifier`, `score`), so one is enough.
    fn check_saved(&self, whole: &BTreeMap<String, StoredTensor>) -> Result<()> {
        let saved = &self.config.saved;
        let is_there = |module: &String| {
            let parts = whole.keys().flat_map(|name| name.split('.'));
            let last = module.rsplit('.').next().unwrap_or(module);
            parts.into_iter().any(|part| part == last)
        };
        if saved.is_empty() || saved.iter().any(is_there) {
            return Ok(());
        }
        Err(self.refused(format!(
            "`modules_to_save` of {ADAPTER_CONFIG} names {}, but the file has no tensor of these modules: a \
             trained part is missing",
            saved.join(", ")
        )))
    }

    fn check_shapes(
        &self,
        module: &str,
        base: &StoredTensor,
        a: &StoredTensor,
        b: &StoredTensor,
    ) -> Result<()> {
        let rank = self.config.rank(module);
        let found = format!("`lora_A` {:?} and `lora_B` {:?}", a.shape, b.shape);
        let &[rows, width] = base.shape.as_slice() else {
            return Err(self.refused(format!("it changes `{module}`, which is not a matrix")));
        };
        if a.shape == [rank, width] && b.shape == [rows, rank] && a.is_readable() && b.is_readable()
        {
            return Ok(());
        }
        Err(self.refused(format!(
            "`{module}` has {found}, expected floats of [{rank}, {width}] and [{rows}, {rank}] for a \
             base of [{rows}, {width}] and the rank {rank} of {ADAPTER_CONFIG}"
        )))
    }

    fn refused(&self, reason: String) -> ModelError {
        ModelError::Adapter {
            path: self.weights.clone(),
            reason,
        }
    }
}
