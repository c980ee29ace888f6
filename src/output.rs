//! Files and directories that commands write.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use gradus::data::{AtomicFile, STANDARD_INPUT, STANDARD_OUTPUT};
use gradus_files::{is_same_file, is_standard_input};

use crate::cli::PageArgs;
use crate::failure::Usage;
use crate::{elsewhere, show};

/// What a command writes to a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Content {
    Records,
    Markdown,
    Html,
    Csv,
}

impl Content {
    /// What it is called, and the endings that a file of it may have.
    const fn known(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Records => (
                "records are written as JSONL or, by that ending, as Parquet",
                &["jsonl", "ndjson", "json", "parquet"],
            ),
            Self::Markdown => ("this file is Markdown", &["md", "markdown", "txt"]),
            Self::Html => ("this file is a page of HTML", &["html", "htm"]),
            Self::Csv => ("this file is comma-separated values", &["csv"]),
        }
    }
}

/// Opens `path` for writing; `-` is standard output. An existing file is replaced only with
/// `overwrite`, and never if it is one of `inputs` or in an input directory.
pub(crate) fn create(
    path: &Path,
    content: Content,
    overwrite: bool,
    inputs: &[&Path],
) -> Result<AtomicFile> {
    check_file(path, content)?;
    create_named(path, overwrite, inputs)
}

/// As [`create`], for a name that is made of that of an input.
pub(crate) fn create_named(path: &Path, overwrite: bool, inputs: &[&Path]) -> Result<AtomicFile> {
    for input in inputs {
        refuse_input(path, input)?;
    }
    Ok(if overwrite {
        AtomicFile::create(path)?
    } else {
        AtomicFile::create_new(path)?
    })
}

/// Opens the page that a command writes beside what it prints: before anything is computed, so that an unwritable one is
/// an error at once.
pub(crate) fn page(args: &PageArgs, inputs: &[&Path]) -> Result<Option<AtomicFile>> {
    let Some(path) = &args.html else {
        return Ok(None);
    };
    if path == Path::new(STANDARD_OUTPUT) {
        return Err(Usage::new("--html: found `-`, expected a file to write").into());
    }
    create(path, Content::Html, args.overwrite, inputs).map(Some)
}

/// Writes a page.
pub(crate) fn write_page(mut file: AtomicFile, page: &str) -> Result<()> {
    file.write_all(page.as_bytes())?;
    let written = format!("report written: {}", file.path().display());
    file.commit()?;
    show::status(&written);
    Ok(())
}

/// Refuses an output that is an input, or lies in a directory that is one.
pub(crate) fn refuse_input(output: &Path, input: &Path) -> Result<()> {
    let is_input = if input == Path::new(STANDARD_INPUT) {
        is_standard_input(output)?
    } else if input.is_dir() {
        let mut entries = fs_err::read_dir(input)?;
        entries.any(|entry| entry.is_ok_and(|entry| is_same_file(output, &entry.path())))
    } else {
        is_same_file(output, input)
    };
    if !is_input {
        return Ok(());
    }
    let (output, input) = (output.display(), input.display());
    Err(Usage::new(format!(
        "{output}: found the input `{input}`, expected another file to write to"
    ))
    .with_hint("choose another file; an input is never overwritten")
    .into())
}

