//! A text behind every segment, for models that say there what they think of it.

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// What is written behind every segment of a response, and how prompt and response are joined around
/// it: the input of process reward models, which put the score of a step at a separator.
///
/// The model reads
///
/// ```text
/// before_prompt  prompt  before_response  segment 1  text  between  segment 2  text  between  ..
/// ```
///
/// and the score of a segment is read at the last token of the `text` behind it. White space between
/// segments is left out. With a chat template, that writes what stands before the prompt and before
/// the response.
///
/// How the response is cut is a part of what such a model reads. So the segments of a response have to hold all of
/// its text: rated or not makes no difference, but one that is not listed would be read as if it were
/// not there. A response without segments is cut by the bundle's [`Segmenter`](crate::Segmenter).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Separator {
    /// Written behind every segment; not empty. Such as `<extra_0>`, ` ки` or a line break.
    pub text: String,
    /// Written behind that where another segment follows. Default: nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub between: String,
    /// Written before the prompt. Default: nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before_prompt: String,
    /// Written between the prompt (or the context behind it) and the first segment. Default: nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before_response: String,
    /// Whether the prompt (with what stands before and behind it), segments and separators are tokenized one by
    /// one, as TRL trains. Default: the whole text is tokenized at once, as most models are used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
}

impl Separator {
    /// This text, and nothing else, behind every segment.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Tells whether it can be used, with a chat template or without.
    ///
    /// # Errors
    /// [`DataError::InvalidSeparator`]
    pub(crate) fn check(&self, chat_template: bool) -> Result<()> {
        let refuse = |found: &str, expected| {
            Err(DataError::InvalidSeparator {
                found: found.to_owned(),
                expected,
            })
        };
        if self.text.is_empty() {
            return refuse("an empty text", "what is written behind every segment");
        }
        if !chat_template {
            return Ok(());
        }
        if !self.before_prompt.is_empty() || !self.before_response.is_empty() {
            let expected =
                "one of them, as the template writes what stands before prompt and response";
            return refuse(
                "a chat template beside a text before prompt or response",
                expected,
            );
        }
        if self.apart {
            let expected = "texts tokenized at once, as the template is";
            return refuse(
                "a chat template beside texts tokenized one by one",
                expected,
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_separator_reads_what_it_writes_and_writes_what_is_set() {
        let separator = Separator::new("<extra_0>");
        let json = serde_json::to_string(&separator).unwrap();
        assert_eq!(json, r#"{"text":"<extra_0>"}"#);
        let full = Separator {
            between: "\n".into(),
            before_response: " ".into(),
            apart: true,
            ..Separator::new(" ки")
        };
        let json = serde_json::to_string(&full).unwrap();
        assert_eq!(serde_json::from_str::<Separator>(&json).unwrap(), full);
    }

    #[test]
    fn what_a_chat_template_writes_cannot_be_set_beside_it() {
        let apart = Separator {
            apart: true,
            ..Separator::new("x")
        };
        let before = Separator {
            before_response: " ".into(),
            ..Separator::new("x")
        };
        for separator in [&apart, &before] {
            assert!(separator.check(false).is_ok());
            assert!(separator.check(true).is_err());
        }
        assert!(Separator::new("").check(false).is_err());
        assert!(Separator::new("x").check(true).is_ok());
    }
}
