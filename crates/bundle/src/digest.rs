//! Digests of files, to tell one file from another of the same name.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::Path;

use fs_err::File;
use sha2::{Digest, Sha256};

use crate::manifest::Part;

/// Bytes that are read at a time.
const PIECE: usize = 1 << 20;

/// Size and digest of a file, which is not read into memory as a whole.
///
/// # Errors
/// If there is no regular file, or it cannot be read; the error names it.
pub fn digest_file(path: &Path) -> io::Result<Part> {
    // Opening a pipe waits for whoever writes it.
    let metadata = fs_err::metadata(path)?;
    if !metadata.is_file() && !metadata.is_dir() {
        let message = format!(
            "{}: found a pipe or a device, expected a regular file",
            path.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut bytes = 0;
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            break;
        }
        hasher.update(&piece[..length]);
        bytes += length as u64;
    }
    Ok(part(bytes, hasher))
}

/// Size and digest of the content of a file.
pub(super) fn digest_bytes(bytes: &[u8]) -> Part {
    let mut hasher = Sha256::new();
    hasher.update(bytes);
    part(bytes.len() as u64, hasher)
}

/// BLAKE3 of weights, in hexadecimal: several times as fast as SHA-256. `None` in a browser.
pub(super) fn blake3_of(weights: &mut impl Read) -> io::Result<Option<String>> {
    cfg_select! {
        target_family = "wasm" => {
            let _ = weights;
            Ok(None)
        }
        _ => {
            let mut hasher = blake3::Hasher::new();
            let mut piece = vec![0; PIECE];
            loop {
                match weights.read(&mut piece)? {
                    0 => return Ok(Some(hasher.finalize().to_hex().to_string())),
                    length => hasher.update(&piece[..length]),
                };
            }
        }
    }
}

fn part(bytes: u64, hasher: Sha256) -> Part {
    let mut sha256 = String::new();
    for byte in hasher.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(sha256, "{byte:02x}");
    }
    Part { bytes, sha256 }
}
