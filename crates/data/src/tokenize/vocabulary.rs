//! Finds a token by name.

use super::tokenizer_file::read_tokenizer;
use crate::{DataError, Result};

/// The characters that represent a space before a word in vocabularies.
const SPACES: [char; 2] = ['▁', 'Ġ'];

/// A token of a vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundToken {
    /// Its id.
    pub id: u32,
    /// The same token with a space in front and its id, if the vocabulary has it.
    pub spaced: Option<(String, u32)>,
}

/// Finds the token with exactly this spelling in a `tokenizer.json`.
///
/// # Errors
/// [`DataError::Tokenizer`]: the bytes are not a tokenizer; [`DataError::TokenUnknown`]
pub fn find_token(tokenizer_json: &[u8], token: &str) -> Result<FoundToken> {
    let tokenizer = read_tokenizer(tokenizer_json)
        .map_err(|cause| DataError::Tokenizer { path: None, cause })?;
    let spaced = SPACES.into_iter().find_map(|space| {
        let name = format!("{space}{token}");
        tokenizer.token_to_id(&name).map(|id| (name, id))
    });
    match tokenizer.token_to_id(token) {
        Some(id) => Ok(FoundToken { id, spaced }),
        None => Err(DataError::TokenUnknown {
            token: token.to_owned(),
            spaced: spaced.map(|(name, _)| name),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word_level_tokenizer;

    #[test]
    fn a_token_is_found_as_it_is_spelled_and_its_spaced_kind_is_told() {
        let json = word_level_tokenizer(["yes no"]).unwrap();
        let json = String::from_utf8(json)
            .unwrap()
            .replace("\"no\"", "\"▁yes\"");
        let found = find_token(json.as_bytes(), "yes").unwrap();
        let spaced = found.spaced.unwrap();
        assert_eq!(spaced.0, "▁yes");
        assert_ne!(spaced.1, found.id);
        let json = json.replace("\"yes\"", "\"maybe\"");
        let error = find_token(json.as_bytes(), "yes").unwrap_err();
        assert!(error.hint().unwrap().contains("▁yes"), "{error}");
    }
}
