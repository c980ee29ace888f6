//! Targets: paths to write to, with links resolved.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// Maximum number of links to follow, as in Linux.
const LINKS: usize = 40;

/// A name in a directory, whether it exists or not.
///
/// Made from a path: a trailing slash and `.` in between are dropped; a symbolic link at the end is replaced by its
/// destination, whether that exists or not; and a path that ends in `.` or `..` by the directory's own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    parent: PathBuf,
    name: OsString,
}

impl Target {
    /// Resolves a path.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for an empty path and for the root, which has no name, and
    /// [`io::ErrorKind::NotFound`] for a path that ends in `..` or `.` and does not exist.
    pub fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(invalid("found an empty path, expected one with a name"));
        }
        let mut path: PathBuf = path.components().collect();
        for _ in 0..LINKS {
            let Ok(link) = std::fs::read_link(&path) else {
                return Self::of_plain(&path);
            };
            path = parent_of(&path).join(link).components().collect();
        }
        let path = path.display();
        Err(invalid(format!("{path}: too many symbolic links")))
    }

    /// Resolves a path, except a link at its end: for files beside the link.
    ///
    /// # Errors
    /// As [`Target::of`].
    pub fn of_plain(path: &Path) -> io::Result<Self> {
        if let Some(target) = Self::split(path) {
            return Ok(target);
        }
        let whole = fs_err::canonicalize(path)?;
        Self::split(&whole).ok_or_else(|| {
            let path = path.display();
            invalid(format!(
                "{path}: found the root, expected a directory in it"
            ))
        })
    }

    fn split(path: &Path) -> Option<Self> {
        Some(Self {
            name: path.file_name()?.to_owned(),
            parent: parent_of(path).to_owned(),
        })
    }

    /// The parent directory; `.` if the path has none.
    pub fn parent(&self) -> &Path {
        &self.parent
    }

    /// The name in the parent directory.
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// The whole path.
    pub fn path(&self) -> PathBuf {
        self.beside(&self.name)
    }

    /// The path of another name in the parent directory.
    pub(crate) fn beside(&self, name: &OsStr) -> PathBuf {
        if self.parent == Path::new(".") {
            return PathBuf::from(name);
        }
        self.parent.join(name)
    }
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(path: impl AsRef<Path>) -> PathBuf {
        Target::of(path.as_ref()).unwrap().path()
    }

    #[test]
    fn slashes_and_dots_mean_nothing() {
        for path in ["a/b", "a/b/", "a//b", "a/./b", "a/b/.", "a/b/./"] {
            assert_eq!(path_of(path), Path::new("a/b"), "{path}");
        }
        for path in ["out", "out/", "./out", "./out/."] {
            assert_eq!(path_of(path), Path::new("out"), "{path}");
        }
        assert_eq!(
            Target::of(Path::new("out/")).unwrap().parent(),
            Path::new(".")
        );
    }

    #[test]
    fn a_path_without_a_name_gets_that_of_its_place() {
        let place = tempfile::tempdir().unwrap();
        let inner = place.path().canonicalize().unwrap().join("a");
        fs_err::create_dir_all(inner.join("b")).unwrap();
        assert_eq!(path_of(inner.join("b/..")), inner);
        for path in ["", "/", "/.", "/.."] {
            let error = Target::of(Path::new(path)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path}: {error}");
        }
        let error = Target::of(&inner.join("none/..")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_also_to_what_is_not_there_yet() {
        use fs_err::os::unix::fs::symlink;
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        symlink("second", at("first")).unwrap();
        symlink(at("third"), at("second")).unwrap();
        assert_eq!(path_of(at("first")), at("third"));
        assert_eq!(path_of(at("first/")), at("third"));
        assert_eq!(Target::of_plain(&at("first")).unwrap().path(), at("first"));
        symlink("round", at("round")).unwrap();
        let error = Target::of(&at("round")).unwrap_err().to_string();
        assert!(error.contains("too many symbolic links"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn names_need_not_be_text() {
        use std::os::unix::ffi::OsStrExt as _;
        let path = Path::new(OsStr::from_bytes(b"a\xff/b\xfe/"));
        let target = Target::of(path).unwrap();
        assert_eq!(target.name().as_bytes(), b"b\xfe");
        assert_eq!(target.parent().as_os_str().as_bytes(), b"a\xff");
    }
}
