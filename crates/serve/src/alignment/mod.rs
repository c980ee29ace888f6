//! Rewards for each token of a policy.
//!
//! A policy has a tokenizer of its own, and training wants one number for each of its tokens. The request
//! says where its tokens lie in the response ([`TokenSpans`]), and a [`Placement`] says how the scores of
//! segments become numbers of tokens.

mod offsets;
mod pieces;
mod placement;

use gradus_data::{CharSpan, describe_value};
use serde_json::{Map, Value};

pub(crate) use placement::Placement;

use crate::refusal::Refusal;

/// The keys beside a record that say where the policy's tokens lie.
const OFFSETS: &str = "offsets";
const TOKENS: &str = "tokens";

/// Where the tokens of a policy lie in a response: characters, empty where a token has no text.
///
/// The spans are in the order of the text. Two share a character where the tokenizer splits it. Together
/// they hold every character that is not white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenSpans(Vec<CharSpan>);

/// Where the policy's tokens lie, as a record says it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenSource {
    /// `offsets`: the characters of each token.
    Offsets(Vec<CharSpan>),
    /// `tokens`: the text of each token, as the tokenizer spells or decodes it.
    Tokens(Vec<String>),
}

impl TokenSource {
    /// Takes `offsets` or `tokens` out of a record; `None` where it has neither.
    pub(crate) fn take(record: &mut Map<String, Value>) -> Result<Option<Self>, Refusal> {
        let mut present = |key| record.shift_remove(key).filter(|value| !value.is_null());
        match (present(OFFSETS), present(TOKENS)) {
            (None, None) => Ok(None),
            (Some(offsets), None) => Ok(Some(Self::Offsets(read_offsets(offsets)?))),
            (None, Some(tokens)) => Ok(Some(Self::Tokens(read_tokens(tokens)?))),
            (Some(_), Some(_)) => Err(Refusal::field(
                TOKENS,
                "both `offsets` and `tokens`",
                "one of the two",
            )),
        }
    }

    /// Finds the tokens in a response.
    pub(crate) fn locate(&self, response: &str) -> Result<TokenSpans, Refusal> {
        match self {
            Self::Offsets(spans) => {
                offsets::check(spans, response)?;
                Ok(TokenSpans(spans.clone()))
            }
            Self::Tokens(tokens) => pieces::locate(tokens, response).map(TokenSpans),
        }
    }
}

fn read_offsets(value: Value) -> Result<Vec<CharSpan>, Refusal> {
    let Value::Array(pairs) = value else {
        return Err(Refusal::field(
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
            Refusal::field(
                format!("{OFFSETS}[{place}]"),
                describe_value(pair),
                expected,
            )
        })
    });
    spans.collect()
}

fn read_tokens(value: Value) -> Result<Vec<String>, Refusal> {
    let Value::Array(tokens) = value else {
        return Err(Refusal::field(
            TOKENS,
            describe_value(&value),
            "a list of texts, one a token",
        ));
    };
    let tokens = tokens.into_iter().enumerate();
    let texts = tokens.map(|(place, token)| match token {
        Value::String(text) => Ok(text),
        other => Err(Refusal::field(
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

    fn taken(value: Value) -> Result<Option<TokenSource>, Refusal> {
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
            assert_eq!(
                taken(value.clone()).unwrap_err().error.field.as_deref(),
                Some(field),
                "{value}"
            );
        }
    }
}
