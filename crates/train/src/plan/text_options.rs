//! Settings of text and targets.

use gradus_data::{ContextCounts, CutSegments, Example, Segmenter, Stride, TruncationPolicy};
use serde::{Deserialize, Serialize};

use super::{ChatTemplateOption, ScaleOption};
use crate::{Result, TrainError};

/// Settings of text and targets: the `[text]` table of a run configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextOptions {
    /// Maximum tokens of an example, including special tokens. Default 256.
    pub max_length: usize,
    /// Treatment of longer examples. Default: truncate.
    pub truncation: TruncationPolicy,
    /// Treatment of segments that do not fit completely. Default: drop, so they are neither trained on nor
    /// scored by the bundle.
    #[serde(skip_serializing_if = "CutSegments::is_drop")]
    pub cut_segments: CutSegments,
    /// Windows over longer responses, for training, validation and the scoring of the bundle. Default: at every quarter of
    /// `max_length`, see [`Stride::of_new`].
    #[serde(skip_serializing_if = "Stride::is_auto")]
    pub stride: Stride,
    /// Segmenter for responses without segments. Default: sentences.
    #[serde(
        serialize_with = "Segmenter::to_setting",
        deserialize_with = "Segmenter::from_setting"
    )]
    pub segmenter: Segmenter,
    /// Whether the model reads contexts, behind the prompt. Default: if any record has one.
    pub use_context: ContextOption,
    /// The chat template of prompts. Default: the template of a decoder, if it has one.
    #[serde(skip_serializing_if = "ChatTemplateOption::is_auto")]
    pub chat_template: ChatTemplateOption,
    /// Aspects to train, in the order of the model's outputs. Default: all rated ones, sorted.
    pub aspects: Vec<String>,
    /// Scale of the targets. Default: the ratings unchanged.
    pub scale: ScaleOption,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            max_length: 256,
            truncation: TruncationPolicy::default(),
            cut_segments: CutSegments::default(),
            stride: Stride::default(),
            segmenter: Segmenter::default(),
            use_context: ContextOption::Auto,
            chat_template: ChatTemplateOption::Auto,
            aspects: Vec::new(),
            scale: ScaleOption::Identity,
        }
    }
}

/// Whether the model reads contexts, behind the prompt: `true`, `false` or `"auto"` in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "ContextSetting", into = "ContextSetting")]
#[non_exhaustive]
pub enum ContextOption {
    /// Yes, if a record of the training split has one.
    #[default]
    Auto,
    /// Yes; an error if no record of the training split has one.
    Read,
    /// No.
    Leave,
}

/// The form of a [`ContextOption`] in a file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ContextSetting {
    Flag(bool),
    Word(String),
}

impl TryFrom<ContextSetting> for ContextOption {
    type Error = TrainError;

    fn try_from(setting: ContextSetting) -> Result<Self> {
        match setting {
            ContextSetting::Flag(true) => Ok(Self::Read),
            ContextSetting::Flag(false) => Ok(Self::Leave),
            ContextSetting::Word(word) if word == "auto" => Ok(Self::Auto),
            ContextSetting::Word(word) => Err(TrainError::Setting {
                name: "use_context",
                found: format!("`{word}`"),
                expected: "true, false or \"auto\"",
            }),
        }
    }
}

impl From<ContextOption> for ContextSetting {
    fn from(option: ContextOption) -> Self {
        match option {
            ContextOption::Auto => Self::Word("auto".into()),
            ContextOption::Read => Self::Flag(true),
            ContextOption::Leave => Self::Flag(false),
        }
    }
}

impl ContextOption {
    /// Resolves the option for a training split.
    ///
    /// # Errors
    /// [`TrainError::NoContext`] if contexts are required and no record has one.
    pub fn resolve(self, train: &[Example]) -> Result<bool> {
        self.resolve_for(ContextCounts::of(train))
    }

    /// The same for a training split with these counts.
    pub(super) fn resolve_for(self, train: ContextCounts) -> Result<bool> {
        let some = train.with_context > 0;
        match self {
            Self::Auto => Ok(some),
            Self::Leave => Ok(false),
            Self::Read if some => Ok(true),
            Self::Read => Err(TrainError::NoContext {
                records: train.records,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_read_where_there_are_some_unless_told_otherwise() {
        let with = |context: Option<&str>| Example {
            context: context.map(str::to_owned),
            ..Example::default()
        };
        let (some, none) = ([with(None), with(Some("c"))], [with(None), with(Some(" "))]);
        for (option, of_some) in [
            (ContextOption::Auto, true),
            (ContextOption::Read, true),
            (ContextOption::Leave, false),
        ] {
            assert_eq!(option.resolve(&some).unwrap(), of_some);
        }
        assert!(!ContextOption::Auto.resolve(&none).unwrap());
        let error = ContextOption::Read.resolve(&none).unwrap_err();
        assert!(error.to_string().contains("0 of 2 records"), "{error}");
        for (text, option) in [
            ("true", ContextOption::Read),
            ("false", ContextOption::Leave),
            ("\"auto\"", ContextOption::Auto),
        ] {
            assert_eq!(serde_json::from_str::<ContextOption>(text).unwrap(), option);
            assert_eq!(serde_json::to_string(&option).unwrap(), text);
        }
        assert!(serde_json::from_str::<ContextOption>("\"maybe\"").is_err());
    }
}
