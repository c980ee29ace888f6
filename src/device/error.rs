//! Why a device cannot be used.

use super::{TOKEN_VARIABLE, compiled};

/// Why no device could be chosen, or why a chosen one is gone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The name is of no backend in this build.
    #[error("device `{name}`: this build has {}", compiled().join(", "))]
    NotCompiled {
        /// The name asked for.
        name: String,
    },
    /// The backend is compiled in and found no such device on this machine.
    #[error("device `{name}`: found {found} {backend} device(s) on this machine")]
    NotFound {
        /// The name asked for.
        name: String,
        /// Its backend.
        backend: &'static str,
        /// Devices of that backend.
        found: usize,
    },
    /// What stands behind the colon is not a number.
    #[error("device `{name}`: found index `{index}`, expected a number from 0, as in `cuda:1`")]
    Index {
        /// The name asked for.
        name: String,
        /// The text behind the colon.
        index: String,
    },
    /// No compiled-in backend has a device on this machine.
    #[error("no device: this build has {}, and none of them finds one on this machine", compiled().join(", "))]
    None,
    /// Several devices were named where one computes.
    #[error("device `{name}`: found several, expected one")]
    Several {
        /// The names asked for.
        name: String,
    },
    /// A device of another host was asked for, and this build cannot reach one.
    #[error("device `{name}`: this build cannot use devices of other hosts")]
    RemoteNotCompiled {
        /// The name asked for.
        name: String,
    },
    /// The name of a device of another host is not of the form it has to have.
    #[error(
        "device `{name}`: found {problem}, expected `remote:ws://HOST:PORT`, or with `#1` behind it for the worker's second device"
    )]
    RemoteName {
        /// The name asked for.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No worker answered there, or something else did.
    #[error("device `{name}`: no worker to be reached there: {reason}")]
    Unreachable {
        /// The name asked for.
        name: String,
        /// What failed.
        reason: String,
    },
    /// The worker wants another token.
    #[error("device `{name}`: the worker refused the {}", if *.given { "token" } else { "connection without a token" })]
    Refused {
        /// The name asked for.
        name: String,
        /// Whether a token was given.
        given: bool,
    },
    /// The worker serves fewer devices.
    #[error("device `{name}`: the worker serves {found} device(s), counted from 0")]
    RemoteNotFound {
        /// The name asked for.
        name: String,
        /// Devices it serves.
        found: usize,
    },
    /// A worker that was in use stopped answering.
    #[error("device `{name}`: the worker stopped answering: {reason}")]
    Lost {
        /// Name of the device.
        name: String,
        /// What failed first.
        reason: String,
    },
}

impl DeviceError {
    /// Whether the name is at fault, rather than this machine, another one or the network.
    pub fn is_input(&self) -> bool {
        !matches!(
            self,
            Self::Unreachable { .. }
                | Self::Refused { .. }
                | Self::RemoteNotFound { .. }
                | Self::Lost { .. }
        )
    }

    /// A hint for the user, if there is one.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotCompiled { name } => {
                let backend = name.split(':').next().unwrap_or(name);
                format!("build with `--features {backend}`, or run `gradus devices` for a list")
            }
            Self::NotFound { .. } | Self::Index { .. } => "run `gradus devices` for a list".into(),
            Self::None => "build with `--features cpu`, which needs nothing of the machine".into(),
            Self::Several { .. } => "only `gradus train` shares its work between devices".into(),
            Self::RemoteNotCompiled { .. } => "build with `--features remote`".into(),
            Self::RemoteName { .. } => {
                "`gradus worker` prints the names of the devices it serves".into()
            }
            Self::Unreachable { .. } => {
                "start `gradus worker` on that host; it listens on that host alone unless --listen says otherwise"
                    .into()
            }
            Self::Refused { .. } => {
                format!("set {TOKEN_VARIABLE} to the token the worker was started with")
            }
            Self::RemoteNotFound { .. } => {
                "the worker prints which devices it serves; it serves more with --device".into()
            }
            Self::Lost { .. } => {
                "look at the worker's own messages, start it again, then this command".into()
            }
        };
        Some(text)
    }
}
