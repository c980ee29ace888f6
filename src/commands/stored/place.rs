//! Where the cache of tokens is.

use std::io;
use std::path::{Path, PathBuf};

use gradus::data::{DataError, is_elsewhere};
use gradus_files::{Existing, NewFile};

use crate::show;

/// The directory of the cache: the one that is set, else one beside the training split or, where nothing can be
/// written there or the split is of another place, beside the output.
pub(super) fn cache_directory(
    set: Option<&Path>,
    train: &Path,
    output: &Path,
) -> Result<PathBuf, DataError> {
    let open = |directory: &Path| {
        make(directory).map_err(|cause| DataError::Write {
            path: directory.to_owned(),
            cause,
        })
    };
    if let Some(directory) = set {
        open(directory)?;
        return Ok(directory.to_owned());
    }
    if is_elsewhere(train) {
        let directory = with_ending(output);
        open(&directory)?;
        return Ok(directory);
    }
    let beside = beside_data(train);
    let Err(cause) = make(&beside) else {
        return Ok(beside);
    };
    let directory = with_ending(output);
    open(&directory)?;
    show::status(&format!(
        "{}: cannot be written to ({cause}); the tokens are kept in {}",
        beside.display(),
        directory.display()
    ));
    Ok(directory)
}

/// Makes the directory, and sees whether files can be made in it.
fn make(directory: &Path) -> io::Result<()> {
    gradus_files::create_directories(directory)?;
    let file = NewFile::create(&directory.join(".part"), Existing::Replace)?;
    drop(file);
    Ok(())
}

/// `DATA.tokens` for a file or a directory; for a pattern, that of the directory in front of its first wildcard.
fn beside_data(train: &Path) -> PathBuf {
    let is_pattern = |part: &Path| part.to_string_lossy().contains(['*', '?', '[']);
    if train.exists() || !is_pattern(train) {
        return with_ending(train);
    }
    let plain = train.ancestors().find(|part| !is_pattern(part));
    match plain.filter(|part| part.file_name().is_some()) {
        Some(directory) => with_ending(directory),
        None => PathBuf::from("data.tokens"),
    }
}

/// The path with `.tokens` behind its name.
fn with_ending(path: &Path) -> PathBuf {
    let Some(name) = path.file_name() else {
        return path.join("data.tokens");
    };
    let mut name = name.to_owned();
    name.push(".tokens");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_beside_the_data() {
        for (train, expected) in [
            ("a/train.jsonl", "a/train.jsonl.tokens"),
            ("shards/", "shards.tokens"),
            ("a/shards/*.parquet", "a/shards.tokens"),
            ("a/**/x-[0-9].parquet", "a.tokens"),
            ("*.jsonl", "data.tokens"),
        ] {
            assert_eq!(
                beside_data(Path::new(train)),
                Path::new(expected),
                "{train}"
            );
        }
    }

    #[test]
    fn where_nothing_can_be_written_beside_the_data_the_output_is_next() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs_err::write(&file, "").unwrap();
        let output = directory.path().join("bundle");
        let found = cache_directory(None, &file.join("train.jsonl"), &output).unwrap();
        assert_eq!(found, directory.path().join("bundle.tokens"));
        assert!(found.is_dir());
        let error = cache_directory(Some(&file.join("x")), &file, &output).unwrap_err();
        assert!(matches!(error, DataError::Write { .. }), "{error}");
    }
}
