//! Renames that the standard library lacks.

use std::io;
use std::path::Path;

/// Exchanges the names of two directories atomically. `None` if the file system does not support it.
pub(crate) fn exchange(one: &Path, other: &Path) -> io::Result<Option<()>> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        supported(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE))
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    {
        let _ = (one, other);
        Ok(None)
    }
}

/// Renames `from` to `to`, which must not exist.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if it does.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let renamed = renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE);
        if supported(renamed)?.is_some() {
            return Ok(());
        }
    }
    if to.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs_err::rename(from, to)
}

/// The kernel or the file system may not know the flag.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn supported(result: rustix::io::Result<()>) -> io::Result<Option<()>> {
    use rustix::io::Errno;
    match result {
        Ok(()) => Ok(Some(())),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
