use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use gradus_files::{Existing, NewFile};

use super::{HEADER, MAGIC, TokenFileKey};
use crate::{DataError, Result, TokenizedExample};

/// Writes tokenized examples to a file, which appears under its name when it is complete.
///
/// Positions of the records wait in a temporary file beside it, so memory does not grow with their number.
#[derive(Debug)]
pub struct TokenFileWriter {
    path: PathBuf,
    file: BufWriter<NewFile>,
    /// The index, so far.
    positions: BufWriter<std::fs::File>,
    key: TokenFileKey,
    records: u64,
    /// Position of the next record.
    end: u64,
    record: Vec<u8>,
}

impl TokenFileWriter {
    /// Starts a file that replaces one at `path`, if there is one.
    ///
    /// # Errors
    /// [`DataError::Write`], for example for a directory that is missing.
    pub fn create(path: &Path, key: TokenFileKey) -> Result<Self> {
        let create = || {
            let mut file = BufWriter::new(NewFile::create(path, Existing::Replace)?);
            file.write_all(&MAGIC)?;
            file.write_all(&key)?;
            let beside = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            let positions = tempfile::tempfile_in(beside.unwrap_or(Path::new(".")))?;
            Ok((file, BufWriter::new(positions)))
        };
        let (file, positions) = create().map_err(|cause| failed(path, cause))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            positions,
            key,
            records: 0,
            end: HEADER,
            record: Vec::new(),
        })
    }

    /// Appends an example.
    ///
    /// # Errors
    /// [`DataError::Write`], for example on a full disk.
    pub fn write(&mut self, example: &TokenizedExample) -> Result<()> {
        self.append(example)
            .map_err(|cause| failed(&self.path, cause))
    }

    fn append(&mut self, example: &TokenizedExample) -> io::Result<()> {
        let mut record = std::mem::take(&mut self.record);
        record.clear();
        record = postcard::to_extend(example, record).map_err(io::Error::other)?;
        let checksum = crc32fast::hash(&record);
        record.extend(checksum.to_le_bytes());
        self.file.write_all(&record)?;
        self.positions.write_all(&self.end.to_le_bytes())?;
        self.end += record.len() as u64;
        self.records += 1;
        self.record = record;
        Ok(())
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`DataError::Write`].
    pub fn commit(self) -> Result<()> {
        let path = self.path.clone();
        self.finish().map_err(|cause| failed(&path, cause))
    }

    fn finish(mut self) -> io::Result<()> {
        self.positions.write_all(&self.end.to_le_bytes())?;
        let mut positions = self.positions.into_inner()?;
        io::Seek::rewind(&mut positions)?;
        let mut checksum = crc32fast::Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = io::Read::read(&mut positions, &mut buffer)?;
            if count == 0 {
                break;
            }
            checksum.update(&buffer[..count]);
            self.file.write_all(&buffer[..count])?;
        }
        checksum.update(&self.key);
        let numbers = [self.records.to_le_bytes(), self.end.to_le_bytes()].concat();
        checksum.update(&numbers);
        self.file.write_all(&numbers)?;
        self.file.write_all(&checksum.finalize().to_le_bytes())?;
        self.file.write_all(&MAGIC)?;
        self.file.into_inner()?.publish()
    }
}

fn failed(path: &Path, cause: io::Error) -> DataError {
    DataError::Write {
        path: path.to_owned(),
        cause,
    }
}
