//! Downloads that go on where they broke off, and are whole or absent.

use std::fs::TryLockError;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use fs_err::{File, OpenOptions};
use gradus::data::Unfetched;

use super::listed::{Broken, Listed, Source, unwritten};
use super::watch::Watch;

/// What is asked for at once.
const CHUNK: u64 = 32 << 20;
/// How often in a row a part may fail.
const RETRIES: u32 = 3;
/// The first wait between two tries; each further one is twice as long.
const WAIT: Duration = Duration::from_millis(250);

/// The copy of a file on this machine, fetched if there is none.
///
/// Processes that want the same file take turns. One that is killed leaves what came, and the next goes on there.
pub(super) fn download(listed: &Listed, watch: &mut Watch) -> Result<PathBuf, Unfetched> {
    let source = &*listed.source;
    if let Some(path) = source.held() {
        return Ok(path);
    }
    let mut part = source.part();
    if let Some(directory) = part.parent() {
        fs_err::create_dir_all(directory).map_err(unwritten)?;
    }
    let lock = File::create(part.with_added_extension("lock")).map_err(unwritten)?;
    let locked = match lock.file().try_lock() {
        Err(TryLockError::WouldBlock) => {
            watch.tell(&format!(
                "waiting for another process that fetches {}",
                listed.name
            ));
            lock.file().lock().is_ok()
        }
        tried => tried.is_ok(),
    };
    if !locked {
        // A file system without locks: a part of our own, which nobody goes on with.
        part = part.with_added_extension(std::process::id().to_string());
    }
    if let Some(path) = source.held() {
        return Ok(path);
    }
    watch.begin(listed);
    let was_begun = part.exists();
    match grow(listed, &part, watch) {
        // What an earlier process left may be what is wrong.
        Err(Broken { cause, .. }) if was_begun && !part.exists() => {
            watch.tell(&format!(
                "{}: {}; fetching it anew",
                listed.name, cause.reason
            ));
            grow(listed, &part, watch).map_err(|broken| broken.cause)
        }
        grown => grown.map_err(|broken| broken.cause),
    }
}

/// Fetches what is missing of a file; removes what turns out to be wrong.
fn grow(listed: &Listed, part: &Path, watch: &mut Watch) -> Result<PathBuf, Broken> {
    let failed = |cause| Broken {
        cause: unwritten(cause),
        may_heal: false,
    };
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(part)
        .map_err(failed)?;
    let mut held = file.metadata().map_err(failed)?.len();
    if held > listed.bytes {
        file.set_len(0).map_err(failed)?;
        held = 0;
    }
    watch.add(held);
    let read = read_range(
        &*listed.source,
        held..listed.bytes,
        &mut file,
        &mut |bytes| watch.add(bytes),
    );
    read.map_err(|cause| Broken {
        cause,
        may_heal: false,
    })?;
    file.sync_all().map_err(failed)?;
    drop(file);
    let kept = listed.source.keep(part);
    if kept.is_err() && part.exists() {
        fs_err::remove_file(part).map_err(failed)?;
    }
    kept
}

