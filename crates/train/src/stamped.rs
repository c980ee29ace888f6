//! Files of a cache that say themselves whether they are damaged.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamped {
    /// Of the content, in hexadecimal.
    sha256: String,
    content: String,
}

/// A file that holds `content` and its digest, as JSON.
#[must_use]
pub fn stamp(content: String) -> String {
    let sha256 = digest(&content);
    let stamped = Stamped { sha256, content };
    serde_json::to_string(&stamped).unwrap_or_else(|error| unreachable!("two texts: {error}"))
}

/// The content of a file of [`stamp`].
///
/// # Errors
/// What is wrong with a file that is no such file, or whose content does not have its digest.
pub fn unstamp(file: &[u8]) -> Result<String, String> {
    let stamped: Stamped = serde_json::from_slice(file).map_err(|error| error.to_string())?;
    if digest(&stamped.content) == stamped.sha256 {
        Ok(stamped.content)
    } else {
        Err("found other content than its digest tells".to_owned())
    }
}

fn digest(content: &str) -> String {
    hex(&Sha256::digest(content))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_byte_is_noticed() {
        let file = stamp("{\"a\":\"é\\n\"}".to_owned());
        assert_eq!(unstamp(file.as_bytes()).unwrap(), "{\"a\":\"é\\n\"}");
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut damaged = file.clone().into_bytes();
                damaged[at] ^= 1 << bit;
                assert!(unstamp(&damaged).is_err(), "byte {at}, bit {bit}");
            }
        }
    }
}
