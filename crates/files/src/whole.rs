//! Reads whole files, up to a limit.

use std::io::{self, Read as _};
use std::path::Path;

/// Maximum size of a JSON or TOML file that is read whole: 64 MiB. Parsed, it takes several times as much memory.
pub const MOST_SETTINGS: u64 = 64 << 20;

/// Maximum size of other files that are read whole, such as `tokenizer.json`: 512 MiB.
pub const MOST_BYTES: u64 = 512 << 20;

/// Reads a file of at most `most` bytes. A pipe is allowed, as the user may have named one.
///
/// # Errors
/// Those of opening and reading, with the path; [`io::ErrorKind::InvalidData`] if the file is larger.
pub fn read_bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path)?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let message = format!(
            "{}: found more than {most} bytes, expected at most that many",
            path.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(bytes)
}

/// Reads a regular file of at most `most` bytes. For files of a bundle or model: a pipe or device might never end.
///
/// # Errors
/// As [`read_bounded`]; [`io::ErrorKind::InvalidInput`] if it is not a regular file.
pub fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let metadata = fs_err::metadata(path)?;
    if !metadata.is_file() && !metadata.is_dir() {
        let message = format!(
            "{}: found a pipe or a device, expected a regular file",
            path.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    read_bounded(path, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_as_large_as_the_limit_and_no_larger() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.json");
        fs_err::write(&path, "12345").unwrap();
        for read in [read_bounded, read_regular] {
            assert_eq!(read(&path, 5).unwrap(), b"12345");
            let error = read(&path, 4).unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("a.json: found more than 4 bytes"),
                "{error}"
            );
            assert!(crate::is_about_the_path(&error));
            assert!(read(place.path(), 4).is_err());
            assert!(read(&place.path().join("none"), 4).is_err());
        }
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_not_read_as_parts_of_a_directory() {
        let error = read_regular(Path::new("/dev/zero"), 4).unwrap_err();
        assert!(error.to_string().contains("a pipe or a device"), "{error}");
        assert!(crate::is_about_the_path(&error));
        assert!(read_bounded(Path::new("/dev/zero"), 4).is_err());
        assert_eq!(read_bounded(Path::new("/dev/null"), 4).unwrap(), b"");
    }
}
