//! The house: which crate may know which, and who may name a backend.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, not their helpers")]

mod folders;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fs_err as fs;

/// What each crate may depend on in the workspace; the root may know all of them.
const MAY_KNOW: [(&str, &[&str]); 13] = [
    ("files", &[]),
    ("kernels", &[]),
    ("parts", &[]),
    ("scores", &[]),
    ("data", &["files", "parts"]),
    ("model", &["files", "kernels", "parts"]),
    ("baselines", &["kernels", "data"]),
    ("bundle", &["files", "data", "model", "scores", "baselines"]),
    (
        "train",
        &[
            "files",
            "kernels",
            "parts",
            "data",
            "model",
            "baselines",
            "bundle",
        ],
    ),
    ("eval", &["scores", "data", "model", "baselines", "bundle"]),
    ("experiment", &["files", "data", "eval"]),
    ("serve", &["data", "bundle", "eval"]),
    ("web", &["data", "model", "bundle", "train", "eval"]),
];

/// Burn's backends, as its features name them.
const BACKENDS: [&str; 9] = [
    "flex", "ndarray", "wgpu", "webgpu", "vulkan", "metal", "cuda", "rocm", "cpu",
];

fn manifest(path: &Path) -> toml::Table {
    let text = fs::read_to_string(path).expect("a manifest");
    text.parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The manifest of every crate, by the name of its folder.
fn crates() -> BTreeMap<String, toml::Table> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let entries = fs::read_dir(folder).expect("the folder of crates");
    entries
        .map(|entry| {
            let path = entry.expect("a folder of a crate").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), manifest(&path.join("Cargo.toml")))
        })
        .collect()
}

/// Crates of the workspace that a manifest's section names, without the prefix `gradus-`.
fn known(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    let table = manifest.get(section).and_then(toml::Value::as_table);
    let names = table.into_iter().flat_map(toml::Table::keys);
    names
        .filter_map(|name| {
            name.strip_prefix("gradus-")
                .or((name == "gradus").then_some("gradus"))
        })
        .map(str::to_owned)
        .collect()
}

fn features(dependency: &toml::Value) -> impl Iterator<Item = &str> {
    let features = dependency.get("features").and_then(toml::Value::as_array);
    features
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_str)
}

#[test]
fn every_crate_knows_only_what_it_may() {
    let allowed = BTreeMap::from(MAY_KNOW);
    let crates = crates();
    let names: BTreeSet<&str> = crates.keys().map(String::as_str).collect();
    let listed: BTreeSet<&str> = allowed.keys().copied().collect();
    assert_eq!(
        names, listed,
        "every folder of crates/ is in this test's table"
    );
    for (name, manifest) in &crates {
        let allowed: BTreeSet<String> = allowed[name.as_str()]
            .iter()
            .map(|&known| known.to_owned())
            .collect();
        for section in ["dependencies", "build-dependencies"] {
            let unknown: Vec<_> = known(manifest, section)
                .difference(&allowed)
                .cloned()
                .collect();
            assert!(
                unknown.is_empty(),
                "crates/{name} may not depend on {unknown:?}"
            );
        }
        let root = known(manifest, "dev-dependencies").contains("gradus");
        assert!(
            !root,
            "crates/{name} may not know the root, not even in tests"
        );
    }
}

#[test]
fn libraries_name_no_backend_and_only_training_has_burns_trainer() {
    for (name, manifest) in &crates() {
        let dependencies = manifest["dependencies"].as_table().unwrap();
        let Some(burn) = dependencies.get("burn") else {
            continue;
        };
        for feature in features(burn) {
            assert!(
                !BACKENDS.contains(&feature),
                "crates/{name} names the backend {feature}"
            );
            assert!(
                feature != "train" || name == "train",
                "crates/{name} has burn's trainer"
            );
        }
        let default = manifest
            .get("features")
            .and_then(|features| features.get("default"))
            .and_then(toml::Value::as_array);
        let default: Vec<&str> = default
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
            .collect();
        // Other defaults could bring a backend along.
        assert!(
            default.is_empty() || (name == "eval" && default == ["scorer"]),
            "crates/{name} has the default features {default:?}"
        );
    }
}
