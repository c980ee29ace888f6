use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::FirstPlaces;
use super::data_files::data_files;
use crate::{ColumnMap, DataError, Example, ExampleReader, ReadLimits, Result, STANDARD_INPUT};

/// The examples of a [`RecordSet`], in order.
pub type RecordIter<'a> = Box<dyn Iterator<Item = Result<Cow<'a, Example>>> + 'a>;

/// Examples that can be gone through as often as needed: in memory, or in files that are read anew each time.
pub trait RecordSet: fmt::Debug + Sync {
    /// All examples, from the first on. They must be the same every time.
    ///
    /// # Errors
    /// If they cannot be read.
    fn records(&self) -> Result<RecordIter<'_>>;
}

impl RecordSet for [Example] {
    fn records(&self) -> Result<RecordIter<'_>> {
        Ok(Box::new(
            self.iter().map(|example| Ok(Cow::Borrowed(example))),
        ))
    }
}

/// The examples of files, which are read anew each time; one record is in memory at a time.
///
/// Ids are not compared: two records may have the same.
#[derive(Debug, Clone)]
pub struct StoredRecords {
    path: PathBuf,
    limits: ReadLimits,
    columns: ColumnMap,
    files: Vec<StoredFile>,
    digest: OnceLock<String>,
}

/// A file as it was found at first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StoredFile {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl StoredRecords {
    /// The records of a file, a directory or a pattern; `None` if one of the files can be read only once, as
    /// standard input or a pipe.
    ///
    /// # Errors
    /// Those of [`data_files`]; [`DataError::Io`] if a file is missing.
    pub fn find(path: &Path, limits: ReadLimits, columns: ColumnMap) -> Result<Option<Self>> {
        Ok(stored_files(path)?.map(|files| Self {
            path: path.to_owned(),
            limits,
            columns,
            files,
            digest: OnceLock::new(),
        }))
    }

    /// The path that names the files.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the files in bytes, as they are stored.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The files in their order.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// A reader at the first record.
    ///
    /// # Errors
    /// Those of [`ExampleReader::open_within`] and [`ExampleReader::with_columns`]; [`DataError::Changed`] if the
    /// files are not as they were found.
    pub fn reader(&self) -> Result<ExampleReader> {
        self.check()?;
        ExampleReader::open_within(&self.path, self.limits)?.with_columns(self.columns.clone())
    }

    /// SHA-256 in hexadecimal of everything that the records depend on: the bytes of the files and their order, the
    /// limits and the column map. Calls `on_bytes` with the number of bytes behind each part. The files are read once;
    /// later calls only look whether they are as they were found.
    ///
    /// # Errors
    /// [`DataError::Io`] if a file cannot be read, [`DataError::Changed`].
    pub fn digest(&self, mut on_bytes: impl FnMut(u64)) -> Result<String> {
        self.check()?;
        if let Some(digest) = self.digest.get() {
            return Ok(digest.clone());
        }
        let mut hasher = Sha256::new();
        let ReadLimits {
            max_line_bytes,
            max_text_bytes,
        } = self.limits;
        let settings = format!("{max_line_bytes} {max_text_bytes} {}", self.columns);
        for text in [settings.as_bytes(), &self.files.len().to_le_bytes()] {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        }
        let mut buffer = vec![0; 1 << 18];
        for stored in &self.files {
            hasher.update(stored.bytes.to_le_bytes());
            let mut file = fs_err::File::open(&stored.path)?;
            loop {
                let count = std::io::Read::read(&mut file, &mut buffer)?;
                if count == 0 {
                    break;
                }
                hasher.update(&buffer[..count]);
                on_bytes(count as u64);
            }
        }
        self.check()?;
        let digest = crate::text::in_hexadecimal(&hasher.finalize());
        Ok(self.digest.get_or_init(|| digest).clone())
    }

    /// Refuses records with the same id, after a pass over all of them has collected `ids`.
    ///
    /// # Errors
    /// [`DataError::DuplicateId`], and those of reading the records once more, which happens only if two ids are
    /// suspected to be equal.
    pub fn refuse_repeated(&self, ids: IdHashes) -> Result<()> {
        let repeated = ids.repeated();
        if repeated.is_empty() {
            return Ok(());
        }
        let mut places = FirstPlaces::default();
        let mut reader = self.reader()?;
        while let Some(example) = reader.next() {
            let example = example?;
            if repeated.contains(&hash(&example.id)) {
                places.add(&example.id, reader.location())?;
            }
        }
        Ok(())
    }

    /// Refuses files that are not as they were found: other ones, or of another size or time.
    ///
    /// # Errors
    /// [`DataError::Changed`], [`DataError::Io`].
    pub fn check(&self) -> Result<()> {
        if stored_files(&self.path)?.as_ref() == Some(&self.files) {
            return Ok(());
        }
        Err(DataError::Changed {
            path: self.path.clone(),
        })
    }
}

