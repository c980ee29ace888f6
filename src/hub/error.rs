use std::path::PathBuf;

use thiserror::Error;

/// Why a model of the Hub cannot be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HubError {
    /// This build does not fetch.
    #[error(
        "`{name}`: found no such directory, and this build does not fetch models of the Hugging Face Hub"
    )]
    NotCompiled {
        /// The name asked for.
        name: String,
    },
    /// The Hub has no such model or revision, or does not show it.
    #[error(
        "`{name}`: {endpoint} has no model of this name with the revision `{revision}` (HTTP status {status})"
    )]
    NotFound {
        /// The model.
        name: String,
        /// The revision.
        revision: String,
        /// Where it was looked for.
        endpoint: String,
        /// What the answer was.
        status: u16,
    },
    /// The Hub wants to know who asks.
    #[error("`{name}`: {endpoint} does not give it {} (HTTP status {status})", if *.with_token { "to the owner of this token" } else { "without a token" })]
    Refused {
        /// The model.
        name: String,
        /// Who refused.
        endpoint: String,
        /// What the answer was.
        status: u16,
        /// Whether a token was given.
        with_token: bool,
    },
    /// No answer, and nothing in the cache.
    #[error("`{name}`: {endpoint} cannot be reached: {reason}; and {} does not hold it", cache.display())]
    Unreachable {
        /// The model.
        name: String,
        /// Where it was looked for.
        endpoint: String,
        /// What failed.
        reason: String,
        /// The cache.
        cache: PathBuf,
    },
    /// Nothing in the cache, and the Hub is not to be asked.
    #[error("`{name}`: {} does not hold it, and HF_HUB_OFFLINE is set", cache.display())]
    Offline {
        /// The model.
        name: String,
        /// The cache.
        cache: PathBuf,
    },
    /// The model has not all files that are needed.
    #[error(
        "`{name}`: found no {file} at commit {commit}, expected a model with config.json, tokenizer.json and safetensors"
    )]
    Lacks {
        /// The model.
        name: String,
        /// The commit.
        commit: String,
        /// What is missing.
        file: String,
    },
    /// Fetching failed part of the way.
    #[error("`{name}`: fetching {file} failed: {reason}")]
    Failed {
        /// The model.
        name: String,
        /// The file.
        file: String,
        /// What failed.
        reason: String,
    },
    /// There is no place to keep models.
    #[error("found no home directory to keep models of the Hugging Face Hub in")]
    NoCache,
}

impl HubError {
    /// Whether what the user gave is at fault, rather than this machine or the network.
    pub fn is_input(&self) -> bool {
        !matches!(
            self,
            Self::Unreachable { .. } | Self::Failed { .. } | Self::NoCache
        )
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotCompiled { .. } => {
                "name a directory, build with `--features hub`, or fetch the model with another program"
            }
            Self::NotFound { .. } => "check the name; a private model needs a token in HF_TOKEN",
            Self::Refused { .. } => {
                "accept the model's terms on its page, and set HF_TOKEN to a token that may read it"
            }
            Self::Unreachable { .. } => {
                "connect to a network, name another place with HF_ENDPOINT, or name a directory"
            }
            Self::Offline { .. } => "unset HF_HUB_OFFLINE to fetch it once",
            Self::Lacks { .. } => {
                "gradus reads no other files of weights: convert them to safetensors"
            }
            Self::Failed { .. } => "try again: what was fetched is kept",
            Self::NoCache => "name a directory with HF_HOME",
        };
        Some(text.into())
    }
}
