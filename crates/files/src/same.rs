//! Whether two paths name the same file or directory.

use std::fs::Metadata;
use std::io;
use std::path::Path;

/// Whether two paths, with all links resolved, name the same file or directory. False if one of them does
/// not exist.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    match (std::fs::metadata(one), std::fs::metadata(other)) {
        (Ok(one), Ok(other)) => is_same(&one, &other),
        _ => false,
    }
}

/// Whether standard output goes to the regular file at `path`. Reading it while writing to it would never end.
///
/// # Errors
/// If standard output is closed.
#[cfg(unix)]
pub fn is_standard_output(path: &Path) -> io::Result<bool> {
    use std::os::fd::AsFd as _;
    is_behind(io::stdout().as_fd(), path)
}

/// Whether standard input comes from the regular file at `path`.
///
/// # Errors
/// If standard input is closed.
#[cfg(unix)]
pub fn is_standard_input(path: &Path) -> io::Result<bool> {
    use std::os::fd::AsFd as _;
    is_behind(io::stdin().as_fd(), path)
}

/// Whether a descriptor is open on the regular file at `path`.
#[cfg(unix)]
fn is_behind(descriptor: std::os::fd::BorrowedFd<'_>, path: &Path) -> io::Result<bool> {
    let Ok(found) = std::fs::metadata(path) else {
        return Ok(false);
    };
    // A copy of the descriptor, so that the file behind it can be asked about itself.
    let open = std::fs::File::from(descriptor.try_clone_to_owned()?);
    Ok(found.is_file() && is_same(&open.metadata()?, &found))
}

/// Always false on other systems, where it is not known.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn is_standard_output(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Always false on other systems, where it is not known.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn is_standard_input(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Whether `path` is the current directory.
pub fn is_current_directory(path: &Path) -> bool {
    is_same_file(path, Path::new("."))
}

/// Whether `path` is a mount point, which cannot be replaced.
#[cfg(target_os = "linux")]
pub fn is_mount_point(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    let mount = |path: &Path| {
        let found = statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
        let tells = found.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        tells.then_some(found.stx_mnt_id)
    };
    let above = path.join("..");
    match (mount(path), mount(&above)) {
        (Some(here), Some(above)) => here != above,
        _ => false,
    }
}

/// Always false on other systems; there, replacing it fails.
#[cfg(not(target_os = "linux"))]
pub fn is_mount_point(_path: &Path) -> bool {
    false
}

/// Whether two descriptors refer to the same file.
#[cfg(unix)]
pub(crate) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Always false on other systems, where it is not known.
#[cfg(not(unix))]
pub(crate) fn is_same(_one: &Metadata, _other: &Metadata) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_by_every_name() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs_err::write(at("file"), "").unwrap();
        fs_err::write(at("other"), "").unwrap();
        fs_err::hard_link(at("file"), at("hard")).unwrap();
        fs_err::os::unix::fs::symlink("file", at("soft")).unwrap();
        for name in ["file", "hard", "soft", "../"] {
            let same = is_same_file(&at("file"), &at(name));
            assert_eq!(same, name != "../", "{name}");
        }
        assert!(!is_same_file(&at("file"), &at("other")));
        assert!(!is_same_file(&at("none"), &at("none")));
        assert!(is_current_directory(&std::env::current_dir().unwrap()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_mount_point_is_known() {
        assert!(is_mount_point(Path::new("/proc")));
        assert!(!is_mount_point(tempfile::tempdir().unwrap().path()));
    }
}
