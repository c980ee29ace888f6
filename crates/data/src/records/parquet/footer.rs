//! Opening a file: its ends, its footer, and what it may claim.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::error::{Damage, guarded};
use super::magic::{ENCRYPTED, MAGIC};
use super::thrift::{Compact, LIST, STRUCT, wrong};
use crate::Result;

/// The longest footer that is read; of a file with a thousand row groups it is about a megabyte.
const MAX_FOOTER: u64 = 64 << 20;
/// Columns, and groups of columns; a footer may claim more than memory holds.
const MAX_ELEMENTS: u64 = 1 << 16;
/// How deep columns may lie in one another.
const MAX_DEPTH: usize = 64;

/// An open file and its footer.
pub(super) struct ParquetFile {
    pub(super) file: Arc<File>,
    pub(super) metadata: ParquetMetaData,
}

impl ParquetFile {
    /// `file` is Parquet by its first bytes.
    pub(super) fn open(path: &Path, mut file: File) -> Result<Self> {
        let footer = read_footer(&mut file).map_err(|damage| damage.of(path))?;
        check_footer(&footer).map_err(|cause| {
            let found = match cause.kind() {
                io::ErrorKind::UnexpectedEof => "it ends early".to_owned(),
                _ => cause.to_string(),
            };
            Damage::new(format!("the footer cannot be read: {found}")).of(path)
        })?;
        let metadata = guarded(|| ParquetMetaDataReader::decode_metadata(&footer))
            .map_err(|damage| damage.of(path))?;
        Ok(Self {
            file: Arc::new(file),
            metadata,
        })
    }

    /// What the writer noted under `key`.
    pub(super) fn note(&self, key: &str) -> Option<&str> {
        let notes = self.metadata.file_metadata().key_value_metadata()?;
        let note = notes.iter().find(|note| note.key == key)?;
        note.value.as_deref()
    }
}

fn read_footer(file: &mut File) -> Result<Vec<u8>, Damage> {
    let length = file.seek(SeekFrom::End(0))?;
    if length < 12 {
        return Err(Damage::new(format!(
            "found {length} bytes, expected a header and a footer: the file is cut off"
        )));
    }
    let mut tail = [0; 8];
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut tail)?;
    let (size, magic) = tail.split_at(4);
    if magic == ENCRYPTED {
        return Err(
            Damage::new("the footer is encrypted, expected one in the clear")
                .with_hint("write the file again without encryption"),
        );
    }
    if magic != MAGIC {
        return Err(Damage::new(format!(
            "found {} at the end, expected \"PAR1\": the file is cut off, or more was written behind it",
            magic.escape_ascii()
        )));
    }
    let size = u64::from(u32::from_le_bytes([size[0], size[1], size[2], size[3]]));
    if size > length - 12 {
        return Err(Damage::new(format!(
            "the footer claims {size} bytes, of a file of {length}"
        )));
    }
    if size > MAX_FOOTER {
        return Err(Damage::new(format!(
            "found a footer of {size} bytes, expected at most {MAX_FOOTER}"
        ))
        .with_hint("write the data to several files, with fewer columns and row groups in each"));
    }
    let start = length - 8 - size;
    file.seek(SeekFrom::Start(start))?;
    let mut footer = Vec::new();
    let read = file.by_ref().take(size).read_to_end(&mut footer)?;
    if read as u64 != size {
        return Err(Damage::new("the file was cut off while it was read"));
    }
    Ok(footer)
}

/// Walks over the footer: what it claims has to be there, and columns may not lie too deep.
fn check_footer(footer: &[u8]) -> io::Result<()> {
    const SCHEMA: i64 = 2;
    let mut compact = Compact::new(footer);
    let mut last = 0;
    while let Some((field, kind)) = compact.field(&mut last)? {
        if field == SCHEMA && kind == LIST {
            check_schema(&children(&mut compact)?)?;
        } else {
            compact.skip(kind)?;
        }
    }
    Ok(())
}

/// The number of children of every element of the schema, in the order of the tree.
fn children(compact: &mut Compact<&[u8]>) -> io::Result<Vec<u64>> {
    const NUM_CHILDREN: i64 = 5;
    let (length, kind) = compact.list()?;
    if kind != STRUCT || length > MAX_ELEMENTS {
        return Err(wrong(format!(
            "found a schema of {length} columns and groups, expected at most {MAX_ELEMENTS}"
        )));
    }
    let mut all = Vec::new();
    for _ in 0..length {
        let mut children = 0;
        let mut last = 0;
        while let Some((field, kind)) = compact.field(&mut last)? {
            if field == NUM_CHILDREN && (4..=6).contains(&kind) {
                let count = compact.number()?;
                children = u64::try_from(count)
                    .map_err(|_| wrong(format!("a group of {count} columns")))?;
            } else {
                compact.skip(kind)?;
            }
        }
        all.push(children);
    }
    Ok(all)
}

fn check_schema(children: &[u64]) -> io::Result<()> {
    // Columns that the groups on the way to the element still wait for.
    let mut open: Vec<u64> = Vec::new();
    for (index, &count) in children.iter().enumerate() {
        if index > 0 {
            while open.last() == Some(&0) {
                open.pop();
            }
            let Some(waiting) = open.last_mut() else {
                return Err(wrong("columns that belong to no group"));
            };
            *waiting -= 1;
        }
        if count > children.len() as u64 {
            return Err(wrong(format!("a group that claims {count} columns")));
        }
        open.push(count);
        if open.len() > MAX_DEPTH {
            return Err(wrong(format!(
                "columns lie more than {MAX_DEPTH} groups deep"
            )));
        }
    }
    if open.iter().any(|&waiting| waiting > 0) {
        return Err(wrong("a group that claims more columns than there are"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_has_as_many_columns_as_it_claims_and_no_abyss() {
        for good in [&[0][..], &[2, 0, 0], &[2, 1, 0, 0], &[1, 1, 2, 0, 0]] {
            assert!(check_schema(good).is_ok(), "{good:?}");
        }
        let deep = [&[1; 70][..], &[0]].concat();
        for (bad, found) in [
            (&[2, 0][..], "more columns than there are"),
            (&[1, 0, 0], "no group"),
            (&[1, 9_000_000], "claims 9000000"),
            (&deep, "64 groups deep"),
        ] {
            let error = check_schema(bad).unwrap_err().to_string();
            assert!(error.contains(found), "{error}");
        }
    }
}
