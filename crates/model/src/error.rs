//! Errors of files, configurations and modules.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use gradus_files::is_about_the_path;
use thiserror::Error;

use crate::weights::WeightMismatch;

/// Result type of this crate.
pub type Result<T, E = ModelError> = std::result::Result<T, E>;

/// Errors in configuring, loading or saving a model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Reading or writing failed; the message names the path.
    #[error(transparent)]
    Io(#[from] io::Error),

    /// The directory of a model does not exist, or is a file.
    #[error(
        "{}: {}", path.display(),
        if path.exists() { "found a file, expected a directory" } else { "no such directory" }
    )]
    NotADirectory {
        /// The requested path.
        path: PathBuf,
    },

    /// A directory lacks a file that a pretrained encoder needs.
    #[error("{}: found no {expected}", path.display())]
    MissingFile {
        /// The directory.
        path: PathBuf,
        /// The file or files looked for.
        expected: &'static str,
    },

    /// A JSON file does not have the expected form.
    #[error("{}: not the expected JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The place in the file and the problem.
        source: serde_json::Error,
    },

    /// `config.json` names an unsupported model family.
    #[error("{}: `model_type` is {found}, expected one of: {}", path.display(), expected.join(", "))]
    UnknownModelType {
        /// The configuration file.
        path: PathBuf,
        /// The value found, as JSON.
        found: String,
        /// The supported values.
        expected: Vec<&'static str>,
    },

    /// A configuration file has an unsupported or impossible value.
    #[error("{}: {problem}", path.display())]
    ConfigFile {
        /// The configuration file.
        path: PathBuf,
        /// The key, its value, and valid values.
        problem: ConfigProblem,
    },

    /// A configuration has an unsupported or impossible value.
    #[error("{0}")]
    Config(ConfigProblem),

    /// A file is not a safetensors file.
    #[error("{}: not a safetensors file: {reason}", path.display())]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// The problem with its header.
        reason: String,
    },

    /// A safetensors file is shorter or longer than its header says.
    #[error("{}: damaged: the file has {found} bytes, its header describes {expected}", path.display())]
    DamagedSafetensors {
        /// The file.
        path: PathBuf,
        /// Bytes on disk.
        found: u64,
        /// Bytes according to the header.
        expected: u64,
    },

    /// An index of sharded weights names a missing file.
    #[error("{}: names the shard `{shard}`, which is not in the directory", index.display())]
    MissingShard {
        /// The index file.
        index: PathBuf,
        /// The shard as the index names it.
        shard: String,
    },

    /// An index of sharded weights names a shard outside its directory.
    #[error("{}: the shard `{shard}` is not a plain file name", index.display())]
    ShardOutside {
        /// The index file.
        index: PathBuf,
        /// The shard as the index names it.
        shard: String,
    },

    /// The shards lack tensors listed in their index.
    #[error("{}: the shards lack these tensors of the index: {}", index.display(), tensors.join(", "))]
    IncompleteShards {
        /// The index file.
        index: PathBuf,
        /// Names of tensors that are missing or in another shard.
        tensors: Vec<String>,
    },

    /// The tensors of a file do not match the model.
    #[error("{}: the tensors do not match the model{mismatch}", path.display())]
    Weights {
        /// The file or directory of the tensors.
        path: PathBuf,
        /// All differences.
        mismatch: Box<WeightMismatch>,
    },

    /// Weights have values that are NaN or infinite.
    #[error(
        "{}: found NaN or infinite values, expected finite ones, in {}",
        path.display(), first_names(tensors)
    )]
    NotFiniteWeights {
        /// The file or directory of the tensors.
        path: PathBuf,
        /// Names of the tensors, sorted.
        tensors: Vec<String>,
    },

    /// Tensors that passed all checks could not be loaded into the model.
    #[error("{}: reading the tensors failed: {}", path.display(), problems.join("; "))]
    Apply {
        /// The file or directory of the tensors.
        path: PathBuf,
        /// One line per tensor.
        problems: Vec<String>,
    },

    /// A tensor could not be read from its device while saving.
    #[error("{}: reading the tensor `{tensor}` back from its device failed: {reason}", path.display())]
    ReadBack {
        /// The file being written.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The device's error.
        reason: String,
    },

    /// A sequence is longer than the encoder's table of positions.
    #[error("sequence of {found} tokens, the encoder has {expected} positions")]
    SequenceTooLong {
        /// The requested length, in tokens.
        found: usize,
        /// The maximum length, in tokens.
        expected: usize,
    },

    /// A token or type id is outside the encoder's table.
    #[error("{kind} id {found}, the encoder has {expected} {kind} embeddings")]
    IdOutOfRange {
        /// `token` or `type`.
        kind: &'static str,
        /// The id.
        found: u32,
        /// Number of rows of the table.
        expected: usize,
    },

    /// The output path of a bundle already exists.
    #[error("{}: already exists", path.display())]
    AlreadyExists {
        /// The target directory.
        path: PathBuf,
    },

    /// The target of a bundle has content that is not overwritten.
    #[error("{}: not overwritten: {found}", path.display())]
    NotOverwritten {
        /// The target directory.
        path: PathBuf,
        /// That content, in words.
        found: String,
    },

    /// A bundle could not be written. Earlier content is unchanged.
    #[error("{}: the bundle could not be written: {cause}", path.display())]
    Write {
        /// The bundle's directory.
        path: PathBuf,
        /// The file and the operating system's error.
        cause: io::Error,
    },

    /// Another process is writing a bundle.
    #[error("{}: another process is writing this bundle", path.display())]
    InUse {
        /// The bundle's directory.
        path: PathBuf,
    },

    /// A directory is not a bundle.
    #[error("{}: not a bundle: {reason}", path.display())]
    NotABundle {
        /// The directory.
        path: PathBuf,
        /// Why it is not a bundle.
        reason: &'static str,
    },

    /// A bundle lacks one of its files.
    #[error("{}: the bundle lacks `{part}`", path.display())]
    MissingPart {
        /// The bundle's directory.
        path: PathBuf,
        /// The file's name.
        part: String,
    },

    /// A file of a bundle is not the one that was saved with it.
    #[error(
        "{}: `{part}` is not the file saved with this bundle: found {found}, expected {expected}",
        path.display()
    )]
    ForeignPart {
        /// The bundle's directory.
        path: PathBuf,
        /// The file's name.
        part: String,
        /// Its actual size or digest.
        found: String,
        /// The size or digest in the manifest.
        expected: String,
    },

    /// A file of a bundle cannot be used.
    #[error("{}: {reason}", path.display())]
    UnusablePart {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do about it, if that is known.
        hint: Option<String>,
    },

    /// Two files of a bundle contradict each other.
    #[error("{}: `{key}` is {found} in manifest.json and {expected} in config.json", path.display())]
    Contradiction {
        /// The bundle's directory.
        path: PathBuf,
        /// The key with different values.
        key: &'static str,
        /// The manifest's value.
        found: String,
        /// The configuration's value.
        expected: String,
    },

    /// A bundle has a format version that this program cannot read.
    #[error("{}: bundle format {found}, this version reads formats up to {expected}", path.display())]
    FormatVersion {
        /// The bundle's directory.
        path: PathBuf,
        /// The bundle's format.
        found: u64,
        /// The newest format this version reads.
        expected: u32,
    },

    /// A bundle with rounded weights cannot take the place of the one it was made of.
    #[error("{}: found a quantized bundle, expected the one it was made of {wanted}", path.display())]
    Quantized {
        /// The bundle's directory.
        path: PathBuf,
        /// What for, as in `to train it`.
        wanted: &'static str,
    },

    /// A bundle cannot be expressed in the export format.
    #[error("the bundle cannot be exported: {reason}")]
    NotExportable {
        /// The reason.
        reason: String,
    },

    /// A published model cannot be converted to a segment-level reward model.
    #[error("{}: cannot be imported: {reason}", path.display())]
    NotImportable {
        /// The file with the reason.
        path: PathBuf,
        /// The reason.
        reason: String,
    },

    /// A directory contains an adapter instead of a model.
    #[error(
        "{}: an adapter of peft{}, not a model: it has adapter_config.json and no config.json",
        path.display(), of_base(base.as_deref())
    )]
    IsAdapter {
        /// The directory.
        path: PathBuf,
        /// Name of the adapter's base model, if its file has it.
        base: Option<String>,
    },

    /// A directory contains a bundle instead of a published model.
    #[error("{}: a bundle, expected a model in Hugging Face layout", path.display())]
    IsBundle {
        /// The directory.
        path: PathBuf,
    },

    /// An adapter does not fit its base, or contains more than low-rank changes.
    #[error("{}: the adapter cannot be merged: {reason}", path.display())]
    Adapter {
        /// The adapter's weights.
        path: PathBuf,
        /// The reason.
        reason: String,
    },

    /// An extra file of a bundle has an invalid name.
    #[error("`{name}` cannot be the name of an extra file of a bundle: {reason}")]
    ExtraFile {
        /// The name.
        name: String,
        /// Why it is invalid.
        reason: &'static str,
    },
}

