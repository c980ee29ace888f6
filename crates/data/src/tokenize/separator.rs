//! A text after every segment, at which process reward models put the score.

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// The text after every segment of a response, and the texts that join prompt and response: the input of process
/// reward models, which put the score of a step at a separator.
///
/// The model reads
///
/// ```text
/// before_prompt  prompt  before_response  segment 1  text  between  segment 2  text  between  ..
/// ```
///
/// and the score of a segment is read at the last token of the `text` after it. White space between segments is left
/// out. A chat template, if there is one, writes the texts before the prompt and before the response.
///
/// Such a model reads the segmentation too. Therefore the segments of a response must cover all of its text, rated or
/// not: text outside of segments would be missing from the input. The bundle's [`Segmenter`](crate::Segmenter)
/// segments a response without segments.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Separator {
    /// The text after every segment, such as `<extra_0>`, ` ки` or a line break. Not empty.
    pub text: String,
    /// The text after that if another segment follows. Default: empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub between: String,
    /// The text before the prompt. Default: empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before_prompt: String,
    /// The text between the prompt (or the context after it) and the first segment. Default: empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before_response: String,
    /// Whether the prompt (with the texts around it), segments and separators are tokenized separately, as in TRL.
    /// Default: the complete text is tokenized at once, as for most models.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
}

impl Separator {
    /// A separator with only this text after every segment.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Checks that it can be used, with a chat template or without.
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
            return refuse("an empty text", "a text after every segment");
        }
        if !chat_template {
            return Ok(());
        }
        if !self.before_prompt.is_empty() || !self.before_response.is_empty() {
            let expected = "one of them: the template writes the texts before prompt and response";
            return refuse(
                "a chat template together with a text before prompt or response",
                expected,
            );
        }
        if self.apart {
            let expected = "texts tokenized at once, like the template";
            return refuse(
                "a chat template together with texts tokenized separately",
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
