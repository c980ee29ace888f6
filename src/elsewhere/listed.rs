//! A file of another place, and what can be read of it.

use std::io::{Seek as _, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fs_err::{File, OpenOptions};
use gradus::data::Unfetched;

use super::Watch;
use super::download::{download, read_range};

/// What is read at first of the end of a Parquet file; most footers are shorter.
const TAIL: u64 = 1 << 16;
/// The last bytes of a Parquet file: the length of its footer, and four letters.
const END: u64 = 8;

/// How the bytes of a file come here.
pub(crate) trait Source: Send + Sync {
    /// Its whole copy on this machine, if there is one.
    fn held(&self) -> Option<PathBuf>;
    /// Where it grows as it comes.
    fn part(&self) -> PathBuf;
    /// Checks all that came, and gives it its name.
    fn keep(&self, part: &Path) -> Result<PathBuf, Broken>;
    /// Writes these bytes of it to `to`, or the first of them before it fails.
    fn read(&self, range: Range<u64>, to: &mut dyn Write) -> Result<(), Broken>;
}

/// Why reading from another place failed.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) cause: Unfetched,
    /// Whether the same may succeed a moment later.
    pub(crate) may_heal: bool,
}

impl Broken {
    /// What the network or the server may do better a moment later.
    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        Self {
            cause: Unfetched {
                reason: reason.into(),
                hint: Some("try again: what came is kept".into()),
                is_input: false,
            },
            may_heal: true,
        }
    }

    /// What stays so.
    pub(crate) fn lasting(reason: impl Into<String>, hint: Option<&str>, is_input: bool) -> Self {
        Self {
            cause: Unfetched {
                reason: reason.into(),
                hint: hint.map(ToOwned::to_owned),
                is_input,
            },
            may_heal: false,
        }
    }
}

/// A file of another place, as it was listed.
#[derive(Clone)]
pub(crate) struct Listed {
    /// What messages call it; a name of this file alone.
    pub(crate) name: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// What is another one when the content is: a digest, or the tag of a store.
    pub(crate) version: String,
    pub(crate) source: Arc<dyn Source>,
}

impl std::fmt::Debug for Listed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl PartialEq for Listed {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.bytes, &self.version) == (&other.name, other.bytes, &other.version)
    }
}

/// A file that is removed when it is no longer needed.
pub(crate) struct PartFile {
    pub(crate) path: PathBuf,
    is_own: bool,
}

impl PartFile {
    fn create(directory: &Path) -> std::io::Result<(Self, File)> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!(".input-{}-{number}", std::process::id()));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        Ok((Self { path, is_own: true }, file))
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if self.is_own {
            // What cannot be removed is left over, and no fault of what was read from it.
            let _ = fs_err::remove_file(&self.path);
        }
    }
}

impl Listed {
    /// The whole file, which stays on this machine.
    pub(crate) fn fetch(&self, watch: &mut Watch) -> Result<PathBuf, Unfetched> {
        download(self, watch)
    }

    /// The whole file, which stays here only if it was here before.
    pub(crate) fn fetch_once(&self, directory: &Path) -> Result<PartFile, Unfetched> {
        if let Some(path) = self.source.held() {
            return Ok(PartFile {
                path,
                is_own: false,
            });
        }
        let (part, mut file) = PartFile::create(directory).map_err(unwritten)?;
        read_range(&*self.source, 0..self.bytes, &mut file, &mut |_| ())?;
        file.sync_all().map_err(unwritten)?;
        Ok(part)
    }

