//! Data files of other places: what their names look like, and how a program brings them here.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::{DataError, Result};

/// A data file on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// What messages call it.
    pub name: PathBuf,
    /// Where it lies.
    pub path: PathBuf,
}

impl DataFile {
    pub(crate) fn local(path: PathBuf) -> Self {
        Self {
            name: path.clone(),
            path,
        }
    }
}

/// Why a data file of another place is not here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unfetched {
    /// What was found and what was expected.
    pub reason: String,
    /// What the user can do, if known.
    pub hint: Option<String>,
    /// Whether the name or the settings caused it, not this machine or the network.
    pub is_input: bool,
}

/// Brings the files here that a name of another place stands for, in their order. It has to give the same files
/// every time in one process.
pub type FetchFiles = fn(name: &str) -> std::result::Result<Vec<DataFile>, Unfetched>;

static FETCH: OnceLock<FetchFiles> = OnceLock::new();

/// Sets how this process reads names of other places ([`is_elsewhere`]), wherever a data file is named. The first
/// call counts.
pub fn fetch_files_with(fetch: FetchFiles) {
    let _ = FETCH.set(fetch);
}

/// Whether a path names data of another place: `hub:…` or `SCHEME://…`, such as `s3://bucket/a.parquet`. What is
/// there as a file on this machine does not.
pub fn is_elsewhere(path: &Path) -> bool {
    path.to_str().is_some_and(has_scheme) && !path.exists()
}

fn has_scheme(text: &str) -> bool {
    if text.starts_with("hub:") {
        return true;
    }
    let known = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    text.split_once("://").is_some_and(|(scheme, _)| {
        // A letter alone is a drive.
        scheme.len() > 1
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(known)
    })
}

/// The files of a name for which [`is_elsewhere`] holds.
pub(crate) fn fetch(path: &Path) -> Result<Vec<DataFile>> {
    let failed = |cause| DataError::Elsewhere {
        path: path.to_owned(),
        cause,
    };
    let Some(fetch) = FETCH.get() else {
        return Err(failed(Unfetched {
            reason: "found data of another place, which this program does not read".into(),
            hint: Some("copy the data to a file, and name that".into()),
            is_input: true,
        }));
    };
    fetch(path.to_str().unwrap_or_default()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_places_have_a_scheme() {
        for (name, elsewhere) in [
            ("hub:org/name", true),
            ("s3://bucket/a.parquet", true),
            ("https://example.org/a.jsonl", true),
            ("gs://b", true),
            ("a.jsonl", false),
            ("data/hub:x.jsonl", false),
            ("c://a", false),
            ("://a", false),
            ("1a://b", false),
            ("a b://c", false),
            ("-", false),
        ] {
            assert_eq!(is_elsewhere(Path::new(name)), elsewhere, "{name}");
        }
    }

    #[test]
    fn without_a_way_to_other_places_the_name_is_refused() {
        let error = crate::data_files(Path::new("s3://bucket/a.parquet")).unwrap_err();
        assert!(error.is_input());
        let message = error.to_string();
        assert!(
            message.starts_with("s3://bucket/a.parquet: found data"),
            "{message}"
        );
        assert!(error.hint().unwrap().contains("copy"));
    }
}
