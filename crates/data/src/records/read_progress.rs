use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much of its files a reader has read; a copy of it follows the reader, on another thread too.
#[derive(Debug, Clone, Default)]
pub struct ReadProgress {
    read: Arc<AtomicU64>,
    /// Bytes of all files; 0 where that is not known, as of a stream.
    total: Arc<AtomicU64>,
    /// Records that are put together of what was read, of how many.
    made: Arc<AtomicU64>,
    to_make: Arc<AtomicU64>,
}

impl ReadProgress {
    /// For the files at these paths.
    pub(crate) fn of<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let progress = Self::default();
        progress.expect(paths);
        progress
    }

    /// Says which files are read; sizes that cannot be known leave the total unknown.
    pub(crate) fn expect<'a>(&self, paths: impl IntoIterator<Item = &'a PathBuf>) {
        let mut total: u64 = 0;
        for path in paths {
            match fs_err::metadata(path) {
                Ok(metadata) if metadata.is_file() => total = total.saturating_add(metadata.len()),
                _ => return,
            }
        }
        self.total.store(total, Ordering::Relaxed);
    }

    /// The share that is read, from 0 to 1; `None` where the size is not known.
    pub fn share(&self) -> Option<f64> {
        let total = self.total.load(Ordering::Relaxed);
        let read = self.bytes() as f64 / total as f64;
        (total > 0).then(|| read.min(1.0))
    }

    /// The share of the records that is put together, where that is done once all is read.
    pub fn made_share(&self) -> Option<f64> {
        let to_make = self.to_make.load(Ordering::Relaxed);
        let made = self.made.load(Ordering::Relaxed) as f64 / to_make as f64;
        (to_make > 0).then(|| made.min(1.0))
    }

    /// Says how many records are put together from now on.
    pub(crate) fn start_making(&self, records: usize) {
        self.made.store(0, Ordering::Relaxed);
        self.to_make.store(records as u64, Ordering::Relaxed);
    }

    /// One more record is put together.
    pub(crate) fn count_made(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, bytes: u64) {
        self.read.store(bytes, Ordering::Relaxed);
    }

    /// The source, whose bytes are counted as they are read.
    pub(crate) fn count<R>(&self, source: R) -> Counted<R> {
        Counted {
            source,
            read: self.read.clone(),
        }
    }
}

/// A source whose bytes are counted.
pub(crate) struct Counted<R> {
    source: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_of_the_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let paths = [directory.path().join("a"), directory.path().join("b")];
        fs_err::write(&paths[0], [0; 30]).unwrap();
        assert_eq!(ReadProgress::of(&paths).share(), None, "one is missing");
        fs_err::write(&paths[1], [0; 10]).unwrap();
        let progress = ReadProgress::of(&paths);
        assert_eq!(progress.share(), Some(0.0));
        let mut source = progress.count(&[1_u8; 20][..]);
        source.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(progress.clone().share(), Some(0.5));
        progress.set(40);
        assert_eq!(progress.share(), Some(1.0));
        assert_eq!(progress.made_share(), None);
        progress.start_making(4);
        progress.clone().count_made();
        assert_eq!(progress.made_share(), Some(0.25));
    }
}