/// Writes these bytes of a file, asking again for what did not come.
pub(super) fn read_range(
    source: &dyn Source,
    range: Range<u64>,
    to: &mut dyn Write,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<(), Unfetched> {
    let mut at = range.start;
    let mut failures = 0;
    while at < range.end {
        let end = range.end.min(at.saturating_add(CHUNK));
        let mut counted = Counted {
            to: &mut *to,
            left: end - at,
            failure: None,
            on_bytes: &mut *on_bytes,
        };
        let outcome = source.read(at..end, &mut counted);
        at = end - counted.left;
        if let Some(cause) = counted.failure {
            return Err(unwritten(cause));
        }
        let broken = match outcome {
            Ok(()) if at == end => {
                failures = 0;
                continue;
            }
            Ok(()) => Broken::passing(format!("the server ended {} bytes early", end - at)),
            Err(broken) => broken,
        };
        failures += 1;
        if !broken.may_heal || failures > RETRIES {
            return Err(broken.cause);
        }
        thread::sleep(WAIT * 2_u32.pow(failures - 1));
    }
    Ok(())
}

/// A file that takes as much as was asked for, and tells how much came.
struct Counted<'a> {
    to: &'a mut dyn Write,
    left: u64,
    /// Why the file could not be written, which is no fault of the server.
    failure: Option<io::Error>,
    on_bytes: &'a mut dyn FnMut(u64),
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(io::Error::other(
                "the server sent more than it was asked for",
            ));
        }
        let written = match self.to.write(bytes) {
            Ok(written) => written,
            Err(cause) => {
                let kind = cause.kind();
                if kind != io::ErrorKind::Interrupted {
                    self.failure = Some(cause);
                }
                return Err(kind.into());
            }
        };
        self.left -= written as u64;
        (self.on_bytes)(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A server that sends a few bytes a request, and fails where it is told to.
    struct Flaky {
        directory: PathBuf,
        content: Vec<u8>,
        step: usize,
        /// Requests so far, and those that fail.
        asked: AtomicUsize,
        failing: Range<usize>,
    }

    impl Source for Flaky {
        fn held(&self) -> Option<PathBuf> {
            Some(self.directory.join("whole")).filter(|path| path.exists())
        }

        fn part(&self) -> PathBuf {
            self.directory.join("part")
        }

        fn keep(&self, part: &Path) -> Result<PathBuf, Broken> {
            if fs_err::read(part).unwrap() != self.content {
                return Err(Broken::lasting("other bytes", None, false));
            }
            let path = self.directory.join("whole");
            fs_err::rename(part, &path).unwrap();
            Ok(path)
        }

        fn read(&self, range: Range<u64>, to: &mut dyn Write) -> Result<(), Broken> {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed);
            if self.failing.contains(&asked) {
                return Err(Broken::passing("it broke"));
            }
            let start = usize::try_from(range.start).unwrap();
            let end = usize::try_from(range.end).unwrap().min(start + self.step);
            to.write_all(&self.content[start..end]).unwrap();
            Ok(())
        }
    }

    fn listed(directory: &Path, step: usize, failing: Range<usize>) -> Listed {
        let content: Vec<u8> = (0..100).collect();
        Listed {
            name: "s3://b/a".into(),
            bytes: 100,
            version: "1".into(),
            source: Arc::new(Flaky {
                directory: directory.to_owned(),
                content,
                step,
                asked: AtomicUsize::new(0),
                failing,
            }),
        }
    }

    #[test]
    fn what_breaks_off_goes_on_and_what_an_earlier_process_left_is_checked() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let part = root.join("part");
        let fetch = |listed: &Listed| download(listed, &mut Watch::new(&[]));
        // Three short answers, then the rest.
        let path = fetch(&listed(root, 100, 0..3)).unwrap();
        assert_eq!(fs_err::read(&path).unwrap().len(), 100);
        fs_err::remove_file(&path).unwrap();
        let error = fetch(&listed(root, 30, 1..9)).unwrap_err();
        assert_eq!(error.reason, "it broke");
        assert_eq!(
            fs_err::metadata(&part).unwrap().len(),
            30,
            "what came is kept"
        );
        assert!(!path.exists());
        fetch(&listed(root, 100, 9..9)).unwrap();
        fs_err::remove_file(&path).unwrap();
        fs_err::write(&part, "not the first bytes").unwrap();
        fetch(&listed(root, 100, 9..9)).unwrap();
        fs_err::remove_file(&path).unwrap();
        fs_err::write(&part, [0; 200]).unwrap();
        fetch(&listed(root, 100, 9..9)).unwrap();
        assert!(!part.exists());
    }

    #[test]
    fn a_server_that_never_gets_on_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let listed = listed(directory.path(), 0, 9..9);
        let error = download(&listed, &mut Watch::new(&[])).unwrap_err();
        assert_eq!(error.reason, "the server ended 100 bytes early");
        assert!(!error.is_input);
    }
}
