//! Data of other places, wherever a data file is named: data sets of the Hugging Face Hub and objects of stores.
//!
//! A file is brought here whole and read from there. It keeps its name in messages.

// Listed files, and what fetches them, are read everywhere, and made by the two features only.
#![cfg_attr(
    not(any(feature = "hub", feature = "object-store")),
    allow(dead_code, reason = "a build without other places has no file of one")
)]

mod download;
mod listed;
mod pin;
#[cfg(feature = "object-store")]
mod store;
mod watch;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use gradus::data::{DataError, DataFile, Unfetched, fetch_files_with, is_elsewhere};

use crate::failure::Usage;

#[cfg(any(feature = "hub", feature = "object-store"))]
pub(crate) use listed::unwritten;
#[cfg(any(feature = "hub", feature = "object-store"))]
pub(crate) use listed::{Broken, Source};
pub(crate) use listed::{Listed, PartFile};
pub(crate) use pin::pin;
pub(crate) use watch::Watch;

/// Files that a name stands for, in their order.
pub(crate) struct Listing {
    /// The name with which a later run finds the same files, as far as the place can tell.
    pub(crate) pinned: String,
    pub(crate) files: Vec<Listed>,
}

/// Lets every reader of data files read names of other places.
pub(crate) fn install() {
    fetch_files_with(fetch_files);
}

/// What was fetched, so that a second look at a name gives the same.
static FETCHED: Mutex<BTreeMap<String, Here>> = Mutex::new(BTreeMap::new());

/// The files of a name, and the name that stands for the same ones later.
#[derive(Clone)]
struct Here {
    pinned: String,
    files: Vec<DataFile>,
}

fn fetch_files(name: &str) -> Result<Vec<DataFile>, Unfetched> {
    fetch(name).map(|here| here.files)
}

fn fetch(name: &str) -> Result<Here, Unfetched> {
    let mut fetched = FETCHED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(here) = fetched.get(name) {
        return Ok(here.clone());
    }
    let listing = list_name(name)?;
    let files = fetch_all(&listing)?;
    let here = Here {
        pinned: listing.pinned,
        files,
    };
    fetched.insert(here.pinned.clone(), here.clone());
    fetched.insert(name.to_owned(), here.clone());
    Ok(here)
}

/// The name with which a later run finds the files of `path`, which are fetched.
fn pinned(path: &Path) -> Result<String, DataError> {
    let here = fetch(path.to_str().unwrap_or_default());
    here.map(|here| here.pinned)
        .map_err(|cause| failed(path, cause))
}

fn failed(path: &Path, cause: Unfetched) -> DataError {
    DataError::Elsewhere {
        path: path.to_owned(),
        cause,
    }
}

fn fetch_all(listing: &Listing) -> Result<Vec<DataFile>, Unfetched> {
    let mut watch = Watch::new(&listing.files);
    let fetched = listing.files.iter().map(|file| {
        Ok(DataFile {
            name: file.name.clone().into(),
            path: file.fetch(&mut watch)?,
        })
    });
    fetched.collect()
}

/// The files that a name of another place stands for; nothing is fetched.
pub(crate) fn list(path: &Path) -> Result<Listing, DataError> {
    list_name(path.to_str().unwrap_or_default()).map_err(|cause| failed(path, cause))
}

fn list_name(name: &str) -> Result<Listing, Unfetched> {
    match name.split_once(':') {
        Some(("hub", rest)) => list_hub(rest),
        _ => list_store(name),
    }
}

#[cfg(feature = "hub")]
fn list_hub(rest: &str) -> Result<Listing, Unfetched> {
    crate::hub::dataset::list(rest)
}

#[cfg(not(feature = "hub"))]
fn list_hub(_: &str) -> Result<Listing, Unfetched> {
    Err(Unfetched {
        reason: "this build does not read data sets of the Hugging Face Hub".into(),
        hint: Some("build with `--features hub`, or download the files and name them".into()),
        is_input: true,
    })
}

#[cfg(feature = "object-store")]
fn list_store(name: &str) -> Result<Listing, Unfetched> {
    store::list(name)
}

#[cfg(not(feature = "object-store"))]
fn list_store(name: &str) -> Result<Listing, Unfetched> {
    const KNOWN: [&str; 13] = [
        "s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl", "http", "https", "file",
        "memory", "wasb",
    ];
    let scheme = name.split("://").next().unwrap_or_default();
    let (reason, hint) = if KNOWN.contains(&scheme.to_ascii_lowercase().as_str()) {
        (
            "this build does not read from object stores".to_owned(),
            "build with `--features object-store`, or copy the files here and name them",
        )
    } else {
        (
            format!(
                "found the scheme `{scheme}`, expected a file, or hub:, s3://, gs://, az:// or https://"
            ),
            "correct the name; what begins like this and is a file is read as ./NAME",
        )
    };
    Err(Unfetched {
        reason,
        hint: Some(hint.into()),
        is_input: true,
    })
}

/// A text without what grants access to the addresses that this process reads.
#[cfg(feature = "object-store")]
pub(crate) fn hide(text: &str) -> Cow<'_, str> {
    store::hide(text)
}

/// A text without what grants access to the addresses that this process reads, of which there are none.
#[cfg(not(feature = "object-store"))]
pub(crate) fn hide(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Refuses an output of another place.
pub(crate) fn refuse_output(path: &Path) -> Result<(), Usage> {
    if !is_elsewhere(path) {
        return Ok(());
    }
    Err(Usage::new(format!(
        "{}: found an output of another place, expected a path on this machine",
        path.display()
    ))
    .with_hint("write to a file or a directory, and copy it there: an output is whole or absent"))
}