impl ModelError {
    /// Whether the user's input caused the error, not the machine or this program.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Io(cause) | Self::Write { cause, .. } => is_about_the_path(cause),
            Self::Apply { .. } | Self::ReadBack { .. } => false,
            _ => true,
        }
    }

    /// A hint for the user, if there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotADirectory { .. } => "give a directory with config.json and model.safetensors",
            Self::MissingFile { .. } => {
                "give a directory in Hugging Face layout; weights in another format (.bin, .pt) \
                 must be saved as safetensors first"
            }
            Self::DamagedSafetensors { .. } => "the download or copy is incomplete: fetch it again",
            Self::MissingShard { .. } | Self::IncompleteShards { .. } => {
                "fetch the shards that the index names into the same directory"
            }
            Self::NotFiniteWeights { .. } => {
                "the file is damaged, or the training that wrote it has diverged: save or fetch it again"
            }
            Self::Weights { .. } => "config.json and the weights must come from the same model",
            Self::SequenceTooLong { expected, .. } => {
                return Some(format!("set the maximum length to {expected} or less"));
            }
            Self::IdOutOfRange { kind: "token", .. } => {
                "tokenizer.json must come from the same model as the weights"
            }
            Self::IsAdapter { .. } => {
                "merge it with its base: `gradus import ADAPTER BUNDLE --base DIR` for a classifier, or \
                 `merge_and_unload()` and `save_pretrained` of peft for any model"
            }
            Self::IsBundle { .. } => {
                "`score` and `eval` read it as it is, and `gradus export` writes it in that layout"
            }
            Self::AlreadyExists { .. } => {
                "choose another directory, or replace it with --overwrite"
            }
            Self::NotOverwritten { .. } => {
                "only a bundle is replaced, and only if nothing is beside it: move the rest away, or \
                 choose another directory"
            }
            Self::Write { cause, .. } if cause.kind() == io::ErrorKind::StorageFull => {
                "free some space; the earlier content is unchanged"
            }
            Self::InUse { .. } => "wait until it has ended, or choose another directory",
            Self::NotABundle { .. } => "a bundle is the directory that training writes",
            Self::MissingPart { .. } | Self::ForeignPart { .. } | Self::Contradiction { .. } => {
                "the bundle is incomplete or mixed with another: copy it again from where it was saved"
            }
            Self::FormatVersion {
                found, expected, ..
            } if *found > u64::from(*expected) => {
                "the bundle was saved by a newer version of gradus: update gradus"
            }
            Self::FormatVersion { .. } => "save the bundle again with this version of gradus",
            Self::Quantized { .. } => {
                "its weights are rounded, and `gradus inspect` shows the digest of those they were made of"
            }
            Self::UnusablePart { hint, .. } => return hint.clone(),
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// What is wrong with a JSON file.
    pub fn json(path: &Path, source: serde_json::Error) -> Self {
        Self::Json {
            path: path.to_owned(),
            source,
        }
    }

    /// Adds the configuration file to the error.
    #[must_use]
    pub fn in_file(self, path: &Path) -> Self {
        match self {
            Self::Config(problem) => Self::config_file(path, problem),
            other => other,
        }
    }

    pub(crate) fn config_file(path: &Path, problem: ConfigProblem) -> Self {
        Self::ConfigFile {
            path: path.to_owned(),
            problem,
        }
    }
}

