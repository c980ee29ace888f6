//! What lies in a directory, and whether it is what may be there.

use std::collections::BTreeMap;
use std::path::Path;

use gradus::bundle::Bundle;

/// Every file by its path from the directory, with its bytes. A bundle is one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State(BTreeMap<String, Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    File(Vec<u8>),
    /// Names of the files, the weights and the recalibration; the rest holds times.
    Bundle(Vec<String>, Vec<u8>, Option<Vec<u8>>),
    /// A bundle that cannot be read.
    Broken(String),
}

impl State {
    pub(crate) fn of(directory: &Path) -> Self {
        let mut found = BTreeMap::new();
        collect(directory, "", &mut found);
        Self(found)
    }

    /// What is wrong with this state after a fault: everything has to be as `before` or `after`, and
    /// what is half-made may be left only by a process that was killed, or where removing failed.
    pub(crate) fn problem(&self, before: &Self, after: &Self, killed: bool) -> Option<String> {
        // A run that goes on drops checkpoints; that it can still go on is seen when it does.
        let lasting = before
            .0
            .iter()
            .filter(|(path, _)| !path.contains(".checkpoints/"));
        for (path, entry) in lasting {
            let found = self.0.get(path);
            let replaced = after.0.get(path);
            let is_whole = match (found, replaced) {
                (Some(found), _) if found == entry => true,
                (Some(found), Some(replaced)) => found == replaced,
                // Moved aside on an old system: the next reader brings it back.
                (None, _) => killed && matches!(entry, Entry::Bundle(..)) && self.has_hidden(entry),
                (Some(_), None) => false,
            };
            if !is_whole {
                return Some(format!(
                    "`{path}` is neither as before nor as after: {}",
                    short(found)
                ));
            }
        }
        for (path, entry) in &self.0 {
            let is_hidden = path.split('/').any(|name| name.starts_with(".gradus-"));
            let is_known = before.0.contains_key(path) || after.0.get(path) == Some(entry);
            let is_resumable = path.contains(".checkpoints/");
            if !is_known && !is_hidden && !is_resumable {
                return Some(format!(
                    "`{path}` is half-written or should not be there: {}",
                    short(Some(entry))
                ));
            }
        }
        None
    }

    fn has_hidden(&self, wanted: &Entry) -> bool {
        let hidden = |path: &String| path.starts_with(".gradus-");
        self.0
            .iter()
            .any(|(path, entry)| hidden(path) && entry == wanted)
    }

    /// The first path that is not the same in `other`.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        let paths = self.0.keys().chain(other.0.keys());
        let mut different = paths.filter(|path| self.0.get(*path) != other.0.get(*path));
        let path = different.next()?;
        let (found, expected) = (short(self.0.get(path)), short(other.0.get(path)));
        Some(format!("`{path}`: found {found}, expected {expected}"))
    }
}

fn short(entry: Option<&Entry>) -> String {
    match entry {
        None => "nothing".to_owned(),
        Some(Entry::File(bytes)) => format!("{} bytes", bytes.len()),
        Some(Entry::Bundle(names, _, recalibration)) => {
            format!(
                "a bundle of {names:?}, recalibrated: {}",
                recalibration.is_some()
            )
        }
        Some(Entry::Broken(why)) => format!("a broken bundle: {why}"),
    }
}

fn collect(directory: &Path, before: &str, found: &mut BTreeMap<String, Entry>) {
    for entry in fs_err::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if entry.file_type().unwrap().is_file() {
            found.insert(name, Entry::File(fs_err::read(&path).unwrap()));
        } else if path.join("manifest.json").is_file() && !name.contains(".checkpoints/") {
            found.insert(name, bundle(&path));
        } else {
            collect(&path, &format!("{name}/"), found);
        }
    }
}

fn bundle(path: &Path) -> Entry {
    let device = gradus::device::select(None).unwrap();
    let loaded = match Bundle::load(path, &device) {
        Ok(loaded) => loaded,
        Err(error) => return Entry::Broken(error.to_string()),
    };
    let mut names: Vec<String> = fs_err::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        // How a recalibration is stored while it changes.
        .filter(|name| !name.starts_with(".gradus-") && name != "recalibration.json")
        .collect();
    names.sort();
    let weights = fs_err::read(path.join("model.safetensors")).unwrap();
    let recalibration = loaded.recalibration.map(|maps| maps.to_json().unwrap());
    Entry::Bundle(names, weights, recalibration)
}

/// Copies a directory with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).unwrap();
    for entry in fs_err::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs_err::copy(entry.path(), target).unwrap();
        }
    }
}