/// Refuses a file of another place, and one whose name says that it holds something else.
pub(crate) fn check_file(path: &Path, content: Content) -> Result<(), Usage> {
    elsewhere::refuse_output(path)?;
    if path.to_string_lossy().ends_with(std::path::is_separator) {
        return Err(Usage::new(format!(
            "{}: found a directory, as the path ends in `{}`, expected a file",
            path.display(),
            std::path::MAIN_SEPARATOR
        ))
        .with_hint("name a file, such as one in this directory"));
    }
    // A device or a pipe is called as its maker likes.
    if path.exists() && !path.is_file() {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let bare = match name.rsplit_once('.') {
        Some((bare, ending)) if ending.eq_ignore_ascii_case("gz") => bare,
        _ => &name,
    };
    let is_compressed = bare.len() < name.len();
    let Some(ending) = ending(bare) else {
        return Ok(());
    };
    let (what, known) = content.known();
    let is_parquet = content == Content::Records && ending == "parquet";
    // Compression by zstd has a message of its own.
    if ending == "zst" || (known.contains(&ending.as_str()) && !(is_parquet && is_compressed)) {
        return Ok(());
    }
    // As it is written, with its dot.
    let found = &name[bare.len() - ending.len() - 1..];
    let known: Vec<String> = known.iter().map(|known| format!(".{known}")).collect();
    let compressed = if content == Content::Records {
        "each but .parquet"
    } else {
        "each"
    };
    Err(Usage::new(format!(
        "{}: found the ending {found}, expected {} ({compressed} also with .gz), or none",
        path.display(),
        known.join(", "),
    ))
    .with_hint(format!(
        "{what}: name the file so, and let another program convert it"
    )))
}

/// Endings of files, which a new directory with one would be taken for.
const FILES: [&str; 21] = [
    "jsonl",
    "ndjson",
    "json",
    "parquet",
    "csv",
    "tsv",
    "gz",
    "zst",
    "bz2",
    "xz",
    "zip",
    "tar",
    "tgz",
    "html",
    "md",
    "toml",
    "safetensors",
    "bin",
    "pt",
    "onnx",
    "gguf",
];

/// Refuses a directory of another place, a file in its place, and a new directory that is called like a file.
pub(crate) fn check_directory(path: &Path) -> Result<(), Usage> {
    elsewhere::refuse_output(path)?;
    if let Some(file) = path.ancestors().find(|part| part.is_file()) {
        return Err(Usage::new(format!(
            "{}: found a file, expected a directory",
            file.display()
        ))
        .with_hint("name a directory: several files are written into it"));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let ending = ending(&name).filter(|ending| FILES.contains(&ending.as_str()));
    let Some(ending) = ending.filter(|_| !path.exists()) else {
        return Ok(());
    };
    Err(Usage::new(format!(
        "{}: found the ending .{ending} of a file, expected a directory",
        path.display()
    ))
    .with_hint("name a directory: several files are written into it"))
}

/// The ending of a name in lower case, if it looks like that of a format: `a.jsonl` has one, `run-0.5` has none.
fn ending(name: &str) -> Option<String> {
    let (stem, ending) = name.rsplit_once('.')?;
    let is_format = ending.len() <= 11
        && ending.starts_with(|first: char| first.is_ascii_alphabetic())
        && ending.chars().all(|char| char.is_ascii_alphanumeric());
    (is_format && !stem.is_empty()).then(|| ending.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, content: Content) -> Option<String> {
        let refused = check_file(Path::new(name), content).err();
        refused.map(|error| error.to_string())
    }

    #[test]
    fn a_file_is_named_after_what_it_holds() {
        for name in [
            "-",
            "a",
            "a.jsonl",
            "a.JSONL.gz",
            "a.jsonl.GZ",
            "a.Parquet",
            ".GZ",
            "b/a.ndjson",
            "a.json",
            "a.parquet",
            "scores-0.5",
            "a.jsonl.zst",
            ".hidden",
            "/dev/null",
        ] {
            assert_eq!(refused(name, Content::Records), None, "{name}");
        }
        for (name, content, found) in [
            ("a.csv", Content::Records, "`.csv`"),
            ("a.xlsx", Content::Records, "`.xlsx`"),
            ("a.arrow", Content::Records, "`.arrow`"),
            ("a.jsonl.bz2", Content::Records, "`.bz2`"),
            ("a.parquet.gz", Content::Records, "`.parquet.gz`"),
            ("a.PARQUET.Gz", Content::Records, "`.PARQUET.Gz`"),
            ("a.CSV", Content::Records, "`.CSV`"),
            ("a.html", Content::Markdown, "`.html`"),
            ("a.pdf", Content::Html, "`.pdf`"),
            ("a.xlsx", Content::Csv, "`.xlsx`"),
        ] {
            let message = refused(name, content).unwrap_or_default();
            let parts = [name, &found.replace('`', ""), "expected ."];
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
        let message = refused("a.csv", Content::Records).unwrap();
        assert!(
            message.contains(".jsonl, .ndjson, .json, .parquet"),
            "{message}"
        );
    }

    #[test]
    fn a_path_that_ends_in_a_slash_is_no_file() {
        for name in ["out/", "out.dir/", "a.jsonl/", "./"] {
            let message = refused(name, Content::Records).unwrap_or_default();
            let parts = [name, "found a directory", "expected a file"];
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
    }

    #[test]
    fn a_new_directory_is_not_named_like_a_file() {
        let place = tempfile::tempdir().unwrap();
        for name in ["out", "run-0.5", "model.v2", "out/"] {
            assert!(check_directory(&place.path().join(name)).is_ok(), "{name}");
        }
        let named = place.path().join("splits.jsonl");
        let message = check_directory(&named).unwrap_err().to_string();
        assert!(
            message.contains("splits.jsonl") && message.contains("a directory"),
            "{message}"
        );
        fs_err::create_dir(&named).unwrap();
        assert!(check_directory(&named).is_ok(), "it is there");
    }
}
