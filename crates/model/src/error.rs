//! Errors of files, configurations and modules.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use gradus_files::is_about_the_path;
use thiserror::Error;

use crate::weights::WeightMismatch;

/// The result of this crate's fallible functions.
pub type Result<T, E = ModelError> = std::result::Result<T, E>;

/// Why a model could not be configured, loaded or saved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Reading or writing failed; the message names the path.
    #[error(transparent)]
    Io(#[from] io::Error),

    /// The directory of a model does not exist.
    #[error("{}: no such directory", path.display())]
    NotADirectory {
        /// The path that was asked for.
        path: PathBuf,
    },

    /// A directory lacks a file that every pretrained encoder has.
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
        /// Where in the file, and what was wrong.
        source: serde_json::Error,
    },

    /// `config.json` names a family of models this crate does not know.
    #[error("{}: `model_type` is {found}, expected one of: {}", path.display(), expected.join(", "))]
    UnknownModelType {
        /// The configuration file.
        path: PathBuf,
        /// The value found, as JSON.
        found: String,
        /// The values that are supported.
        expected: Vec<&'static str>,
    },

    /// A configuration file asks for something that is not supported or not possible.
    #[error("{}: {problem}", path.display())]
    ConfigFile {
        /// The configuration file.
        path: PathBuf,
        /// The key, its value, and what it may be.
        problem: ConfigProblem,
    },

    /// A configuration asks for something that is not supported or not possible.
    #[error("{0}")]
    Config(ConfigProblem),

    /// A file is not in the safetensors format.
    #[error("{}: not a safetensors file: {reason}", path.display())]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong with its header.
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

    /// An index of sharded weights names a file that is not there.
    #[error("{}: names the shard `{shard}`, which is not in the directory", index.display())]
    MissingShard {
        /// The index file.
        index: PathBuf,
        /// The shard as the index names it.
        shard: String,
    },

    /// An index of sharded weights names a shard outside of its directory.
    #[error("{}: the shard `{shard}` is not a plain file name", index.display())]
    ShardOutside {
        /// The index file.
        index: PathBuf,
        /// The shard as the index names it.
        shard: String,
    },

    /// An index promises tensors that its shards do not hold.
    #[error("{}: the shards lack these tensors of the index: {}", index.display(), tensors.join(", "))]
    IncompleteShards {
        /// The index file.
        index: PathBuf,
        /// The names that no shard, or the wrong shard, holds.
        tensors: Vec<String>,
    },

    /// The tensors of a file do not match the model.
    #[error("{}: the tensors are not those of the model{mismatch}", path.display())]
    Weights {
        /// The file or directory the tensors come from.
        path: PathBuf,
        /// Every tensor that is wrong, and how.
        mismatch: Box<WeightMismatch>,
    },

    /// Tensors that had passed every check could not be put into the model.
    #[error("{}: reading the tensors failed: {}", path.display(), problems.join("; "))]
    Apply {
        /// The file or directory the tensors come from.
        path: PathBuf,
        /// One line for each tensor.
        problems: Vec<String>,
    },

    /// A tensor could not be read back from its device while saving.
    #[error("{}: reading the tensor `{tensor}` back from its device failed: {reason}", path.display())]
    ReadBack {
        /// The file being written.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What the device said.
        reason: String,
    },

    /// A sequence is longer than the encoder's table of positions.
    #[error("sequence of {found} tokens, the encoder has {expected} positions")]
    SequenceTooLong {
        /// The length asked for, in tokens.
        found: usize,
        /// The greatest length possible, in tokens.
        expected: usize,
    },

    /// A token or type id is outside of the encoder's table.
    #[error("{kind} id {found}, the encoder has {expected} {kind} embeddings")]
    IdOutOfRange {
        /// `token` or `type`.
        kind: &'static str,
        /// The id.
        found: u32,
        /// The number of rows of the table.
        expected: usize,
    },

    /// The output path of a bundle already exists.
    #[error("{}: already exists", path.display())]
    AlreadyExists {
        /// The target directory.
        path: PathBuf,
    },

    /// Something stands where a bundle is to be saved, and is not removed for it.
    #[error("{}: not overwritten: {found}", path.display())]
    NotOverwritten {
        /// The target directory.
        path: PathBuf,
        /// What stands in the way, in words.
        found: String,
    },

    /// A bundle could not be written. What was there before is there still.
    #[error("{}: the bundle could not be written: {cause}", path.display())]
    Write {
        /// The bundle's directory.
        path: PathBuf,
        /// The file, and what the operating system says.
        cause: io::Error,
    },

    /// Another process is writing a bundle.
    #[error("{}: another process is writing this bundle", path.display())]
    InUse {
        /// The bundle's directory.
        path: PathBuf,
    },

    /// A directory was given as a bundle and is none.
    #[error("{}: not a bundle: {reason}", path.display())]
    NotABundle {
        /// The directory.
        path: PathBuf,
        /// What tells that it is none.
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
        /// Its size or digest.
        found: String,
        /// The size or digest in the manifest.
        expected: String,
    },

    /// Two files of a bundle contradict each other.
    #[error("{}: `{key}` is {found} in manifest.json and {expected} in config.json", path.display())]
    Contradiction {
        /// The bundle's directory.
        path: PathBuf,
        /// The value they disagree on.
        key: &'static str,
        /// The manifest's value.
        found: String,
        /// The configuration's value.
        expected: String,
    },

    /// A bundle was written in a format this version does not read.
    #[error("{}: bundle format {found}, this version reads format {expected}", path.display())]
    FormatVersion {
        /// The bundle's directory.
        path: PathBuf,
        /// The bundle's format.
        found: u64,
        /// The format this version reads and writes.
        expected: u32,
    },

    /// A bundle cannot be expressed in the layout it is to be exported to.
    #[error("the bundle cannot be exported: {reason}")]
    NotExportable {
        /// What stands in the way.
        reason: String,
    },

    /// A published model cannot become a reward model of segments.
    #[error("{}: cannot be imported: {reason}", path.display())]
    NotImportable {
        /// The file that tells.
        path: PathBuf,
        /// What stands in the way.
        reason: String,
    },

    /// A directory holds an adapter where a model was expected.
    #[error(
        "{}: an adapter of peft{}, not a model: it has adapter_config.json and no config.json",
        path.display(), of_base(base.as_deref())
    )]
    IsAdapter {
        /// The directory.
        path: PathBuf,
        /// The model that the adapter was trained on, where its file tells.
        base: Option<String>,
    },

    /// An adapter does not fit its base, or holds what is no low-rank change.
    #[error("{}: the adapter cannot be merged: {reason}", path.display())]
    Adapter {
        /// The adapter's weights.
        path: PathBuf,
        /// What stands in the way.
        reason: String,
    },

    /// An extra file of a bundle has a name it cannot have.
    #[error("`{name}` cannot be the name of an extra file of a bundle: {reason}")]
    ExtraFile {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
}

