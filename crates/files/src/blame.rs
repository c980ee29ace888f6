//! Whether the user or the machine caused a file error.

use std::io::{self, ErrorKind};

/// Whether the path or its contents caused the error, rather than a device, a full disk or the system.
/// Errors of decompressors and parsers are about the contents.
pub fn is_about_the_path(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::AlreadyExists
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidData
            | ErrorKind::UnexpectedEof
            | ErrorKind::Other
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_broken_one_are_nobody_s_typing() {
        // ENOENT, EACCES, EISDIR, ENAMETOOLONG; EIO, ENOSPC, EROFS, ENOMEM of Linux.
        for (number, about) in [(2, true), (13, true), (21, true), (36, true)]
            .into_iter()
            .chain([5, 28, 30, 12].map(|number| (number, false)))
        {
            let error = io::Error::from_raw_os_error(number);
            if cfg!(target_os = "linux") {
                assert_eq!(is_about_the_path(&error), about, "{error}");
            }
        }
        let error = fs_err::File::open("no/such/file").unwrap_err();
        assert!(is_about_the_path(&error));
    }
}