impl RecordSet for StoredRecords {
    fn records(&self) -> Result<RecordIter<'_>> {
        let mut reader = self.reader()?;
        let mut is_over = false;
        Ok(Box::new(std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let example = reader.next();
            is_over = !matches!(example, Some(Ok(_)));
            match example {
                Some(example) => Some(example.map(Cow::Owned)),
                // What was read came from the files as they were found.
                None => self.check().err().map(Err),
            }
        })))
    }
}

/// The ids of a data set, as a hash of eight bytes each.
#[derive(Debug, Clone, Default)]
pub struct IdHashes(Vec<u64>);

impl IdHashes {
    /// Adds an id.
    pub fn add(&mut self, id: &str) {
        self.0.push(hash(id));
    }

    /// The hashes that were added more than once.
    fn repeated(mut self) -> HashSet<u64> {
        self.0.sort_unstable();
        let pairs = self.0.windows(2).filter(|pair| pair[0] == pair[1]);
        pairs.map(|pair| pair[0]).collect()
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// The regular files at a path; `None` if one is no regular file.
fn stored_files(path: &Path) -> Result<Option<Vec<StoredFile>>> {
    if path == Path::new(STANDARD_INPUT) {
        return Ok(None);
    }
    let mut files = Vec::new();
    for path in data_files(path)? {
        let metadata = fs_err::metadata(&path)?;
        if !metadata.is_file() {
            return Ok(None);
        }
        files.push(StoredFile {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            path,
        });
    }
    Ok(Some(files))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &Path) -> StoredRecords {
        StoredRecords::find(path, ReadLimits::default(), ColumnMap::default())
            .unwrap()
            .unwrap()
    }

    #[test]
    fn records_come_from_the_start_each_time() {
        let directory = tempfile::tempdir().unwrap();
        for (name, prompt) in [("a.jsonl", "p"), ("b.jsonl", "q")] {
            let line =
                format!("{{\"id\":\"{prompt}\",\"prompt\":\"{prompt}\",\"response\":\"r\"}}\n");
            fs_err::write(directory.path().join(name), line).unwrap();
        }
        let stored = find(directory.path());
        for _ in 0..2 {
            let records = stored.records().unwrap();
            let prompts: Vec<String> = records.map(|r| r.unwrap().prompt.clone()).collect();
            assert_eq!(prompts, ["p", "q"]);
        }
        assert_eq!(stored.files().count(), 2);
    }

    #[test]
    fn a_digest_sees_bytes_order_and_settings() {
        let directory = tempfile::tempdir().unwrap();
        let [one, two] = ["a.jsonl", "b.jsonl"].map(|name| directory.path().join(name));
        fs_err::write(&one, "xy").unwrap();
        fs_err::write(&two, "z").unwrap();
        let digest = |stored: &StoredRecords| stored.digest(|_| ()).unwrap();
        let found = find(directory.path());
        let first = digest(&found);
        assert_eq!(first, digest(&find(directory.path())));
        let columns = "prompt=question".parse().unwrap();
        let mapped = StoredRecords::find(directory.path(), ReadLimits::default(), columns);
        assert_ne!(first, digest(&mapped.unwrap().unwrap()));
        fs_err::write(&one, "x").unwrap();
        fs_err::write(&two, "yz").unwrap();
        assert_ne!(
            first,
            digest(&find(directory.path())),
            "the same bytes, parted elsewhere"
        );
        let error = found.digest(|_| ()).unwrap_err();
        assert!(matches!(error, DataError::Changed { .. }), "{error}");
        assert!(found.reader().is_err());
    }

    #[test]
    fn an_id_that_occurs_twice_is_named_with_both_places() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.jsonl");
        let line = |id: &str| format!("{{\"id\":\"{id}\",\"prompt\":\"p\",\"response\":\"r\"}}\n");
        let check = |ids: &[&str]| {
            fs_err::write(&path, ids.iter().map(|id| line(id)).collect::<String>()).unwrap();
            let mut hashes = IdHashes::default();
            for id in ids {
                hashes.add(id);
            }
            find(&path).refuse_repeated(hashes)
        };
        check(&["a", "b", "c"]).unwrap();
        let error = check(&["a", "b", "c", "b"]).unwrap_err();
        let DataError::DuplicateId { id, first_line, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((id.as_str(), *first_line), ("b", 2), "{error}");
    }

    #[test]
    fn what_can_be_read_once_is_no_stored_set() {
        let limits = ReadLimits::default();
        let find = |path| StoredRecords::find(Path::new(path), limits, ColumnMap::default());
        assert!(find(STANDARD_INPUT).unwrap().is_none());
        assert!(find("/no/such/file.jsonl").is_err());
    }
}