impl ModelError {
    /// Whether the user's input caused the error, rather than the machine or this program.
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
                 have to be saved as safetensors first"
            }
            Self::DamagedSafetensors { .. } => "the download or copy is incomplete: fetch it again",
            Self::MissingShard { .. } | Self::IncompleteShards { .. } => {
                "fetch the shards that the index names into the same directory"
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
            Self::AlreadyExists { .. } => {
                "choose another directory, or replace it with --overwrite"
            }
            Self::NotOverwritten { .. } => {
                "only a bundle is replaced, and only if nothing is beside it: move the rest away, or \
                 choose another directory"
            }
            Self::Write { cause, .. } if cause.kind() == io::ErrorKind::StorageFull => {
                "free some space; what was there before is as it was"
            }
            Self::InUse { .. } => "wait until it has ended, or choose another directory",
            Self::NotABundle { .. } => "a bundle is the directory that training writes",
            Self::MissingPart { .. } | Self::ForeignPart { .. } | Self::Contradiction { .. } => {
                "a bundle is whole or nothing: copy it again from where it was saved"
            }
            Self::FormatVersion {
                found, expected, ..
            } if *found > u64::from(*expected) => {
                "the bundle was saved by a newer version of gradus: update gradus"
            }
            Self::FormatVersion { .. } => "save the bundle again with this version of gradus",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    pub(crate) fn json(path: &Path, source: serde_json::Error) -> Self {
        Self::Json {
            path: path.to_owned(),
            source,
        }
    }

    /// The same error, told where the configuration comes from.
    pub(crate) fn in_file(self, path: &Path) -> Self {
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

/// Whose adapter it is, as part of a sentence.
fn of_base(base: Option<&str>) -> String {
    base.map_or_else(String::new, |base| format!(" for {base:?}"))
}

impl From<ConfigProblem> for ModelError {
    fn from(problem: ConfigProblem) -> Self {
        Self::Config(problem)
    }
}

/// One value of a configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{key}` is {found}, expected {expected}")]
pub struct ConfigProblem {
    /// The key as the configuration spells it.
    pub key: String,
    /// The value found.
    pub found: String,
    /// What the value may be.
    pub expected: String,
}

impl ConfigProblem {
    pub(crate) fn new(
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

    /// The problem with a value, unless the value is fine.
    pub(crate) fn unless(
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

    /// The same problem of a key inside of the object under another key.
    pub(crate) fn inside(self, key: &str) -> Self {
        Self {
            key: format!("{key}.{}", self.key),
            ..self
        }
    }

    /// The same problem in the words of the file it comes from: pairs of our name and the file's.
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
