//! Permissions: a replacement is readable by exactly those who could read the original.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::path::Path;

/// Gives an open file the permissions of the file that it replaces and, if this process is allowed to, its owner.
#[cfg(unix)]
pub(crate) fn inherit(file: &File, replaced: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    let (own, old) = (file.metadata()?, replaced);
    // Only the superuser can give files away; everybody else keeps what is possible.
    let owned = fchown(file, Some(old.uid()), Some(old.gid()))
        .or_else(|_| fchown(file, None, Some(old.gid())));
    let keeps_group = owned.is_ok() || own.gid() == old.gid();
    let mode = old.permissions().mode() & 0o777;
    // Another group may do no more than all others.
    let mode = if keeps_group {
        mode
    } else {
        (mode & !0o070) | (mode & ((mode & 0o007) << 3))
    };
    file.set_permissions(Permissions::from_mode(mode))
}

#[cfg(not(unix))]
pub(crate) fn inherit(_file: &File, _replaced: &Metadata) -> io::Result<()> {
    Ok(())
}

/// The same for a path, such as a directory.
pub(crate) fn inherit_at(path: &Path, replaced: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    inherit(fs_err::File::open(path)?.file(), replaced)?;
    #[cfg(not(unix))]
    let _ = (path, replaced);
    Ok(())
}

/// Removes group and other access from a directory and returns the previous mode.
#[cfg(unix)]
pub(crate) fn make_private(directory: &Path) -> io::Result<Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    let before = fs_err::metadata(directory)?.permissions();
    let private = Permissions::from_mode((before.mode() & 0o7000) | 0o700);
    fs_err::set_permissions(directory, private)?;
    Ok(before)
}

#[cfg(not(unix))]
pub(crate) fn make_private(directory: &Path) -> io::Result<Permissions> {
    Ok(fs_err::metadata(directory)?.permissions())
}

/// The mode to create a file with, never more permissive than that of `replaced`.
#[cfg(unix)]
pub(crate) fn first_permissions(replaced: Option<&Metadata>) -> Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    // The umask takes its share of this.
    let mode = replaced.map_or(0o666, |_| 0o600);
    Permissions::from_mode(mode)
}
