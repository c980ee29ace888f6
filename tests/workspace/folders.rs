//! The folders of a library crate form no circle: each can be read after those that it uses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fs_err as fs;
use regex::Regex;

/// A source file without its comments and its tests, and the folder below `src` that it is in.
///
/// A file beside `lib.rs` is in none. So a crate's errors may hold values of its folders' types, which
/// say what was found, while every folder returns errors.
struct Source {
    folder: Option<String>,
    /// The file's name, which is that of its module.
    stem: String,
    code: String,
}

fn sources(crate_folder: &Path) -> Vec<Source> {
    let comment = Regex::new("//[^\n]*").unwrap();
    let src = crate_folder.join("src");
    files(&src)
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let inside = path.strip_prefix(&src).unwrap();
            let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
            let code = comment.replace_all(&text, "");
            let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            Source {
                folder: (parts.len() > 1).then(|| parts[0].to_string()),
                stem: path.file_stem().unwrap().to_string_lossy().into_owned(),
                code: code.to_owned(),
            }
        })
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let inside = folders.iter().flat_map(|folder| self::files(folder));
    files.into_iter().filter(is_rust).chain(inside).collect()
}

/// The first names behind `crate::` in the code: modules, or items that `lib.rs` exports from one.
fn names_used(code: &str) -> BTreeSet<String> {
    let path = Regex::new(r"\bcrate::(\w+|\{[^;]*\};)").unwrap();
    let token = Regex::new(r"\w+|::|[{},]").unwrap();
    let mut names = BTreeSet::new();
    for found in path.captures_iter(code) {
        let mut depth = 0;
        let mut is_first = true;
        for word in token.find_iter(&found[1]) {
            match word.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                "," => is_first = depth == 1,
                "::" => is_first = false,
                name if is_first && depth <= 1 => {
                    names.insert(name.to_owned());
                    is_first = false;
                }
                _ => {}
            }
        }
    }
    names
}

/// Which folders each folder of a crate uses.
fn uses(crate_folder: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let sources = sources(crate_folder);
    let item = Regex::new(
        r"\bpub(?:\([^)]*\))?\s+(?:(?:const|unsafe|async)\s+)*(?:struct|enum|fn|trait|type|const|static)\s+(\w+)",
    )
    .unwrap();
    let mut homes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    // A folder's name means the folder, and names of files beside `lib.rs` and of what they define mean
    // those, whatever else folders call so.
    let folders: BTreeSet<&str> = sources.iter().filter_map(|s| s.folder.as_deref()).collect();
    let mut beside = BTreeSet::new();
    for source in sources.iter().filter(|source| source.folder.is_none()) {
        beside.insert(source.stem.as_str());
        let items = item.captures_iter(&source.code);
        beside.extend(items.map(|found| found.get(1).unwrap().as_str()));
    }
    for source in &sources {
        let Some(folder) = &source.folder else {
            continue;
        };
        homes.entry(folder).or_default().insert(folder);
        for found in item.captures_iter(&source.code) {
            let name = found.get(1).unwrap().as_str();
            if !folders.contains(name) {
                homes.entry(name).or_default().insert(folder);
            }
        }
    }
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in &sources {
        let Some(folder) = &source.folder else {
            continue;
        };
        let used = uses.entry(folder.clone()).or_default();
        let names = names_used(&source.code).into_iter();
        for name in names.filter(|name| !beside.contains(name.as_str())) {
            // A name that several folders define is the folder's own where it is one of them.
            let homes = homes.get(name.as_str()).into_iter().flatten();
            let homes: Vec<&str> = homes.copied().collect();
            if !homes.contains(&folder.as_str()) {
                used.extend(homes.into_iter().map(str::to_owned));
            }
        }
    }
    uses
}

/// All that a folder uses, by way of others too.
fn reach(uses: &BTreeMap<String, BTreeSet<String>>, folder: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![folder.to_owned()];
    while let Some(folder) = next.pop() {
        for used in uses.get(&folder).into_iter().flatten() {
            if reached.insert(used.clone()) {
                next.push(used.clone());
            }
        }
    }
    reached
}

#[test]
fn the_folders_of_a_crate_form_no_circle() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let mut found_any = false;
    for entry in fs::read_dir(crates).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let uses = uses(&entry.path());
        found_any |= uses.values().any(|used| !used.is_empty());
        for folder in uses.keys() {
            assert!(
                !reach(&uses, folder).contains(folder),
                "crates/{name}/src/{folder} uses itself by way of others: {uses:?}"
            );
        }
    }
    assert!(found_any, "the folders use each other at all");
}

#[test]
fn the_names_behind_crate_are_found_in_paths_and_lists() {
    let code = "use crate::a::b;\nuse crate::{C, d::{e, F}, g as h};\nfn f() { crate::i::j() }";
    let found: Vec<_> = names_used(code).into_iter().collect();
    assert_eq!(found, ["C", "a", "d", "g", "i"]);
}