    /// A file of the same size that has the first bytes and the footer of a Parquet file, and holes elsewhere; with
    /// it, where it can be written.
    pub(crate) fn fetch_footer(&self, directory: &Path) -> Result<SparseFile, Unfetched> {
        if let Some(path) = self.source.held() {
            let part = PartFile {
                path,
                is_own: false,
            };
            return Ok(SparseFile { part, file: None });
        }
        let (part, file) = PartFile::create(directory).map_err(unwritten)?;
        file.set_len(self.bytes).map_err(unwritten)?;
        let mut sparse = SparseFile {
            part,
            file: Some(file),
        };
        sparse.add(self, 0..self.bytes.min(END))?;
        let tail = self.bytes.saturating_sub(TAIL)..self.bytes;
        sparse.add(self, tail.clone())?;
        let mut end = [0; 4];
        if self.bytes >= END
            && let Some(file) = &mut sparse.file
        {
            file.seek(SeekFrom::Start(self.bytes - END))
                .map_err(unwritten)?;
            std::io::Read::read_exact(file, &mut end).map_err(unwritten)?;
        }
        let footer = u64::from(u32::from_le_bytes(end)).saturating_add(END);
        // A footer that claims more than there is, is refused where it is read.
        let start = self.bytes.saturating_sub(footer);
        if start < tail.start {
            sparse.add(self, start..tail.start)?;
        }
        Ok(sparse)
    }
}

/// A copy of a file with holes.
pub(crate) struct SparseFile {
    pub(crate) part: PartFile,
    /// Absent where the copy is whole.
    file: Option<File>,
}

impl SparseFile {
    /// Fetches these bytes too.
    pub(crate) fn add(&mut self, listed: &Listed, range: Range<u64>) -> Result<(), Unfetched> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.seek(SeekFrom::Start(range.start)).map_err(unwritten)?;
        read_range(&*listed.source, range, file, &mut |_| ())
    }
}

/// The file system of this machine is at fault.
pub(crate) fn unwritten(cause: std::io::Error) -> Unfetched {
    Unfetched {
        reason: format!("its copy on this machine cannot be written: {cause}"),
        hint: Some(
            "make room, or set another place: HF_HOME for the Hub, GRADUS_CACHE for stores".into(),
        ),
        is_input: false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A server that knows which bytes were asked for.
    struct Server {
        content: Vec<u8>,
        asked: Mutex<Vec<Range<u64>>>,
    }

    impl Source for Server {
        fn held(&self) -> Option<PathBuf> {
            None
        }

        fn part(&self) -> PathBuf {
            PathBuf::new()
        }

        fn keep(&self, part: &Path) -> Result<PathBuf, Broken> {
            Ok(part.to_owned())
        }

        fn read(&self, range: Range<u64>, to: &mut dyn Write) -> Result<(), Broken> {
            let at = |place: u64| usize::try_from(place).unwrap();
            let part = &self.content[at(range.start)..at(range.end)];
            self.asked.lock().unwrap().push(range);
            to.write_all(part).unwrap();
            Ok(())
        }
    }

    #[test]
    fn a_copy_with_holes_has_the_footer_and_what_is_added() {
        // A footer that is longer than what is read at first.
        let (bytes, footer) = (300_000_u32, 100_000_u32);
        let mut content: Vec<u8> = (0..bytes)
            .map(|k| u8::try_from(k % 251).unwrap() | 1)
            .collect();
        let end = content.len() - 8;
        content[end..end + 4].copy_from_slice(&footer.to_le_bytes());
        let server = Arc::new(Server {
            content: content.clone(),
            asked: Mutex::default(),
        });
        let listed = Listed {
            name: "s3://b/a.parquet".into(),
            bytes: u64::from(bytes),
            version: "1".into(),
            source: Arc::<Server>::clone(&server),
        };
        let directory = tempfile::tempdir().unwrap();
        let mut sparse = listed.fetch_footer(directory.path()).unwrap();
        sparse.add(&listed, 1_000..2_000).unwrap();
        let copy = fs_err::read(&sparse.part.path).unwrap();
        assert_eq!(copy.len(), content.len());
        let start = content.len() - 100_008;
        for range in [0..8, 1_000..2_000, start..content.len()] {
            assert_eq!(copy[range.clone()], content[range]);
        }
        assert!(
            copy[8..1_000]
                .iter()
                .chain(&copy[2_000..start])
                .all(|&byte| byte == 0)
        );
        let asked: u64 = server
            .asked
            .lock()
            .unwrap()
            .iter()
            .map(|range| range.end - range.start)
            .sum();
        assert_eq!(asked, 8 + 1_000 + 100_008);
        drop(sparse);
        assert_eq!(fs_err::read_dir(directory.path()).unwrap().count(), 0);
    }
}
