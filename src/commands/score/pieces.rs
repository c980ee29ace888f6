//! What of the inputs a run scores, and the files it writes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::data::{
    DataError, ExampleReader, STANDARD_INPUT, Unfetched, data_files, is_elsewhere, is_parquet_name,
};
use gradus_files::create_directories;

use crate::cli::Shard;
use crate::elsewhere::{self, Listed, PartFile};
use crate::failure::Usage;
use crate::{records, show};

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
    /// The input, where it is of another place.
    pub(super) remote: Option<Remote>,
}

/// An input of another place: fetched when its turn comes, and not kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Remote {
    pub(super) listed: Listed,
    /// Where the row groups lie in the file, where not all of it is read.
    pub(super) ranges: Option<Vec<Range<u64>>>,
}

/// What is read of an input.
pub(super) struct Input {
    pub(super) reader: ExampleReader,
    /// A copy that is removed behind the reading.
    pub(super) copy: Option<PartFile>,
}

impl Piece {
    /// Opens the input; a copy of one of another place is made in `directory`.
    pub(super) fn open(&self, directory: &Path) -> Result<Input> {
        let (reader, copy) = match &self.remote {
            None => (records::open(&self.input)?, None),
            Some(Remote { listed, ranges }) => {
                show::status(&format!("fetching {}", listed.name));
                let copy = fetched(listed, ranges.as_deref(), directory);
                let copy = copy.map_err(|cause| DataError::Elsewhere {
                    path: self.input.clone(),
                    cause,
                })?;
                (records::open_file(&listed.name, &copy.path)?, Some(copy))
            }
        };
        let reader = match &self.row_groups {
            Some(groups) => reader.with_row_groups(groups),
            None => reader,
        };
        Ok(Input { reader, copy })
    }
}

fn fetched(
    listed: &Listed,
    ranges: Option<&[Range<u64>]>,
    directory: &Path,
) -> Result<PartFile, Unfetched> {
    let Some(ranges) = ranges else {
        return listed.fetch_once(directory);
    };
    let mut sparse = listed.fetch_footer(directory)?;
    for range in ranges {
        sparse.add(listed, range.clone())?;
    }
    Ok(sparse.part)
}

/// The pieces of one shard, or of all inputs, in the order of the inputs.
///
/// Files go round: the first to shard 1, the next to shard 2. So do the row groups of a Parquet file that
/// has several: what of it belongs to a shard is one piece.
pub(super) fn pieces(
    inputs: &[PathBuf],
    shard: Option<Shard>,
    directory: &Path,
) -> Result<Vec<Piece>> {
    let files = files(inputs)?;
    let mut pieces = Vec::new();
    let mut turn = 0;
    for (file, listed) in &files {
        let Groups {
            rows: groups,
            ranges,
            bytes,
        } = Groups::of(file, listed.as_ref(), shard, directory)?;
        let name = output_name(file)?;
        let rows = groups.as_ref().map(|groups| groups.iter().sum());
        let whole = Piece {
            input: file.clone(),
            name: name.clone(),
            row_groups: None,
            rows,
            bytes,
            remote: listed.clone().map(|listed| Remote {
                listed,
                ranges: None,
            }),
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
        let own_ranges =
            |ranges: &Vec<Range<u64>>| own.iter().map(|&group| ranges[group].clone()).collect();
        let ranges = ranges.as_ref().map(own_ranges);
        pieces.push(Piece {
            input: file.clone(),
            name: format!("{stem}.{}.parquet", shard.label()),
            row_groups: Some(own),
            rows: Some(own_rows),
            bytes,
            remote: listed.clone().map(|listed| Remote { listed, ranges }),
        });
    }
    refuse_equal_names(&pieces)?;
    Ok(pieces)
}

/// The row groups of a file, and its size.
struct Groups {
    /// Rows in every row group, where they are known before the file is read.
    rows: Option<Vec<usize>>,
    /// Where they lie.
    ranges: Option<Vec<Range<u64>>>,
    bytes: u64,
}

impl Groups {
    /// Of a file of another place the footer is fetched, and only where there are shards.
    fn of(
        file: &Path,
        listed: Option<&Listed>,
        shard: Option<Shard>,
        directory: &Path,
    ) -> Result<Self> {
        let Some(listed) = listed else {
            return Ok(Self {
                rows: records::open(file)?.row_groups(),
                ranges: None,
                bytes: fs_err::metadata(file)?.len(),
            });
        };
        let bytes = listed.bytes;
        if shard.is_none() || !is_parquet_name(file) {
            return Ok(Self {
                rows: None,
                ranges: None,
                bytes,
            });
        }
        create_directories(directory)?;
        let footer = listed.fetch_footer(directory);
        let footer = footer.map_err(|cause| DataError::Elsewhere {
            path: file.to_owned(),
            cause,
        })?;
        let reader = records::open_file(&listed.name, &footer.part.path)?;
        Ok(Self {
            rows: reader.row_groups(),
            ranges: reader.row_group_bytes(),
            bytes,
        })
    }
}

/// The files of the inputs, with what is known of those of another place.
fn files(inputs: &[PathBuf]) -> Result<Vec<(PathBuf, Option<Listed>)>> {
    let mut files: Vec<(PathBuf, Option<Listed>)> = Vec::new();
    for input in inputs {
        if input == Path::new(STANDARD_INPUT) {
            return Err(Usage::new(
                "-: found standard input, expected files to score into a directory",
            )
            .with_hint("name the files, or write to one file")
            .into());
        }
        if is_elsewhere(input) {
            let listing = elsewhere::list(input)?;
            let listed = listing.files.into_iter();
            files.extend(listed.map(|listed| (PathBuf::from(&listed.name), Some(listed))));
        } else {
            files.extend(data_files(input)?.into_iter().map(|file| (file, None)));
        }
    }
    let (first, _) = &files[0];
    let other = files
        .iter()
        .find(|(file, _)| is_parquet_name(file) != is_parquet_name(first));
    if let Some((other, _)) = other {
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
    Ok(match name.rsplit_once('.') {
        Some((bare, ending)) if ending.eq_ignore_ascii_case("zst") => bare,
        _ => name,
    }
    .to_owned())
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
        let pieces = pieces(inputs, shard, Path::new("")).unwrap();
        pieces.into_iter().map(|piece| piece.name).collect()
    }

    #[test]
    fn every_file_belongs_to_one_shard() {
        let directory = tempfile::tempdir().unwrap();
        let all = inputs(
            directory.path(),
            &["a.jsonl", "b.jsonl.ZST", "c.jsonl.gz", "d.jsonl"],
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
        let message = pieces(&twice, None, Path::new("")).unwrap_err().to_string();
        assert!(message.contains("b/x.jsonl: found `x.jsonl`"), "{message}");
        let mixed = inputs(directory.path(), &["c/x.jsonl", "c/y.parquet"]);
        let message = pieces(&mixed, None, Path::new("")).unwrap_err().to_string();
        assert!(message.contains("expected files of one kind"), "{message}");
        let message = pieces(&["-".into()], None, Path::new(""))
            .unwrap_err()
            .to_string();
        assert!(message.contains("standard input"), "{message}");
    }
}
