//! An object, and its copy on this machine.

use std::env;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt as _;
use gradus::data::Unfetched;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};
use sha2::{Digest as _, Sha256};

use super::names::Name;
use super::{failure, wait};
use crate::elsewhere::{Broken, Source, hexadecimal, unwritten};

/// An object at the version that was listed.
pub(super) struct StoredObject {
    store: Arc<dyn ObjectStore>,
    key: Key,
    bytes: u64,
    etag: Option<String>,
    pub(super) version: String,
    copy: PathBuf,
}

impl StoredObject {
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        name: &Name,
        meta: &ObjectMeta,
    ) -> Result<Self, Unfetched> {
        let etag = meta.e_tag.clone();
        // A server without tags tells when a file was written, at least.
        let version = etag
            .clone()
            .unwrap_or_else(|| meta.last_modified.to_rfc3339());
        let place = format!(
            "{}\n{version}\n{}",
            name.of_key(meta.location.as_ref()),
            meta.size
        );
        let digest = Sha256::digest(place);
        let directory = hexadecimal(&digest[..16]);
        let copy = cache()?
            .join("objects")
            .join(directory)
            .join(name.file_name(meta.location.as_ref()));
        Ok(Self {
            store,
            key: meta.location.clone(),
            bytes: meta.size,
            etag,
            version,
            copy,
        })
    }

    /// Writes these bytes; `ranged` is whether the server is asked for them alone.
    async fn read_from(
        &self,
        range: Range<u64>,
        ranged: bool,
        to: &mut dyn Write,
    ) -> Result<(), Broken> {
        let (mut skipped, mut left) = (
            if ranged { 0 } else { range.start },
            range.end - range.start,
        );
        let options = GetOptions {
            // The version that was listed. Weak tags do not match by the rules of HTTP.
            if_match: self.etag.clone().filter(|etag| !etag.starts_with("W/")),
            range: ranged.then_some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let got = self.store.get_opts(&self.key, options).await;
        let mut parts = got.map_err(|error| failure(&error))?.into_stream();
        while left > 0
            && let Some(part) = parts.next().await
        {
            let part = part.map_err(|error| Broken::passing(failure(&error).cause.reason))?;
            let at = usize::try_from(skipped)
                .unwrap_or(usize::MAX)
                .min(part.len());
            let end = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(part.len() - at)
                + at;
            to.write_all(&part[at..end]).map_err(|cause| Broken {
                cause: unwritten(cause),
                may_heal: false,
            })?;
            skipped -= at as u64;
            left -= (end - at) as u64;
        }
        if left > 0 {
            return Err(Broken::passing(format!(
                "the server ended {left} bytes early"
            )));
        }
        Ok(())
    }
}

impl Source for StoredObject {
    fn held(&self) -> Option<PathBuf> {
        let metadata = fs_err::metadata(&self.copy).ok()?;
        (metadata.is_file() && metadata.len() == self.bytes).then(|| self.copy.clone())
    }

    fn part(&self) -> PathBuf {
        self.copy.with_added_extension("part")
    }

    fn keep(&self, part: &Path) -> Result<PathBuf, Broken> {
        fs_err::rename(part, &self.copy).map_err(|cause| Broken {
            cause: unwritten(cause),
            may_heal: false,
        })?;
        Ok(self.copy.clone())
    }

    fn read(&self, range: Range<u64>, to: &mut dyn Write) -> Result<(), Broken> {
        match wait(self.read_from(range.clone(), true, to)) {
            Err(broken) if is_without_ranges(&broken) => wait(self.read_from(range, false, to)),
            read => read,
        }
    }
}

/// Whether a web server sends files as a whole only; the library has no error of its own for it.
fn is_without_ranges(broken: &Broken) -> bool {
    let reason = &broken.cause.reason;
    ["Range request not supported", "non-partial response"]
        .iter()
        .any(|text| reason.contains(text))
}

/// Where copies of objects are kept: `GRADUS_CACHE`, else `gradus` in the cache of the user.
fn cache() -> Result<PathBuf, Unfetched> {
    let set = |variable: &str| {
        env::var_os(variable)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let user = || set("XDG_CACHE_HOME").or_else(|| Some(env::home_dir()?.join(".cache")));
    let place = set("GRADUS_CACHE").or_else(|| Some(user()?.join("gradus")));
    place.ok_or_else(|| Unfetched {
        reason: "found no home directory for copies of objects".into(),
        hint: Some("set GRADUS_CACHE to a directory".into()),
        is_input: false,
    })
}
