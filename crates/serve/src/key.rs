//! The key that requests have to know.

use std::fmt;
use std::path::Path;

use subtle::ConstantTimeEq as _;

use crate::{Result, ServeError};

/// The key that requests have to know: `Authorization: Bearer KEY`.
#[derive(Clone)]
pub struct Key(String);

/// Never shown, not even by accident.
impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(..)")
    }
}

impl Key {
    /// A key; white space around it is left out. `place` is where it comes from, for messages.
    ///
    /// # Errors
    /// [`ServeError::Key`] if it is empty or could not be sent in a header.
    pub fn new(text: &str, place: &str) -> Result<Self> {
        let text = text.trim();
        let found = if text.is_empty() {
            "an empty key"
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            "a key with other characters"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(ServeError::Key {
            place: place.to_owned(),
            found,
        })
    }

    /// Reads the key from a file.
    ///
    /// # Errors
    /// [`ServeError::KeyFile`] and those of [`Key::new`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs_err::read_to_string(path).map_err(|cause| ServeError::KeyFile {
            path: path.to_owned(),
            cause,
        })?;
        Self::new(&text, &path.display().to_string())
    }

    /// Whether the value of a header `Authorization` has this key. How long it takes tells nothing about
    /// where the two differ.
    pub(crate) fn is_in(&self, authorization: &[u8]) -> bool {
        let Some((scheme, given)) = authorization.split_at_checked(7) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"bearer ")
            && bool::from(given.trim_ascii().ct_eq(self.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_opens() {
        let key = Key::new(" secret-key\n", "test").unwrap();
        for header in [
            "Bearer secret-key",
            "bearer  secret-key",
            "BEARER secret-key ",
        ] {
            assert!(key.is_in(header.as_bytes()), "{header}");
        }
        for header in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer secret-ke",
            "Bearer secret-key2",
            "Basic secret-key",
            "secret-key",
        ] {
            assert!(!key.is_in(header.as_bytes()), "{header}");
        }
        assert_eq!(format!("{key:?}"), "Key(..)");
    }

    #[test]
    fn a_key_that_cannot_be_sent_is_refused_and_not_shown() {
        for text in ["", " \n", "two words", "schlüssel"] {
            let message = Key::new(text, "GRADUS_KEY").unwrap_err().to_string();
            assert!(message.starts_with("GRADUS_KEY: found "), "{message}");
            assert!(
                !message.contains("words") && !message.contains("schl"),
                "{message}"
            );
        }
    }
}
