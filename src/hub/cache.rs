//! The model cache, in the layout of Python's `huggingface_hub`, and its environment variables.

use std::env;
use std::path::{Path, PathBuf};

use hf_hub::{Cache, Repo, RepoType};

use super::checks::{is_commit, is_plain};
use super::{HubError, HubId};

/// Default address of the Hub; `HF_ENDPOINT` overrides it.
const ENDPOINT: &str = "https://huggingface.co";
/// The index of weights in several files.
const INDEX: &str = "model.safetensors.index.json";
/// Weights in one file.
pub(super) const WEIGHTS: &str = "model.safetensors";

/// Settings of the Hub from the environment.
pub(super) struct Surroundings {
    pub(super) endpoint: String,
    pub(super) token: Option<String>,
    pub(super) offline: bool,
    pub(super) cache: Cache,
}

impl Surroundings {
    /// Reads `HF_HOME`, `HF_HUB_CACHE`, `HF_HUB_OFFLINE`, `HF_ENDPOINT`, `HF_TOKEN`,
    /// `HF_TOKEN_PATH`.
    pub(super) fn read() -> Result<Self, HubError> {
        let home = match set("HF_HOME") {
            Some(home) => PathBuf::from(home),
            None => match set("XDG_CACHE_HOME") {
                Some(cache) => Path::new(&cache).join("huggingface"),
                None => env::home_dir()
                    .ok_or(HubError::NoCache)?
                    .join(".cache/huggingface"),
            },
        };
        let token_file = set("HF_TOKEN_PATH").map_or_else(|| home.join("token"), PathBuf::from);
        let token = set("HF_TOKEN").or_else(|| {
            let text = fs_err::read_to_string(token_file).ok()?;
            Some(text.trim().to_owned()).filter(|token| !token.is_empty())
        });
        let yes = |text: String| ["1", "on", "yes", "true"].contains(&text.to_lowercase().as_str());
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let cache = set("HF_HUB_CACHE").map_or_else(|| home.join("hub"), PathBuf::from);
        // The library needs absolute paths for links.
        let cache = std::path::absolute(&cache).unwrap_or(cache);
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token,
            offline: set("HF_HUB_OFFLINE").is_some_and(yes),
            cache: Cache::new(cache),
        })
    }

    /// The commit of a revision in the cache.
    pub(super) fn cached_commit(&self, id: &HubId) -> Option<String> {
        if id.is_commit() {
            return Some(id.revision.clone());
        }
        let repository = self.cache.path().join(repo(id, &id.revision).folder_name());
        let commit = fs_err::read_to_string(repository.join("refs").join(&id.revision)).ok()?;
        Some(commit.trim().to_owned()).filter(|commit| is_commit(commit))
    }

    /// The directory of a commit.
    pub(super) fn snapshot(&self, id: &HubId, commit: &str) -> PathBuf {
        self.cache.repo(repo(id, commit)).pointer_path(commit)
    }

    /// The directory and commit of a revision, if the cache has all files needed.
    pub(super) fn complete(&self, id: &HubId) -> Option<(PathBuf, String)> {
        let commit = self.cached_commit(id)?;
        let snapshot = self.snapshot(id, &commit);
        let held = |name: &str| snapshot.join(name).is_file();
        let weights = held(WEIGHTS)
            || shards(&snapshot.join(INDEX))
                .is_some_and(|shards| shards.iter().all(|name| is_plain(name) && held(name)));
        (held("config.json") && held("tokenizer.json") && weights).then_some((snapshot, commit))
    }
}

/// The repository of a model at a revision.
pub(super) fn repo(id: &HubId, revision: &str) -> Repo {
    Repo::with_revision(id.name.clone(), RepoType::Model, revision.to_owned())
}

/// The files named in an index; `None` if it cannot be read.
pub(super) fn shards(index: &Path) -> Option<Vec<String>> {
    let bytes = gradus_files::read_regular(index, gradus_files::MOST_SETTINGS).ok()?;
    let index: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    let files = index.get("weight_map")?.as_object()?.values();
    let mut names: Vec<String> = files
        .map(|name| name.as_str().map(str::to_owned))
        .collect::<Option<_>>()?;
    names.sort();
    names.dedup();
    Some(names)
}

/// The files to fetch before any shards, or the file that the model lacks.
pub(super) fn needed<'a>(has: &dyn Fn(&str) -> bool) -> Result<Vec<&'a str>, &'static str> {
    for name in ["config.json", "tokenizer.json"] {
        if !has(name) {
            return Err(name);
        }
    }
    let weights = [WEIGHTS, INDEX].into_iter().find(|name| has(name));
    let optional = [
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "chat_template.jinja",
        "chat_template.json",
    ];
    let mut names = vec!["config.json", "tokenizer.json"];
    names.extend(optional.into_iter().filter(|name| has(name)));
    names.push(weights.ok_or("model.safetensors and no model.safetensors.index.json")?);
    Ok(names)
}

pub(super) fn set(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed_is_fetched_and_what_is_missing_is_named() {
        let of = |files: &[&str]| needed(&|name| files.contains(&name)).map_err(str::to_owned);
        let all = [
            "config.json",
            "tokenizer.json",
            "model.safetensors",
            INDEX,
            "pytorch_model.bin",
        ];
        assert_eq!(
            of(&all).unwrap(),
            ["config.json", "tokenizer.json", "model.safetensors"]
        );
        let sharded = [
            "config.json",
            "tokenizer.json",
            "chat_template.jinja",
            INDEX,
        ];
        assert_eq!(of(&sharded).unwrap(), sharded);
        assert_eq!(of(&["config.json"]).unwrap_err(), "tokenizer.json");
        assert!(
            of(&["config.json", "tokenizer.json", "pytorch_model.bin"])
                .unwrap_err()
                .contains("safetensors")
        );
    }
}
