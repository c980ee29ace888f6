//! Finds encoders by name: directories and models on the Hugging Face Hub.
//!
//! An existing directory takes precedence. Otherwise, the feature `hub` fetches `org/name` or
//! `org/name@revision` from the Hub into the cache that Python's libraries use too.

mod error;
mod id;

#[cfg(feature = "hub")]
mod cache;
#[cfg(feature = "hub")]
mod checks;
#[cfg(all(feature = "hub", feature = "cli"))]
pub(crate) mod dataset;
#[cfg(not(feature = "hub"))]
#[path = "absent.rs"]
mod fetch;
#[cfg(feature = "hub")]
mod fetch;

use std::path::{Path, PathBuf};

use gradus_bundle::EncoderOrigin;

pub use error::HubError;
pub use id::HubId;

/// A local directory, and the Hub model it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The directory.
    pub directory: PathBuf,
    /// The Hub model and commit; `None` for a local directory.
    pub origin: Option<EncoderOrigin>,
}

/// Progress of fetching a model.
#[derive(Debug)]
pub enum FetchEvent<'a> {
    /// A file begins.
    File {
        /// Its name.
        name: &'a str,
        /// Its size.
        bytes: u64,
    },
    /// Number of bytes received.
    Bytes(u64),
    /// It is complete.
    Complete,
    /// The token is not sent, because the server is another machine without TLS.
    TokenKept {
        /// The server.
        endpoint: String,
    },
    /// The Hub does not answer; the cached model is used.
    FromCache {
        /// The model at its commit.
        pinned: String,
        /// Why there is no answer.
        reason: String,
    },
}

/// Finds the directory for `name`: a local directory, or a Hub model, fetched if necessary. A name
/// that is neither, such as that of a local file, is returned unchanged.
///
/// # Errors
/// [`HubError`], for Hub models.
pub fn locate(name: &Path, watch: &mut dyn FnMut(FetchEvent<'_>)) -> Result<Located, HubError> {
    let id = match name.to_str().and_then(HubId::parse) {
        Some(id) if !name.exists() => id,
        _ => {
            return Ok(Located {
                directory: name.to_owned(),
                origin: None,
            });
        }
    };
    let (directory, commit) = fetch::fetch(&id, watch)?;
    Ok(Located {
        directory,
        origin: Some(EncoderOrigin {
            id: id.name,
            commit,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_wins_over_a_model_of_the_same_name() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let directory = place.path().join("org/name");
        fs_err::create_dir_all(&directory).expect("a directory");
        let found = locate(&directory, &mut |_| ()).expect("no look at the Hub");
        assert_eq!(found.directory, directory);
        assert_eq!(found.origin, None);
        let name = Path::new("nowhere");
        let found = locate(name, &mut |_| ()).expect("no name of the Hub");
        assert_eq!(found.directory, name);
    }
}