/// The first of many names, as part of a sentence.
fn first_names(names: &[String]) -> String {
    const TOLD: usize = 5;
    let told: Vec<String> = (names.iter().take(TOLD))
        .map(|name| format!("`{name}`"))
        .collect();
    let more = names.len().saturating_sub(TOLD);
    if more == 0 {
        told.join(", ")
    } else {
        format!("{} and {more} more", told.join(", "))
    }
}

/// The base model, as part of a sentence.
fn of_base(base: Option<&str>) -> String {
    base.map_or_else(String::new, |base| format!(" for {base:?}"))
}

impl From<ConfigProblem> for ModelError {
    fn from(problem: ConfigProblem) -> Self {
        Self::Config(problem)
    }
}

/// An invalid value in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{key}` is {found}, expected {expected}")]
pub struct ConfigProblem {
    /// The key, as in the configuration.
    pub key: String,
    /// The value found.
    pub found: String,
    /// Valid values.
    pub expected: String,
}

impl ConfigProblem {
    /// The problem with the value `found` of `key`.
    pub fn new(
        key: impl Into<String>,
        found: impl fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    /// Returns the problem unless the value is valid.
    ///
    /// # Errors
    /// The problem.
    pub fn unless(
        fine: bool,
        key: &str,
        found: impl fmt::Display,
        expected: impl Into<String>,
    ) -> Result<(), Self> {
        if fine {
            Ok(())
        } else {
            Err(Self::new(key, found, expected))
        }
    }

    /// Prefixes the key with the key of its enclosing object.
    pub(crate) fn inside(self, key: &str) -> Self {
        Self {
            key: format!("{key}.{}", self.key),
            ..self
        }
    }

    /// Replaces the key by the file's name for it; `names` has pairs of our name and the file's.
    pub(crate) fn renamed(self, names: &[(&str, &str)]) -> Self {
        let own_key = self.key.clone();
        names.iter().fold(self, |problem, (own, published)| Self {
            key: if own_key == *own {
                (*published).to_owned()
            } else {
                problem.key
            },
            expected: problem
                .expected
                .replace(&format!("`{own}`"), &format!("`{published}`")),
            ..problem
        })
    }
}
