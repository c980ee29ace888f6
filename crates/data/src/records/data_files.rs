//! The files that one argument names: a file, a directory of files, or a pattern.

use std::path::{Path, PathBuf};

use super::elsewhere::{DataFile, fetch, is_elsewhere};
use crate::{DataError, Result, STANDARD_INPUT, is_parquet_name};

/// Endings of the files that are read of a directory, besides these with `.gz` or `.zst` behind them.
const ENDINGS: [&str; 4] = ["jsonl", "ndjson", "json", "parquet"];

/// The files that `path` names, in the order of their names.
///
/// A directory stands for the data files directly in it: `.jsonl`, `.ndjson` and `.json`, each also
/// `.gz` and `.zst`, and `.parquet`; names that start with a dot or an underscore are left out. A path
/// with `*`, `?`, `[...]` or `**` that is no file stands for all files that match. A name of another place
/// ([`is_elsewhere`]) stands for the files that [`fetch_files_with`](crate::fetch_files_with) brings here.
/// Anything else stands for itself, be it there or not.
///
/// # Errors
/// [`DataError::NoDataFiles`] for a directory or a pattern without a data file,
/// [`DataError::MixedFiles`] for one with Parquet and other files, [`DataError::Io`] if a directory
/// cannot be read, [`DataError::Elsewhere`] if files of another place cannot be fetched.
pub fn data_files(path: &Path) -> Result<Vec<PathBuf>> {
    Ok(named_files(path)?
        .into_iter()
        .map(|file| file.path)
        .collect())
}

/// The same with the names that messages have for them.
pub(crate) fn named_files(path: &Path) -> Result<Vec<DataFile>> {
    if path == Path::new(STANDARD_INPUT) {
        return Ok(vec![DataFile::local(path.to_owned())]);
    }
    let files = if path.is_dir() {
        in_directory(path)?
    } else if is_elsewhere(path) {
        fetch(path)?
    } else if path.exists() || !is_pattern(path) {
        return Ok(vec![DataFile::local(path.to_owned())]);
    } else {
        matching(path)?
    };
    let Some(first) = files.first() else {
        return Err(DataError::NoDataFiles {
            path: path.to_owned(),
        });
    };
    let is_other = |file: &&DataFile| is_parquet_name(&file.name) != is_parquet_name(&first.name);
    if let Some(other) = files.iter().find(is_other) {
        return Err(DataError::MixedFiles {
            path: path.to_owned(),
            first: first.name.clone(),
            other: other.name.clone(),
        });
    }
    Ok(files)
}

/// The file of a format that is read from one file: the path itself, or the one file that a name of another place
/// stands for.
pub(crate) fn one_file(path: &Path) -> Result<DataFile> {
    if !is_elsewhere(path) {
        return Ok(DataFile::local(path.to_owned()));
    }
    let mut files = fetch(path)?;
    match (files.pop(), files.pop()) {
        (Some(file), None) => Ok(file),
        _ => Err(DataError::Directory {
            path: path.to_owned(),
        }),
    }
}

fn is_pattern(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|text| text.contains(['*', '?', '[']))
}

fn in_directory(path: &Path) -> Result<Vec<DataFile>> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(path)? {
        let file = entry?.path();
        let name = file.file_name().and_then(|name| name.to_str());
        if name.is_some_and(is_data_name) && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files.into_iter().map(DataFile::local).collect())
}

/// Whether a file of a directory is read, by its name.
pub fn is_data_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    if name.starts_with(['.', '_']) {
        return false;
    }
    let bare = [".gz", ".zst"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    let is_packed = bare.is_some();
    let ending = bare
        .unwrap_or(&name)
        .rsplit_once('.')
        .map(|(_, ending)| ending);
    ending.is_some_and(|ending| ENDINGS.contains(&ending) && !(is_packed && ending == "parquet"))
}

fn matching(pattern: &Path) -> Result<Vec<DataFile>> {
    let text = pattern.to_str().unwrap_or_default();
    let paths = glob::glob(text).map_err(|error| DataError::InvalidPattern {
        path: pattern.to_owned(),
        reason: error.msg,
    })?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.map_err(std::io::Error::from)?;
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files.into_iter().map(DataFile::local).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &Path) -> Vec<String> {
        let files = data_files(path).unwrap();
        let name = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().to_owned();
        files.iter().map(name).collect()
    }

    #[test]
    fn a_directory_and_a_pattern_stand_for_their_data_files() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for name in [
            "b.jsonl",
            "a.JSONL.gz",
            "c.ndjson.zst",
            "_SUCCESS",
            "_x.jsonl",
            ".h.jsonl",
            "notes.txt",
        ] {
            fs_err::write(root.join(name), "").unwrap();
        }
        fs_err::create_dir(root.join("d.jsonl")).unwrap();
        assert_eq!(names(root), ["a.JSONL.gz", "b.jsonl", "c.ndjson.zst"]);
        assert_eq!(names(&root.join("[bc].*")), ["b.jsonl", "c.ndjson.zst"]);
        let alone = root.join("missing.jsonl");
        assert_eq!(data_files(&alone).unwrap(), [alone]);
        let odd = root.join("x[1].jsonl");
        fs_err::write(&odd, "").unwrap();
        assert_eq!(data_files(&odd).unwrap(), [odd]);
    }

    #[test]
    fn nothing_and_a_mixture_are_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for path in [root.to_owned(), root.join("*.jsonl")] {
            let error = data_files(&path).unwrap_err();
            assert!(matches!(error, DataError::NoDataFiles { .. }), "{error}");
        }
        fs_err::write(root.join("a.jsonl"), "").unwrap();
        fs_err::write(root.join("b.parquet"), "").unwrap();
        let error = data_files(root).unwrap_err().to_string();
        assert!(
            error.contains("a.jsonl") && error.contains("b.parquet"),
            "{error}"
        );
        assert_eq!(names(&root.join("*.parquet")), ["b.parquet"]);
        let error = data_files(&root.join("a[*")).unwrap_err();
        assert!(matches!(error, DataError::InvalidPattern { .. }), "{error}");
    }
}
