//! The files of a data set at one commit, asked from the Hub or kept from an earlier time.

use std::io::Write as _;
use std::path::PathBuf;

use gradus::data::{AtomicFile, Unfetched};
use gradus_files::{MOST_BYTES, read_bounded};
use hf_hub::{Repo, RepoType};
use serde::{Deserialize, Serialize};

use super::id::DatasetId;
use super::parts::names_files;
use super::server::{Refused, Server};
use super::wrong;
use crate::elsewhere::unwritten;
use crate::hub::checks::is_commit;
use crate::show;

/// The branch with what the Hub has converted to Parquet.
const CONVERTED: &str = "refs/convert/parquet";
/// The branch of the authors.
pub(super) const MAIN: &str = "main";

/// What is at a commit.
pub(super) struct Snapshot {
    /// The revision that was asked for.
    pub(super) revision: String,
    pub(super) commit: String,
    /// Paths in the repository.
    pub(super) files: Vec<String>,
    /// Directory of the repository in the cache.
    pub(super) place: PathBuf,
    pub(super) repo: Repo,
}

/// What the cache keeps of a commit, because it has only the files that were fetched.
#[derive(Serialize, Deserialize)]
struct Kept {
    files: Vec<String>,
}

/// The commit of a data set, and its files. A commit that is in the cache is used without asking; so is a branch if
/// the Hub does not answer, or `HF_HUB_OFFLINE` is set.
pub(super) fn find(server: &Server, id: &DatasetId) -> Result<Snapshot, Unfetched> {
    let revisions: Vec<&str> = match (&id.revision, &id.part) {
        (Some(revision), _) => vec![revision],
        (None, Some(part)) if names_files(part) && !part.ends_with(".parquet") => vec![MAIN],
        (None, _) => vec![CONVERTED, MAIN],
    };
    let cached = || {
        revisions
            .iter()
            .find_map(|revision| kept(server, id, revision))
    };
    if server.is_offline() {
        return cached().ok_or_else(|| {
            let cache = server.cache().display();
            wrong(
                format!("{cache} does not have the data set, and HF_HUB_OFFLINE is set"),
                "unset HF_HUB_OFFLINE to fetch it once",
            )
        });
    }
    if is_commit(revisions[0])
        && let Some(snapshot) = cached()
    {
        return Ok(snapshot);
    }
    for (index, revision) in revisions.iter().enumerate() {
        match ask(server, id, revision) {
            Ok(snapshot) => {
                if index > 0 {
                    show::status(&format!(
                        "hub:{}: the Hub has not converted it to Parquet; reading the files at `{revision}`",
                        id.name
                    ));
                }
                return Ok(snapshot);
            }
            Err(Refused::NotFound(_)) if index + 1 < revisions.len() => {}
            Err(Refused::Unreachable(cause)) => {
                let snapshot = cached().ok_or_else(|| cause.clone())?;
                show::status(&format!(
                    "no answer from the Hub ({}): using hub:{}@{} from the cache",
                    cause.reason, id.name, snapshot.commit
                ));
                return Ok(snapshot);
            }
            Err(Refused::NotFound(cause) | Refused::Other(cause)) => return Err(cause),
        }
    }
    Err(wrong(
        "found no revision to read".into(),
        "name one: hub:org/name@main",
    ))
}

fn snapshot(
    server: &Server,
    id: &DatasetId,
    revision: &str,
    commit: &str,
    files: Vec<String>,
) -> Snapshot {
    let repo = Repo::with_revision(id.name.clone(), RepoType::Dataset, commit.to_owned());
    Snapshot {
        revision: revision.to_owned(),
        commit: commit.to_owned(),
        files,
        place: server.cache().join(repo.folder_name()),
        repo,
    }
}

impl Snapshot {
    /// Files of this program, which Python's libraries pass over.
    pub(super) fn own(&self, name: &str) -> PathBuf {
        self.place.join(".gradus").join(name)
    }
}

fn ask(server: &Server, id: &DatasetId, revision: &str) -> Result<Snapshot, Refused> {
    let (commit, files) = server.revision(&id.name, revision)?;
    let found = snapshot(server, id, revision, &commit, files);
    keep(server, id, &found).map_err(|cause| Refused::Other(unwritten(cause)))?;
    Ok(found)
}

/// Notes the files of a commit, and the commit of the revision.
fn keep(server: &Server, id: &DatasetId, found: &Snapshot) -> std::io::Result<()> {
    let path = found.own(&format!("{}.json", found.commit));
    if !path.exists() {
        fs_err::create_dir_all(found.own(""))?;
        let kept = Kept {
            files: found.files.clone(),
        };
        let mut file = AtomicFile::create(&path).map_err(std::io::Error::other)?;
        file.write_all(&serde_json::to_vec(&kept)?)?;
        file.commit().map_err(std::io::Error::other)?;
    }
    if is_commit(&found.revision) {
        return Ok(());
    }
    let revision = Repo::with_revision(id.name.clone(), RepoType::Dataset, found.revision.clone());
    server.store().repo(revision).create_ref(&found.commit)
}

/// What the cache has of a revision.
fn kept(server: &Server, id: &DatasetId, revision: &str) -> Option<Snapshot> {
    let commit = if is_commit(revision) {
        revision.to_owned()
    } else {
        let place = snapshot(server, id, revision, "", Vec::new()).place;
        fs_err::read_to_string(place.join("refs").join(revision)).ok()?
    };
    let commit = commit.trim();
    let mut found = snapshot(server, id, revision, commit, Vec::new());
    let path = found.own(&format!("{commit}.json"));
    let bytes = read_bounded(&path, MOST_BYTES).ok()?;
    let kept: Kept = serde_json::from_slice(&bytes).ok()?;
    found.files = kept.files;
    (is_commit(commit) && found.files.iter().all(|name| is_safe(name))).then_some(found)
}

/// Whether a path stays inside the repository.
pub(super) fn is_safe(path: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty()
            && part.len() <= 255
            && ![".", ".."].contains(&part)
            && !part.contains(['\\', ':'])
            && !part.contains(char::is_control)
    };
    path.split('/').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for (path, safe) in [
            ("a/b c/0000.parquet", true),
            (".gitattributes", true),
            ("", false),
            ("/a", false),
            ("a//b", false),
            ("a/../../b", false),
            ("..", false),
            ("a\\b", false),
            ("c:a", false),
            ("a\nb", false),
        ] {
            assert_eq!(is_safe(path), safe, "{path}");
        }
    }
}
