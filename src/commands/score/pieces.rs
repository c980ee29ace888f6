//! What of the inputs a run scores, and the files it writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::data::{DataError, STANDARD_INPUT, data_files, is_parquet_name};

use crate::cli::Shard;
use crate::failure::Usage;
use crate::records;

/// A part of the inputs that becomes one file.
#[derive(Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) input: PathBuf,
    /// Name of the output.
    pub(super) name: String,
    /// Row groups of the input that belong to it; all of them if `None`.
    pub(super) row_groups: Option<Vec<usize>>,
    /// Its rows, where they are known before they are read.
    pub(super) rows: Option<usize>,
    /// Its share of the input in bytes, to tell how far a run is.
    pub(super) bytes: u64,
}

/// The pieces of one shard, or of all inputs, in the order of the inputs.
///
/// Files go round: the first to shard 1, the next to shard 2. So do the row groups of a Parquet file that
/// has several: what of it belongs to a shard is one piece.
pub(super) fn pieces(inputs: &[PathBuf], shard: Option<Shard>) -> Result<Vec<Piece>> {
    let files = files(inputs)?;
    let mut pieces = Vec::new();
    let mut turn = 0;
    for file in &files {
        let groups = records::open(file)?.row_groups();
        let bytes = fs_err::metadata(file)?.len();
        let name = output_name(file)?;
        let rows = groups.as_ref().map(|groups| groups.iter().sum());
        let whole = Piece {
            input: file.clone(),
            name: name.clone(),
            row_groups: None,
            rows,
            bytes,
        };
        let (Some(shard), Some(groups)) = (shard, groups.filter(|groups| groups.len() > 1)) else {
            if shard.is_none_or(|shard| shard.has(turn)) {
                pieces.push(whole);
            }
            turn += 1;
            continue;
        };
        let own: Vec<usize> = (0..groups.len())
            .filter(|group| shard.has(turn + group))
            .collect();
        turn += groups.len();
        if own.is_empty() {
            continue;
        }
        let own_rows: usize = own.iter().map(|&group| groups[group]).sum();
        let share = own_rows as f64 / rows.unwrap_or(0).max(1) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of the bytes"
        )]
        let bytes = (bytes as f64 * share) as u64;
        let stem = name.strip_suffix(".parquet").unwrap_or(&name);
        pieces.push(Piece {
            input: file.clone(),
            name: format!("{stem}.{}.parquet", shard.label()),
            row_groups: Some(own),
            rows: Some(own_rows),
            bytes,
        });
    }
    refuse_equal_names(&pieces)?;
    Ok(pieces)
}

fn files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for input in inputs {
        if input == Path::new(STANDARD_INPUT) {
            return Err(Usage::new(
                "-: found standard input, expected files to score into a directory",
            )
            .with_hint("name the files, or write to one file")
            .into());
        }
        files.extend(data_files(input)?);
    }
    let first = &files[0];
    let other = files
        .iter()
        .find(|file| is_parquet_name(file) != is_parquet_name(first));
    if let Some(other) = other {
        return Err(DataError::MixedFiles {
            path: inputs[0].clone(),
            first: first.clone(),
            other: other.clone(),
        }
        .into());
    }
    Ok(files)
}

/// Outputs are called as their inputs; zstd is read and not written.
fn output_name(input: &Path) -> Result<String> {
    let name = input.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| {
        Usage::new(format!(
            "{}: found a name that is not Unicode, expected one",
            input.display()
        ))
    })?;
    Ok(name.strip_suffix(".zst").unwrap_or(name).to_owned())
}

fn refuse_equal_names(pieces: &[Piece]) -> Result<()> {
    let mut inputs: BTreeMap<&str, &Path> = BTreeMap::new();
    for piece in pieces {
        if let Some(first) = inputs.insert(&piece.name, &piece.input) {
            return Err(Usage::new(format!(
                "{}: found `{}`, which {} is called too, expected inputs with names of their own",
                piece.input.display(),
                piece.name,
                first.display()
            ))
            .with_hint("outputs are called as their inputs: score these into two directories")
            .into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(root: &Path, names: &[&str]) -> Vec<PathBuf> {
        let paths = names.iter().map(|name| root.join(name));
        let paths: Vec<PathBuf> = paths.collect();
        for path in &paths {
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "{\"prompt\":\"p\",\"response\":\"r\"}\n").unwrap();
        }
        paths
    }

    fn names(inputs: &[PathBuf], shard: Option<&str>) -> Vec<String> {
        let shard = shard.map(|text| text.parse().unwrap());
        let pieces = pieces(inputs, shard).unwrap();
        pieces.into_iter().map(|piece| piece.name).collect()
    }

    #[test]
    fn every_file_belongs_to_one_shard() {
        let directory = tempfile::tempdir().unwrap();
        let all = inputs(
            directory.path(),
            &["a.jsonl", "b.jsonl.zst", "c.jsonl.gz", "d.jsonl"],
        );
        // Told apart by content, so a plain file may have any of these names.
        assert_eq!(
            names(&all, None),
            ["a.jsonl", "b.jsonl", "c.jsonl.gz", "d.jsonl"]
        );
        assert_eq!(names(&all, Some("1/3")), ["a.jsonl", "d.jsonl"]);
        assert_eq!(names(&all, Some("2/3")), ["b.jsonl"]);
        assert!(names(&all, Some("5/6")).is_empty());
    }

    #[test]
    fn equal_names_and_mixtures_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let twice = inputs(directory.path(), &["a/x.jsonl", "b/x.jsonl"]);
        let message = pieces(&twice, None).unwrap_err().to_string();
        assert!(message.contains("b/x.jsonl: found `x.jsonl`"), "{message}");
        let mixed = inputs(directory.path(), &["c/x.jsonl", "c/y.parquet"]);
        let message = pieces(&mixed, None).unwrap_err().to_string();
        assert!(message.contains("expected files of one kind"), "{message}");
        let message = pieces(&["-".into()], None).unwrap_err().to_string();
        assert!(message.contains("standard input"), "{message}");
    }
}
