//! The bytes of pages, unpacked into memory that is used again.
//!
//! The library takes fresh memory for every page, which the system has to clear first: as much work as unpacking
//! it. So pages of zstd, of which most files are, are unpacked here and look to the library as if they never were packed.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::page_buffers::{Ahead, Buffer, Buffers, Packed, SMALL, lock};

/// Larger pages are not unpacked ahead of time, so that there is little of what nobody counts yet.
const MOST_AHEAD: usize = 2 << 20;

/// A file from which the library reads pages.
pub(super) struct PageSource {
    file: Arc<File>,
    buffers: Buffers,
    next: Mutex<Option<Packed>>,
    ahead: Mutex<Option<Ahead>>,
}

impl PageSource {
    pub(super) fn new(file: Arc<File>, buffers: Buffers) -> Self {
        Self {
            file,
            buffers,
            next: Mutex::new(None),
            ahead: Mutex::new(None),
        }
    }

    /// Says that the page at this place is to be handed out unpacked.
    pub(super) fn unpack_next(&self, page: Packed) {
        *lock(&self.next) = Some(page);
    }

    /// Whether pages may be unpacked ahead of time.
    pub(super) fn works_ahead(&self) -> bool {
        self.buffers.works_ahead()
    }

    /// Has a page of so many packed bytes unpacked while the one before is read.
    pub(super) fn unpack_ahead(&self, page: Packed, length: usize) {
        if (SMALL..=MOST_AHEAD).contains(&page.unpacked)
            && length <= MOST_AHEAD
            // What cannot be read is found out when it is the turn of the page.
            && let Ok(packed) = self.read(page.start, length)
        {
            *lock(&self.ahead) = self.buffers.unpack_ahead(packed, page);
        }
    }

    /// The page at this place, if it was unpacked ahead of time.
    fn take_ahead(&self, start: u64) -> Option<Result<Buffer>> {
        let ahead = lock(&self.ahead).take_if(|ahead| ahead.start == start);
        ahead?.page()
    }

    fn read(&self, start: u64, length: usize) -> Result<Buffer> {
        let mut buffer = self.buffers.take(length);
        let mut file = &*self.file;
        file.seek(SeekFrom::Start(start))?;
        let bytes = buffer.bytes_mut();
        let mut read = 0;
        while read < length {
            match file.read(&mut bytes[read..]) {
                Ok(0) => {
                    return Err(ParquetError::EOF(format!(
                        "Expected to read {length} bytes, read only {read}"
                    )));
                }
                Ok(more) => read += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(buffer)
    }
}

impl Length for PageSource {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for PageSource {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        self.file.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let next = lock(&self.next).take();
        let Some(page) = next.filter(|page| page.start == start) else {
            return Ok(Bytes::from_owner(self.read(start, length)?));
        };
        let unpacked = if let Some(unpacked) = self.take_ahead(start) {
            unpacked?
        } else {
            let packed = self.read(start, length)?;
            self.buffers.unpack(packed.as_ref(), page)?
        };
        Ok(Bytes::from_owner(unpacked))
    }
}
