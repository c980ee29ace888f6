//! The chat template of a run.

use std::fmt;
use std::path::{Path, PathBuf};

use gradus_data::ChatTemplate;
use serde::{Deserialize, Serialize};

use crate::Result;

/// The chat template of prompts; as text `auto`, `none` or the path of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum ChatTemplateOption {
    /// The template in the directory of the encoder, if the encoder is a decoder and has one. Bidirectional
    /// encoders were not trained with templates.
    #[default]
    Auto,
    /// No template: prompt and response are joined as the tokenizer joins a pair.
    Nothing,
    /// The template in a file, for any encoder; see [`ChatTemplate::from_file`].
    File(PathBuf),
}

impl ChatTemplateOption {
    /// Whether it is the default.
    pub fn is_auto(&self) -> bool {
        *self == Self::Auto
    }

    /// The template for the encoder in a directory.
    ///
    /// # Errors
    /// [`TrainError::Data`](crate::TrainError::Data) if a file cannot be read or a template cannot be used.
    pub fn resolve(&self, directory: &Path, is_causal: bool) -> Result<Option<ChatTemplate>> {
        Ok(match self {
            Self::Auto if is_causal => ChatTemplate::from_directory(directory)?,
            Self::Auto | Self::Nothing => None,
            Self::File(path) => Some(ChatTemplate::from_file(path)?),
        })
    }
}

impl fmt::Display for ChatTemplateOption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Nothing => formatter.write_str("none"),
            Self::File(path) => path.display().fmt(formatter),
        }
    }
}

impl From<String> for ChatTemplateOption {
    fn from(text: String) -> Self {
        match text.as_str() {
            "auto" => Self::Auto,
            "none" => Self::Nothing,
            _ => Self::File(text.into()),
        }
    }
}

impl From<ChatTemplateOption> for String {
    fn from(option: ChatTemplateOption) -> Self {
        option.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_decoders_take_what_lies_beside_them_unless_a_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chat_template.jinja");
        fs_err::write(&path, "[{{ messages[0].content }}]").unwrap();
        let resolve = |option: &ChatTemplateOption, is_causal| {
            let template = option.resolve(directory.path(), is_causal).unwrap();
            template.map(|template| template.source)
        };
        let found = Some("chat_template.jinja".to_owned());
        assert_eq!(resolve(&ChatTemplateOption::Auto, true), found);
        assert_eq!(resolve(&ChatTemplateOption::Auto, false), None);
        assert_eq!(resolve(&ChatTemplateOption::Nothing, true), None);
        let file = ChatTemplateOption::from(path.display().to_string());
        assert_eq!(resolve(&file, false), found);
        assert!(
            ChatTemplateOption::from("no/such.jinja".to_owned())
                .resolve(directory.path(), true)
                .is_err()
        );
    }

    #[test]
    fn options_are_written_and_read_as_text() {
        for text in ["auto", "none", "templates/none"] {
            assert_eq!(ChatTemplateOption::from(text.to_owned()).to_string(), text);
        }
    }
}
