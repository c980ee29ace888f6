//! Memory of pages, which is used again, and what unpacks pages into it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use parquet::errors::{ParquetError, Result};
use zstd::bulk::Decompressor;

/// Smaller pieces of memory are left to the allocator.
pub(super) const SMALL: usize = 1 << 16;
/// Sizes are rounded up to a multiple of this, so that the next page of a column fits where the one before was.
const ROUND: usize = 1 << 16;
/// Bytes of free buffers that are kept.
const MOST_FREE: usize = 32 << 20;
/// Most pages that are unpacked ahead of time, of all columns.
const MOST_AHEAD: usize = 16;

/// Memory and decompressors that wait for the next page, of all columns.
#[derive(Clone, Default)]
pub(super) struct Buffers(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    memory: Mutex<Vec<Vec<u8>>>,
    unpackers: Mutex<Vec<Decompressor<'static>>>,
    /// Whether a thread may unpack pages ahead of time.
    is_ahead: AtomicBool,
    /// The thread, from the first such page on, and how many of them there are.
    thread: OnceLock<Option<Sender<Job>>>,
    pages_ahead: AtomicUsize,
}

/// Where a page of zstd is.
#[derive(Clone, Copy)]
pub(super) struct Packed {
    pub(super) start: u64,
    /// Bytes ahead of what is packed.
    pub(super) levels: usize,
    /// Bytes in all once it is unpacked.
    pub(super) unpacked: usize,
}

/// A page to unpack, and who waits for it.
struct Job {
    packed: Buffer,
    page: Packed,
    buffers: Buffers,
    done: SyncSender<Result<Buffer>>,
}

impl Buffers {
    /// Unpacks pages ahead of time from now on.
    pub(super) fn work_ahead(&self) {
        self.0.is_ahead.store(true, Ordering::Relaxed);
    }

    /// Whether one more page may be unpacked ahead of time.
    pub(super) fn works_ahead(&self) -> bool {
        self.0.is_ahead.load(Ordering::Relaxed)
            && self.0.pages_ahead.load(Ordering::Relaxed) < MOST_AHEAD
    }

    /// Has a page unpacked by a thread; `None` where there is no core for one.
    pub(super) fn unpack_ahead(&self, packed: Buffer, page: Packed) -> Option<Ahead> {
        let thread = self.0.thread.get_or_init(start_thread).as_ref()?;
        let (done, result) = sync_channel(1);
        let buffers = self.clone();
        let job = Job {
            packed,
            page,
            buffers,
            done,
        };
        thread.send(job).ok()?;
        self.0.pages_ahead.fetch_add(1, Ordering::Relaxed);
        Some(Ahead {
            start: page.start,
            result,
            buffers: self.clone(),
        })
    }

    pub(super) fn unpack(&self, packed: &[u8], page: Packed) -> Result<Buffer> {
        let Packed {
            levels, unpacked, ..
        } = page;
        if levels > packed.len() || levels > unpacked {
            return Err(ParquetError::General("Invalid page header".into()));
        }
        let mut buffer = self.take(unpacked);
        let (ahead, values) = buffer.bytes_mut().split_at_mut(levels);
        ahead.copy_from_slice(&packed[..levels]);
        // Nothing is what a page without a value may be packed into.
        if !values.is_empty() {
            let found = self.unpack_values(&packed[levels..], values)?;
            if found != values.len() {
                return Err(ParquetError::General(format!(
                    "Actual decompressed size doesn't match the expected one ({} vs {unpacked})",
                    levels + found
                )));
            }
        }
        Ok(buffer)
    }

    pub(super) fn take(&self, length: usize) -> Buffer {
        let (bytes, home) = if length < SMALL {
            (vec![0; length], None)
        } else {
            let mut memory = lock(&self.0.memory);
            // The one that was used last lies in the processor's cache. One that is far larger is kept for larger pages.
            let fits = |free: &Vec<u8>| (length..=4 * length.max(ROUND)).contains(&free.len());
            let found = memory.iter().rposition(fits).map(|at| memory.remove(at));
            drop(memory);
            let bytes = found.unwrap_or_else(|| vec![0; length.next_multiple_of(ROUND)]);
            (bytes, Some(self.clone()))
        };
        Buffer {
            bytes,
            length,
            home,
        }
    }

    fn unpack_values(&self, packed: &[u8], into: &mut [u8]) -> Result<usize> {
        let waiting = lock(&self.0.unpackers).pop();
        let mut unpacker = match waiting {
            Some(unpacker) => unpacker,
            None => Decompressor::new()?,
        };
        let found = unpacker.decompress_to_buffer(packed, into)?;
        lock(&self.0.unpackers).push(unpacker);
        Ok(found)
    }

    fn give_back(&self, bytes: Vec<u8>) {
        let mut memory = lock(&self.0.memory);
        let free: usize = memory.iter().map(Vec::len).sum();
        if free + bytes.len() <= MOST_FREE {
            memory.push(bytes);
        }
    }
}

/// Memory of a page, which goes back when nobody reads the page any more.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    length: usize,
    home: Option<Buffers>,
}

impl Buffer {
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            home.give_back(std::mem::take(&mut self.bytes));
        }
    }
}

/// A page that is unpacked ahead of time.
pub(super) struct Ahead {
    pub(super) start: u64,
    result: Receiver<Result<Buffer>>,
    buffers: Buffers,
}

impl Ahead {
    /// The page; `None` if the thread has ended.
    pub(super) fn page(&self) -> Option<Result<Buffer>> {
        self.result.recv().ok()
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.buffers.0.pages_ahead.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Starts a thread that unpacks pages until nobody is there to send some.
fn start_thread() -> Option<Sender<Job>> {
    if thread::available_parallelism().map_or(1, usize::from) == 1 {
        return None;
    }
    let (send, jobs) = channel::<Job>();
    let run = move || {
        while let Ok(job) = jobs.recv() {
            let page = job.buffers.unpack(job.packed.as_ref(), job.page);
            // A reader that is gone wants nothing.
            let _ = job.done.send(page);
        }
    };
    let thread = thread::Builder::new().name("gradus-pages".into());
    // Without it every page is unpacked when it is its turn.
    thread.spawn(run).is_ok().then_some(send)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn memory_is_used_again_once_nobody_reads_it() {
        let buffers = Buffers::default();
        let first = buffers.take(SMALL + 2);
        let place = first.as_ref().as_ptr();
        assert_ne!(buffers.take(SMALL).as_ref().as_ptr(), place);
        let bytes = Bytes::from_owner(first);
        let part = bytes.slice(1..3);
        drop(bytes);
        assert_eq!(lock(&buffers.0.memory).len(), 1, "the other one");
        drop(part);
        let again = buffers.take(SMALL + 1);
        assert_eq!(again.as_ref().as_ptr(), place, "the one given back last");
        assert_eq!(again.as_ref().len(), SMALL + 1);
    }

    #[test]
    fn memory_that_is_kept_is_limited() {
        let buffers = Buffers::default();
        let all: Vec<Buffer> = (0..600).map(|_| buffers.take(ROUND)).collect();
        drop((all, buffers.take(2 * MOST_FREE), buffers.take(1)));
        let kept: usize = lock(&buffers.0.memory).iter().map(Vec::len).sum();
        assert_eq!(kept, MOST_FREE);
    }
}
