//! Files for readers that take a path.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

thread_local! {
    static DIRECTORY: OnceCell<TempDir> = const { OnceCell::new() };
}

/// A directory in memory where the system has one.
fn directory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    DIRECTORY.with(|cell| {
        let place = cell.get_or_init(|| {
            let made = if memory.is_dir() {
                TempDir::new_in(memory)
            } else {
                TempDir::new()
            };
            made.expect("a temporary directory")
        });
        place.path().to_owned()
    })
}

/// The file `name` with this content.
pub fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = directory().join(name);
    fs::create_dir_all(path.parent().expect("it has a parent")).expect("a directory");
    fs::write(&path, content).expect("a temporary file");
    path
}
