//! Public formats: what a published record becomes, and what is refused.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, not their helpers")]

mod annotations;
mod feedback;
mod files;
mod responses;
mod round_trip;
mod solutions;

use std::path::PathBuf;

use gradus_data::{DataError, Example, Format, ImportOptions, import};

/// A file with these bytes; the directory lives as long as the guard.
fn file(bytes: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    fs_err::write(&path, bytes).unwrap();
    (directory, path)
}

fn import_all(
    text: &str,
    format: Format,
    options: &ImportOptions,
) -> Vec<Result<Example, DataError>> {
    let (_guard, path) = file(text);
    import(path, format, options).unwrap().collect()
}

/// The only example of a file.
fn one(text: &str, format: Format) -> Example {
    one_with(text, format, &ImportOptions::default())
}

fn one_with(text: &str, format: Format, options: &ImportOptions) -> Example {
    let mut examples = import_all(text, format, options);
    assert_eq!(examples.len(), 1, "{examples:?}");
    examples.remove(0).unwrap()
}

/// The message for the only record of a file, behind the path.
fn refusal(text: &str, format: Format, options: &ImportOptions) -> String {
    let mut examples = import_all(text, format, options);
    assert_eq!(examples.len(), 1, "{examples:?}");
    let message = examples.remove(0).unwrap_err().to_string();
    message.split_once("data:").unwrap().1.to_owned()
}

fn refused(text: &str, format: Format) -> String {
    refusal(text, format, &ImportOptions::default())
}

fn with_map(map: &str) -> ImportOptions {
    ImportOptions {
        rating_map: Some(map.parse().unwrap()),
        ..ImportOptions::default()
    }
}

fn texts(example: &Example) -> Vec<&str> {
    (0..example.segments.len())
        .map(|k| example.segment_text(k))
        .collect()
}

/// Ratings of one aspect.
fn ratings(example: &Example, aspect: &str) -> Vec<Option<f64>> {
    let segments = example.segments.iter();
    segments
        .map(|segment| segment.ratings.get(aspect).copied())
        .collect()
}
