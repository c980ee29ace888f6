//! Rewards for each token of a policy.
//!
//! A policy has a tokenizer of its own, and training wants one number for each of its tokens. [`TokenSpans`] says
//! where its tokens lie in the response, and a [`Placement`] how the scores of segments become numbers of tokens.
//!
//! ```
//! use gradus_data::CharSpan;
//! use gradus_eval::token_rewards::{Placement, TokenSource};
//!
//! let response = "One two. Three";
//! let tokens = ["One", " two", ".", " Three"].map(str::to_owned);
//! let spans = TokenSource::Tokens(tokens.to_vec()).locate(response)?;
//! let segments = [(CharSpan { start: 0, end: 8 }, Some(0.5)), (CharSpan { start: 9, end: 14 }, Some(-0.25))];
//! assert_eq!(spans.rewards(Placement::End, response, &segments), [0.0, 0.0, 0.5, -0.25]);
//! # Ok::<(), gradus_eval::token_rewards::TokenError>(())
//! ```

mod offsets;
mod pieces;
mod placement;

use gradus_data::{CharSpan, describe_value};
use serde_json::{Map, Value};

pub use placement::{Placement, UnknownPlacement};

/// Tokens that do not fit the response, or are not given as they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: found {found}, expected {expected}")]
#[non_exhaustive]
pub struct TokenError {
    /// The field, such as `offsets[3]`.
    pub field: String,
    /// What was found there.
    pub found: String,
    /// What was expected there.
    pub expected: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

impl TokenError {
    fn new(
        field: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            found: found.into(),
            expected: expected.into(),
            hint: None,
        }
    }

    fn with_hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

/// The keys beside a record that say where the policy's tokens lie.
const OFFSETS: &str = "offsets";
const TOKENS: &str = "tokens";

/// Where the tokens of a policy lie in a response: characters, empty where a token has no text.
///
/// The spans are in the order of the text. Two share a character where the tokenizer splits it. Together
/// they hold every character that is not white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSpans(Vec<CharSpan>);

/// Where the policy's tokens lie, as a record says it.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenSource {
    /// `offsets`: the characters of each token.
    Offsets(Vec<CharSpan>),
    /// `tokens`: the text of each token, as the tokenizer spells or decodes it.
    Tokens(Vec<String>),
}

impl TokenSource {
    /// Takes `offsets` or `tokens` out of a record; `None` if it has neither.
    ///
    /// # Errors
    /// If both are there, or one is not a list of what it should hold.
    pub fn take(record: &mut Map<String, Value>) -> Result<Option<Self>, TokenError> {
        let mut present = |key| record.shift_remove(key).filter(|value| !value.is_null());
        match (present(OFFSETS), present(TOKENS)) {
            (None, None) => Ok(None),
            (Some(offsets), None) => Ok(Some(Self::Offsets(read_offsets(offsets)?))),
            (None, Some(tokens)) => Ok(Some(Self::Tokens(read_tokens(tokens)?))),
            (Some(_), Some(_)) => Err(TokenError::new(
                TOKENS,
                "both `offsets` and `tokens`",
                "one of the two",
            )),
        }
    }

    /// Finds the tokens in a response.
    ///
    /// # Errors
    /// If they are out of order, past the end, or leave out a character that is not white space.
    pub fn locate(&self, response: &str) -> Result<TokenSpans, TokenError> {
        match self {
            Self::Offsets(spans) => {
                offsets::check(spans, response)?;
                Ok(TokenSpans(spans.clone()))
            }
            Self::Tokens(tokens) => pieces::locate(tokens, response).map(TokenSpans),
        }
    }
}

fn read_offsets(value: Value) -> Result<Vec<CharSpan>, TokenError> {
    let Value::Array(pairs) = value else {
        return Err(TokenError::new(
            OFFSETS,
            describe_value(&value),
            "a list of pairs of whole numbers",
        ));
    };
    let pairs = pairs.iter().enumerate();
    let spans = pairs.map(|(place, pair)| {
        let numbers = pair.as_array().map(Vec::as_slice).unwrap_or_default();
        let number = |value: &Value| {
            value
                .as_u64()
                .and_then(|number| usize::try_from(number).ok())
        };
        match numbers {
            [start, end] => number(start).zip(number(end)),
            _ => None,
        }
        .map(|(start, end)| CharSpan { start, end })
        .ok_or_else(|| {
            let expected = "a pair of whole numbers: first character, and one past the last";
            // A few numbers are shown as they are.
            let found =
                if numbers.len() <= 3 && numbers.iter().all(Value::is_number) && pair.is_array() {
                    pair.to_string()
                } else {
                    describe_value(pair)
                };
            TokenError::new(format!("{OFFSETS}[{place}]"), found, expected)
        })
    });
    spans.collect()
}

fn read_tokens(value: Value) -> Result<Vec<String>, TokenError> {
    let Value::Array(tokens) = value else {
        return Err(TokenError::new(
            TOKENS,
            describe_value(&value),
            "a list of texts, one a token",
        ));
    };
    let tokens = tokens.into_iter().enumerate();
    let texts = tokens.map(|(place, token)| match token {
        Value::String(text) => Ok(text),
        other => Err(TokenError::new(
            format!("{TOKENS}[{place}]"),
            describe_value(&other),
            "a text",
        )),
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(value: Value) -> Result<Option<TokenSource>, TokenError> {
        let Value::Object(mut record) = value else {
            panic!("an object")
        };
        TokenSource::take(&mut record)
    }

    #[test]
    fn offsets_or_tokens_are_taken_and_what_is_neither_is_refused_by_its_place() {
        assert_eq!(taken(json!({"tokens": null})).unwrap(), None);
        let offsets = taken(json!({"offsets": [[0, 2], [2, 2]]}))
            .unwrap()
            .unwrap();
        let spans = [(0, 2), (2, 2)].map(|(start, end)| CharSpan { start, end });
        assert_eq!(offsets, TokenSource::Offsets(spans.to_vec()));
        for (value, field) in [
            (json!({"offsets": 3}), "offsets"),
            (json!({"offsets": [[0, 1], [1]]}), "offsets[1]"),
            (json!({"offsets": [[0, -1]]}), "offsets[0]"),
            (json!({"tokens": "abc"}), "tokens"),
            (json!({"tokens": ["a", 3]}), "tokens[1]"),
            (json!({"tokens": [], "offsets": []}), "tokens"),
        ] {
            assert_eq!(taken(value.clone()).unwrap_err().field, field, "{value}");
        }
    }
}
