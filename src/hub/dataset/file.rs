//! A file of a data set, in the cache of the Hub.

use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gradus::data::Unfetched;

use super::server::{Content, Server};
use super::snapshot::Snapshot;
use super::wrong;
use crate::elsewhere::{Broken, Source, unwritten};
use crate::hub::checks::{is_plain, other_content};

/// A file at a commit.
pub(super) struct HubFile {
    server: Arc<Server>,
    url: String,
    /// Where Python's libraries look for it: a link to its content.
    pointer: PathBuf,
    /// Its content, under the name that the server gives it.
    blob: PathBuf,
    part: PathBuf,
    /// Parts of its path.
    depth: usize,
    pub(super) etag: String,
    pub(super) bytes: u64,
}

impl HubFile {
    /// Asks for name and size of the content if the cache does not have it.
    pub(super) fn find(
        server: &Arc<Server>,
        snapshot: &Snapshot,
        path: &str,
    ) -> Result<Self, Unfetched> {
        let url = server.url(&snapshot.repo.url(), &snapshot.commit, path);
        let pointer = snapshot
            .place
            .join("snapshots")
            .join(&snapshot.commit)
            .join(path);
        let content = match held(&pointer) {
            Some(content) => content,
            None if server.is_offline() => {
                return Err(wrong(
                    format!(
                        "{} does not have {path}, and HF_HUB_OFFLINE is set",
                        server.cache().display()
                    ),
                    "unset HF_HUB_OFFLINE to fetch it once",
                ));
            }
            None => server.content(&url, &snapshot.commit)?,
        };
        Ok(Self {
            server: Arc::clone(server),
            url,
            pointer,
            blob: snapshot.place.join("blobs").join(&content.etag),
            part: snapshot.own(&format!("{}.part", content.etag)),
            depth: path.split('/').count(),
            etag: content.etag,
            bytes: content.bytes,
        })
    }

    /// Links the path in the commit to the content.
    fn link(&self) -> std::io::Result<()> {
        if let Some(directory) = self.pointer.parent() {
            fs_err::create_dir_all(directory)?;
        }
        if self.pointer.symlink_metadata().is_ok() {
            fs_err::remove_file(&self.pointer)?;
        }
        let mut target = PathBuf::from("..");
        for _ in 0..self.depth {
            target.push("..");
        }
        target.push("blobs");
        target.push(&self.etag);
        link(&target, &self.blob, &self.pointer)
    }
}

#[cfg(unix)]
fn link(target: &Path, _: &Path, pointer: &Path) -> std::io::Result<()> {
    fs_err::os::unix::fs::symlink(target, pointer)
}

#[cfg(not(unix))]
fn link(_: &Path, blob: &Path, pointer: &Path) -> std::io::Result<()> {
    fs_err::hard_link(blob, pointer)
}

/// Name and size of a content that the cache has.
fn held(pointer: &Path) -> Option<Content> {
    let blob = fs_err::canonicalize(pointer).ok()?;
    let bytes = fs_err::metadata(&blob)
        .ok()
        .filter(std::fs::Metadata::is_file)?
        .len();
    let etag = blob.file_name()?.to_str()?.to_owned();
    is_plain(&etag).then_some(Content { etag, bytes })
}

impl Source for HubFile {
    fn held(&self) -> Option<PathBuf> {
        let is_whole = |path: &Path| {
            let metadata = fs_err::metadata(path);
            metadata.is_ok_and(|metadata| metadata.is_file() && metadata.len() == self.bytes)
        };
        if is_whole(&self.pointer) {
            return Some(self.pointer.clone());
        }
        // The same content at another commit.
        (is_whole(&self.blob) && self.link().is_ok()).then(|| self.pointer.clone())
    }

    fn part(&self) -> PathBuf {
        self.part.clone()
    }

    fn keep(&self, part: &Path) -> Result<PathBuf, Broken> {
        let failed = |cause| Broken {
            cause: unwritten(cause),
            may_heal: false,
        };
        if let Some(found) = other_content(part, &self.etag).map_err(failed)? {
            return Err(Broken::lasting(
                format!("its content has the digest {found}, expected {}", self.etag),
                Some(
                    "try again; if it happens again, the server is damaged or something on the way changes it",
                ),
                false,
            ));
        }
        if let Some(directory) = self.blob.parent() {
            fs_err::create_dir_all(directory).map_err(failed)?;
        }
        fs_err::rename(part, &self.blob).map_err(failed)?;
        self.link().map_err(failed)?;
        Ok(self.pointer.clone())
    }

    fn read(&self, range: Range<u64>, to: &mut dyn Write) -> Result<(), Broken> {
        self.server.read(&self.url, range, to)
    }
}
