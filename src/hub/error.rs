use std::path::PathBuf;

use thiserror::Error;

/// Errors in fetching a model from the Hub.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HubError {
    /// This build cannot fetch models.
    #[error(
        "`{name}`: no such directory, and this build cannot fetch models from the Hugging Face Hub"
    )]
    NotCompiled {
        /// The requested name.
        name: String,
    },
    /// The Hub has no such model or revision, or hides it.
    #[error(
        "`{name}`: {endpoint} has no model of this name with the revision `{revision}` (HTTP status {status})"
    )]
    NotFound {
        /// The model.
        name: String,
        /// The revision.
        revision: String,
        /// The server.
        endpoint: String,
        /// The HTTP status.
        status: u16,
    },
    /// The Hub denies access.
    #[error("`{name}`: {endpoint} denies access {} (HTTP status {status})", if *.with_token { "with this token" } else { "without a token" })]
    Refused {
        /// The model.
        name: String,
        /// The server.
        endpoint: String,
        /// The HTTP status.
        status: u16,
        /// Whether a token was given.
        with_token: bool,
    },
    /// The Hub does not answer, and the cache lacks the model.
    #[error("`{name}`: cannot reach {endpoint} ({reason}), and {} does not have the model", cache.display())]
    Unreachable {
        /// The model.
        name: String,
        /// The server.
        endpoint: String,
        /// The cause.
        reason: String,
        /// The cache.
        cache: PathBuf,
    },
    /// The cache lacks the model, and offline mode is on.
    #[error("`{name}`: {} does not have the model, and HF_HUB_OFFLINE is set", cache.display())]
    Offline {
        /// The model.
        name: String,
        /// The cache.
        cache: PathBuf,
    },
    /// The model lacks a required file.
    #[error(
        "`{name}`: found no {file} at commit {commit}, expected a model with config.json, tokenizer.json and safetensors"
    )]
    Lacks {
        /// The model.
        name: String,
        /// The commit.
        commit: String,
        /// The missing file.
        file: String,
    },
    /// Fetching failed.
    #[error("`{name}`: fetching {file} failed: {reason}")]
    Failed {
        /// The model.
        name: String,
        /// The file.
        file: String,
        /// The cause.
        reason: String,
    },
    /// There is no directory for the cache.
    #[error("found no home directory for the cache of the Hugging Face Hub")]
    NoCache,
}

impl HubError {
    /// Whether the user's input caused the error, not this machine or the network.
    pub fn is_input(&self) -> bool {
        !matches!(
            self,
            Self::Unreachable { .. } | Self::Failed { .. } | Self::NoCache
        )
    }

    /// A hint for the user.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotCompiled { .. } => {
                "give an existing directory, build with `--features hub`, or download the model with another program"
            }
            Self::NotFound { .. } => "check the name; a private model needs a token in HF_TOKEN",
            Self::Refused { .. } => {
                "accept the model's terms on its page, and set HF_TOKEN to a token with access"
            }
            Self::Unreachable { .. } => {
                "check the network connection, set HF_ENDPOINT to another server, or give a directory"
            }
            Self::Offline { .. } => "unset HF_HUB_OFFLINE to fetch it once",
            Self::Lacks { .. } => {
                "gradus reads no other weight formats: convert the model to safetensors"
            }
            Self::Failed { .. } => "try again: fetched files are kept",
            Self::NoCache => "set HF_HOME to a directory",
        };
        Some(text.into())
    }
}
