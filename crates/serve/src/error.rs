//! What keeps a server from starting, or from ending well.

use std::io;
use std::path::PathBuf;

use gradus_eval::{EvalError, OffsetUse};

/// The result of an operation of this crate.
pub type Result<T, E = ServeError> = std::result::Result<T, E>;

/// What keeps a server from starting, or from ending well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An argument that names no bundle.
    #[error(
        "bundle: found `{found}`, expected BUNDLE or NAME=BUNDLE with a name of letters, digits, `-`, `_` and `.`"
    )]
    BundleName {
        /// The argument.
        found: String,
    },
    /// Two bundles of one name.
    #[error("bundle: found the name `{name}` twice, expected distinct names")]
    RepeatedName {
        /// The name.
        name: String,
    },
    /// A limit out of range.
    #[error("--{name}: found {found}, expected {expected}")]
    Limit {
        /// The flag.
        name: &'static str,
        /// Its value.
        found: String,
        /// Its range.
        expected: String,
    },
    /// A key that no client could send.
    #[error("{place}: found {found}, expected a key of visible ASCII characters without spaces")]
    Key {
        /// Where it comes from.
        place: String,
        /// What is there; never the key.
        found: &'static str,
    },
    /// The file with the key cannot be read.
    #[error("{}: cannot be read: {cause}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// An address that others reach, without a key.
    #[error("--listen: found {address}, which other hosts can reach, without a key")]
    Unprotected {
        /// The address.
        address: String,
    },
    /// The address cannot be listened on.
    #[error("--listen {address}: {cause}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        cause: io::Error,
    },
    /// Threads, signals or sockets that the system refuses.
    #[error("the server cannot run: {0}")]
    System(#[source] io::Error),
    /// A bundle cannot be loaded.
    #[error("bundle `{name}`: {cause}")]
    Bundle {
        /// What requests call it.
        name: String,
        /// What is wrong with it.
        #[source]
        cause: Box<EvalError>,
    },
    /// A bundle without an offset of training, of which something is to become.
    #[error(
        "--offset {choice}: found the bundle `{name}` without an offset, expected one that was trained beside a baseline, or is stacked with one"
    )]
    NoOffset {
        /// What requests call it.
        name: String,
        /// What was to become of it.
        choice: OffsetUse,
    },
    /// The server had to end before all requests were answered.
    #[error(
        "connections that were still open after {seconds} s, and have been closed: {connections}"
    )]
    Grace {
        /// Connections that were closed.
        connections: usize,
        /// The time that was given.
        seconds: u64,
    },
    /// The server was told to end without waiting for answers.
    #[error("connections that were still open, and have been closed at once: {connections}")]
    EndedAtOnce {
        /// Connections that were closed.
        connections: usize,
    },
}

impl ServeError {
    /// Whether what the user gave is at fault, rather than the machine or this program.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Bundle { cause, .. } => cause.is_input(),
            Self::System(_) | Self::Grace { .. } | Self::EndedAtOnce { .. } => false,
            Self::BundleName { .. }
            | Self::RepeatedName { .. }
            | Self::Limit { .. }
            | Self::Key { .. }
            | Self::KeyFile { .. }
            | Self::Unprotected { .. }
            | Self::NoOffset { .. }
            | Self::Listen { .. } => true,
        }
    }

    /// What to do about it, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::RepeatedName { .. } => Some("name one of them: NAME=BUNDLE".into()),
            Self::Unprotected { .. } => Some(
                "give a key (--key-file FILE or GRADUS_KEY), listen on 127.0.0.1, or type --insecure \
                 where everybody who reaches the address may use the models"
                    .into(),
            ),
            Self::Grace { .. } => Some("give more time: --grace SECONDS".into()),
            Self::Bundle { cause, .. } => cause.hint(),
            Self::NoOffset { .. } => Some(
                "leave --offset out, or serve that bundle by itself: its scores are those of the model alone"
                    .into(),
            ),
            _ => None,
        }
    }
}
