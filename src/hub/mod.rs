//! Encoders by name: directories, and models of the Hugging Face Hub.
//!
//! A name is a directory where there is one. Otherwise `org/name` and `org/name@revision` are models
//! of the Hub, which the feature `hub` fetches into the cache that Python's libraries use as well.

mod error;
mod id;

#[cfg(feature = "hub")]
mod cache;
#[cfg(feature = "hub")]
mod checks;
#[cfg(not(feature = "hub"))]
#[path = "absent.rs"]
mod fetch;
#[cfg(feature = "hub")]
mod fetch;

use std::path::{Path, PathBuf};

use gradus_model::EncoderOrigin;

pub use error::HubError;
pub use id::HubId;

/// A directory on this machine, and where it was fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The directory.
    pub directory: PathBuf,
    /// The model of the Hub it holds, at the commit it holds; `None` for a directory that was named.
    pub origin: Option<EncoderOrigin>,
}

/// What happens while a model is fetched, for people to see.
#[derive(Debug)]
pub enum FetchEvent<'a> {
    /// A file begins.
    File {
        /// Its name.
        name: &'a str,
        /// Its size.
        bytes: u64,
    },
    /// So many bytes of it have come.
    Bytes(u64),
    /// It is complete.
    Complete,
    /// The token is not sent: the server is another machine, without TLS.
    TokenKept {
        /// The server.
        endpoint: String,
    },
    /// The Hub does not answer; what was fetched before is used.
    FromCache {
        /// The model at its commit.
        pinned: String,
        /// Why there is no answer.
        reason: String,
    },
}

/// Finds what `name` names: a directory, or a model of the Hub, which is fetched where it is not in
/// the cache. A name that is neither is given back as it is.
///
/// # Errors
/// [`HubError`], for models of the Hub.
pub fn locate(name: &Path, watch: &mut dyn FnMut(FetchEvent<'_>)) -> Result<Located, HubError> {
    let id = match name.to_str().and_then(HubId::parse) {
        Some(id) if !name.is_dir() => id,
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
