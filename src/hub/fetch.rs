//! Fetches a model into the cache, at one commit.

use std::path::PathBuf;

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};

use super::cache::{Surroundings, needed, repo, shards};
use super::checks::{ask, is_commit, is_plain, may_have_token, verify};
use super::{FetchEvent, HubError, HubId};

/// How often a download is resumed after its connection broke.
const RETRIES: usize = 3;

/// Returns the directory with a model's files, and their commit.
///
/// A commit in the cache is used without asking the Hub. Anything else is requested from the Hub;
/// if the Hub does not answer or `HF_HUB_OFFLINE` is set, the cache is used. Fetches only files
/// that training reads, all of the same commit.
pub(super) fn fetch(
    id: &HubId,
    watch: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<(PathBuf, String), HubError> {
    let mut surroundings = Surroundings::read()?;
    let held = surroundings.complete(id);
    let cache = surroundings.cache.path().clone();
    match held {
        Some(held) if id.is_commit() || surroundings.offline => return Ok(held),
        None if surroundings.offline => {
            let name = id.to_string();
            return Err(HubError::Offline { name, cache });
        }
        _ => {}
    }
    if surroundings.token.is_some() && !may_have_token(&surroundings.endpoint) {
        surroundings.token = None;
        let endpoint = surroundings.endpoint.clone();
        watch(FetchEvent::TokenKept { endpoint });
    }
    let api = api(&surroundings).map_err(|error| failed(id, "anything", &error))?;
    let info = match api.repo(repo(id, &id.revision)).info() {
        Ok(info) => info,
        Err(error) => {
            let error = refusal(id, &surroundings, &error);
            return match (error, held) {
                (HubError::Unreachable { reason, .. }, Some((directory, commit))) => {
                    let pinned = format!("{}@{commit}", id.name);
                    watch(FetchEvent::FromCache { pinned, reason });
                    Ok((directory, commit))
                }
                (error, _) => Err(error),
            };
        }
    };
    let commit = info.sha;
    if !is_commit(&commit) || id.is_commit() && commit != id.revision {
        return Err(HubError::Failed {
            name: id.to_string(),
            file: "its commit".to_owned(),
            reason: format!("the server returned {commit:?}"),
        });
    }
    let has = |name: &str| info.siblings.iter().any(|file| file.rfilename == name);
    let lacks = |file: &str| HubError::Lacks {
        name: id.to_string(),
        commit: commit.clone(),
        file: file.to_owned(),
    };
    let files = needed(&has).map_err(lacks)?;
    let snapshot = surroundings.snapshot(id, &commit);
    let pinned = api.repo(repo(id, &commit));
    let mut get = |name: &str| {
        if snapshot.join(name).is_file() {
            return Ok(());
        }
        let wrong = |reason: String| HubError::Failed {
            name: id.to_string(),
            file: name.to_owned(),
            reason,
        };
        ask(&surroundings, &pinned.url(name), &commit).map_err(wrong)?;
        download(&pinned, name, watch).map_err(|error| failed(id, name, &error))?;
        let repository = cache.join(repo(id, &commit).folder_name());
        verify(&repository, &snapshot.join(name)).map_err(|error| wrong(error.to_string()))
    };
    for name in &files {
        get(name)?;
    }
    if let Some(index) = files.iter().find(|name| name.ends_with(".index.json")) {
        let shards =
            shards(&snapshot.join(index)).ok_or_else(|| lacks("readable index of its weights"))?;
        for shard in &shards {
            if !is_plain(shard) || !has(shard) {
                return Err(lacks(shard));
            }
            get(shard)?;
        }
    }
    if !id.is_commit() {
        // Last, so that a revision in the cache always has all its files.
        let revision = surroundings.cache.repo(repo(id, &id.revision));
        revision
            .create_ref(&commit)
            .map_err(|error| failed(id, "its revision", &error.into()))?;
    }
    Ok((snapshot, commit))
}

fn api(surroundings: &Surroundings) -> Result<Api, ApiError> {
    ApiBuilder::from_cache(surroundings.cache.clone())
        .with_endpoint(surroundings.endpoint.clone())
        .with_token(surroundings.token.clone())
        .with_retries(RETRIES)
        .with_progress(false)
        .with_user_agent("gradus", env!("CARGO_PKG_VERSION"))
        .build()
}

fn download(
    model: &ApiRepo,
    name: &str,
    watch: &mut dyn FnMut(FetchEvent<'_>),
) -> Result<(), ApiError> {
    model.download_with_progress(name, Watched(watch)).map(drop)
}

/// Forwards the library's progress.
struct Watched<'a>(&'a mut dyn FnMut(FetchEvent<'_>));

impl Progress for Watched<'_> {
    fn init(&mut self, size: usize, filename: &str) {
        (self.0)(FetchEvent::File {
            name: filename,
            bytes: size as u64,
        });
    }

    fn update(&mut self, size: usize) {
        (self.0)(FetchEvent::Bytes(size as u64));
    }

    fn finish(&mut self) {
        (self.0)(FetchEvent::Complete);
    }
}

/// Interprets a failed request for a model's information.
fn refusal(id: &HubId, surroundings: &Surroundings, error: &ApiError) -> HubError {
    let endpoint = surroundings.endpoint.clone();
    let name = id.name.clone();
    match status(error) {
        // Without a token, the Hub answers alike for missing and private models.
        Some(status @ 401) if surroundings.token.is_none() => HubError::NotFound {
            name,
            revision: id.revision.clone(),
            endpoint,
            status,
        },
        Some(status @ (401 | 403)) => HubError::Refused {
            name,
            endpoint,
            status,
            with_token: surroundings.token.is_some(),
        },
        Some(status @ 400..500) => HubError::NotFound {
            name,
            revision: id.revision.clone(),
            endpoint,
            status,
        },
        _ => HubError::Unreachable {
            name: id.to_string(),
            endpoint,
            reason: reason(error),
            cache: surroundings.cache.path().clone(),
        },
    }
}

fn failed(id: &HubId, file: &str, error: &ApiError) -> HubError {
    HubError::Failed {
        name: id.to_string(),
        file: file.to_owned(),
        reason: reason(error),
    }
}

/// The HTTP status of an error.
fn status(error: &ApiError) -> Option<u16> {
    match error {
        ApiError::RequestError(error) => match **error {
            ureq::Error::StatusCode(status) => Some(status),
            _ => None,
        },
        ApiError::TooManyRetries(error) => status(error),
        _ => None,
    }
}

fn reason(error: &ApiError) -> String {
    match error {
        ApiError::RequestError(error) => error.to_string(),
        ApiError::TooManyRetries(error) => reason(error),
        other => other.to_string(),
    }
}
