use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{CHECKSUM, FOOTER, HEADER, MAGIC, POSITION, TokenFileKey};
use crate::{DataError, ExampleSource, Result, TokenizedExample};

/// Tokenized examples that are read from a file when they are needed, as written by
/// [`TokenFileWriter`](crate::TokenFileWriter).
///
/// No record and no position is kept in memory. The file is read with seeks instead of being mapped: a file that
/// another program cuts off is then an error, not a signal that ends the process.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    file: Mutex<File>,
    records: u64,
    /// Position of the index.
    index: u64,
}

impl TokenFile {
    /// Opens a file and checks every byte of it.
    ///
    /// # Errors
    /// [`DataError::Io`] if it cannot be opened; [`DataError::TokenFile`] if it is damaged, of another format, or has
    /// another key.
    pub fn open(path: &Path, key: TokenFileKey) -> Result<Self> {
        let file = fs_err::File::open(path)?.into_parts().0;
        let refused = |reason: String| DataError::TokenFile {
            path: path.to_owned(),
            reason,
        };
        let read = |cause: io::Error| refused(cause.to_string());
        let length = file.metadata().map_err(read)?.len();
        let mut file = BufReader::with_capacity(1 << 16, file);
        let footer = Footer::read(&mut file, length)
            .map_err(read)?
            .ok_or_else(|| refused("found no file of tokens, or one that is cut off".into()))?;
        file.rewind().map_err(read)?;
        let mut header = [0; 8 + 32];
        file.read_exact(&mut header).map_err(read)?;
        if header[..8] != MAGIC {
            return Err(refused("found another format".into()));
        }
        if header[8..] != key {
            return Err(refused("found tokens of other data or settings".into()));
        }
        if let Some(damage) = footer.damage(&mut file, key).map_err(read)? {
            return Err(refused(damage));
        }
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(file.into_inner()),
            records: footer.records,
            index: footer.index,
        })
    }

    fn record(&self, index: usize) -> io::Result<Vec<u8>> {
        // A panic elsewhere leaves no state behind: every read seeks first.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.index + index as u64 * POSITION))?;
        let [mut start, mut end] = [[0; 8]; 2];
        file.read_exact(&mut start)?;
        file.read_exact(&mut end)?;
        let (start, end) = (u64::from_le_bytes(start), u64::from_le_bytes(end));
        let length = end.checked_sub(start).filter(|_| end <= self.index);
        let length = length.ok_or_else(|| io::Error::other("its position is wrong"))?;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        (&mut *file).take(length).read_to_end(&mut bytes)?;
        drop(file);
        if bytes.len() as u64 == length && is_whole(&bytes) {
            bytes.truncate(bytes.len().saturating_sub(4));
            return Ok(bytes);
        }
        Err(io::Error::other("its checksum is wrong"))
    }
}

impl ExampleSource for TokenFile {
    fn len(&self) -> usize {
        usize::try_from(self.records).unwrap_or(usize::MAX)
    }

    fn get(&self, index: usize) -> Result<Cow<'_, TokenizedExample>> {
        let example = self.record(index).and_then(|record| {
            postcard::from_bytes::<TokenizedExample>(&record).map_err(io::Error::other)
        });
        match example {
            Ok(example) => Ok(Cow::Owned(example)),
            Err(cause) => Err(DataError::TokenFile {
                path: self.path.clone(),
                reason: format!("record {}: {cause}", index + 1),
            }),
        }
    }
}

/// Whether the last bytes are the checksum of those before.
fn is_whole(bytes: &[u8]) -> bool {
    bytes
        .split_last_chunk()
        .is_some_and(|(record, checksum)| crc32fast::hash(record).to_le_bytes() == *checksum)
}

struct Footer {
    records: u64,
    /// Position of the index.
    index: u64,
    checksum: u32,
}

impl Footer {
    /// `None` if the end of the file is no footer.
    fn read(file: &mut (impl Read + Seek), length: u64) -> io::Result<Option<Self>> {
        let Some(start) = length.checked_sub(FOOTER).filter(|start| *start >= HEADER) else {
            return Ok(None);
        };
        file.seek(SeekFrom::Start(start))?;
        let [mut records, mut index, mut magic] = [[0; 8]; 3];
        let mut checksum = [0; 4];
        for field in [&mut records[..], &mut index, &mut checksum, &mut magic] {
            file.read_exact(field)?;
        }
        let footer = Self {
            records: u64::from_le_bytes(records),
            index: u64::from_le_bytes(index),
            checksum: u32::from_le_bytes(checksum),
        };
        let positions = footer.records.checked_add(1);
        let end =
            positions.and_then(|count| count.checked_mul(POSITION)?.checked_add(footer.index));
        Ok((magic == MAGIC && footer.index >= HEADER && end == Some(start)).then_some(footer))
    }

    /// What is wrong with index and records, if anything.
    fn damage(
        &self,
        file: &mut (impl Read + Seek),
        key: TokenFileKey,
    ) -> io::Result<Option<String>> {
        let mut positions = Positions::new(self.index);
        let mut checksum = crc32fast::Hasher::new();
        let mut record = Vec::new();
        let mut at = HEADER;
        for number in 0..=self.records {
            let position = positions.next(file, &mut at)?;
            checksum.update(&position.to_le_bytes());
            let Some(length) = position.checked_sub(at).filter(|_| position <= self.index) else {
                return Ok(Some(format!(
                    "the position of record {} is wrong",
                    number + 1
                )));
            };
            if number == 0 {
                if length > 0 {
                    return Ok(Some("the position of record 1 is wrong".into()));
                }
                continue;
            }
            record.clear();
            file.take(length).read_to_end(&mut record)?;
            at = position;
            if length < CHECKSUM || !is_whole(&record) {
                return Ok(Some(format!("the checksum of record {number} is wrong")));
            }
        }
        checksum.update(&key);
        checksum.update(&self.records.to_le_bytes());
        checksum.update(&self.index.to_le_bytes());
        if at != self.index || checksum.finalize() != self.checksum {
            return Ok(Some("the checksum of the index is wrong".into()));
        }
        Ok(None)
    }
}

/// The positions of the index in order, a few thousand in memory at a time.
struct Positions {
    /// Where the next ones are read.
    next: u64,
    /// Those read and not yet given, the first one last.
    read: Vec<u64>,
}

impl Positions {
    const AT_ONCE: u64 = 4096;

    fn new(index: u64) -> Self {
        Self {
            next: index,
            read: Vec::new(),
        }
    }

    /// The next position; the file then stands at `at` again.
    fn next(&mut self, file: &mut (impl Read + Seek), at: &mut u64) -> io::Result<u64> {
        if self.read.is_empty() {
            file.seek(SeekFrom::Start(self.next))?;
            let mut bytes = Vec::new();
            file.take(Self::AT_ONCE * POSITION)
                .read_to_end(&mut bytes)?;
            self.next += bytes.len() as u64;
            let positions = bytes.chunks_exact(8).rev().map(|bytes| {
                let mut position = [0; 8];
                position.copy_from_slice(bytes);
                u64::from_le_bytes(position)
            });
            self.read = positions.collect();
            file.seek(SeekFrom::Start(*at))?;
        }
        self.read
            .pop()
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
