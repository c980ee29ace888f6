//! Errors of devices.

use super::{TOKEN_VARIABLE, compiled};

/// Errors in selecting or using a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The backend is not compiled in.
    #[error("device `{name}`: this build has {}", compiled().join(", "))]
    NotCompiled {
        /// The requested name.
        name: String,
    },
    /// The backend is compiled in but has no such device on this machine.
    #[error("device `{name}`: found {found} {backend} device(s) on this machine")]
    NotFound {
        /// The requested name.
        name: String,
        /// Its backend.
        backend: &'static str,
        /// Number of devices of that backend.
        found: usize,
    },
    /// The text after the colon is not a number.
    #[error("device `{name}`: found index `{index}`, expected a number from 0, as in `cuda:1`")]
    Index {
        /// The requested name.
        name: String,
        /// The text after the colon.
        index: String,
    },
    /// No compiled-in backend has a device on this machine.
    #[error("no device: this build has {}, and none of them found a device on this machine", compiled().join(", "))]
    None,
    /// Several devices were named instead of one.
    #[error("device `{name}`: found several, expected one")]
    Several {
        /// The requested names.
        name: String,
    },
    /// A remote device was requested in a build without the feature `remote`.
    #[error("device `{name}`: this build cannot use remote devices")]
    RemoteNotCompiled {
        /// The requested name.
        name: String,
    },
    /// The name of a remote device is malformed.
    #[error(
        "device `{name}`: found {problem}, expected `remote:ws://HOST:PORT`, followed by `#1` for the worker's second device"
    )]
    RemoteName {
        /// The requested name.
        name: String,
        /// The problem.
        problem: String,
    },
    /// No worker answered at this address.
    #[error("device `{name}`: cannot reach a worker there: {reason}")]
    Unreachable {
        /// The requested name.
        name: String,
        /// The cause.
        reason: String,
    },
    /// The worker requires another token.
    #[error("device `{name}`: the worker refused the {}", if *.given { "token" } else { "connection without a token" })]
    Refused {
        /// The requested name.
        name: String,
        /// Whether a token was given.
        given: bool,
    },
    /// The worker serves fewer devices.
    #[error("device `{name}`: the worker serves {found} device(s), counted from 0")]
    RemoteNotFound {
        /// The requested name.
        name: String,
        /// Devices it serves.
        found: usize,
    },
    /// A worker in use stopped answering.
    #[error("device `{name}`: the worker stopped answering: {reason}")]
    Lost {
        /// Name of the device.
        name: String,
        /// The first failure.
        reason: String,
    },
}

impl DeviceError {
    /// Whether the name caused the error, not a machine or the network.
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
            Self::None => "build with `--features cpu`, which runs on any machine".into(),
            Self::Several { .. } => "only `gradus train` can use several devices".into(),
            Self::RemoteNotCompiled { .. } => "build with `--features remote`".into(),
            Self::RemoteName { .. } => {
                "`gradus worker` prints the names of the devices it serves".into()
            }
            Self::Unreachable { .. } => {
                "start `gradus worker` on that host; by default it listens on loopback only, see --listen"
                    .into()
            }
            Self::Refused { .. } => {
                format!("set {TOKEN_VARIABLE} to the token the worker was started with")
            }
            Self::RemoteNotFound { .. } => {
                "the worker prints the devices it serves; add more with its --device".into()
            }
            Self::Lost { .. } => {
                "check the worker's messages, restart it, then repeat this command".into()
            }
        };
        Some(text)
    }
}
