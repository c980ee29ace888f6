//! Syncing directory entries to disk.

use std::io;
use std::path::Path;

/// Syncs the names in a directory to disk. Before that, a rename may be lost in a crash.
///
/// # Errors
/// If the directory cannot be opened or synced.
#[cfg(unix)]
pub fn sync_directory(path: &Path) -> io::Result<()> {
    fs_err::File::open(path)?.sync_all()
}

/// Does nothing: other systems cannot open a directory as a file, and do not need it.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Creates a directory with all missing parents, and syncs them to disk.
///
/// # Errors
/// If one cannot be created, or if a file has its name.
pub fn create_directories(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    if let Some(parent) = parent {
        create_directories(parent)?;
    }
    match fs_err::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_directory(parent.unwrap_or(Path::new("."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_directories_are_created_and_a_file_in_their_way_is_named() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b/../c");
        create_directories(&path).unwrap();
        create_directories(&path).unwrap();
        assert!(path.is_dir());
        fs_err::write(place.path().join("file"), "").unwrap();
        let error = create_directories(&place.path().join("file/d")).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }
}
