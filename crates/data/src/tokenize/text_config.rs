use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    ChatTemplate, CutSegments, DEFAULT_ASPECT, DataError, RatingScale, Result, Segment, Segmenter,
    Separator, TruncationPolicy,
};

/// An aspect of rating, and the scale between its ratings and the training targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AspectSpec {
    /// Name of the aspect in the records; [`DEFAULT_ASPECT`] for ratings that are plain numbers.
    pub name: String,
    /// Maps ratings to targets and scores back to ratings.
    pub scale: RatingScale,
}

impl AspectSpec {
    /// The aspect `name` with unchanged ratings as targets.
    pub fn identity(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            scale: RatingScale::Identity,
        }
    }
}

/// The settings from text to tokens, which training and scoring must share. The bundle stores them.
///
/// | name | default | range |
/// |---|---|---|
/// | `max_length` | 512 | special tokens + 4 or more |
/// | `truncation` | `shorten` | |
/// | `cut_segments` | `drop` | |
/// | `stride` | none | at least 1 |
/// | `segmenter` | `sentence` | |
/// | `aspects` | `rating`, identity scale | at least one, distinct names |
/// | `use_context` | `true` | |
/// | `chat_template` | none | |
/// | `separator` | none | not empty |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextConfig {
    /// Maximum length of a sequence in tokens, including special tokens.
    pub max_length: usize,
    /// Treatment of longer sequences.
    pub truncation: TruncationPolicy,
    /// Treatment of segments of which only the beginning fits.
    #[serde(default, skip_serializing_if = "CutSegments::is_drop")]
    pub cut_segments: CutSegments,
    /// The step, in tokens, of the windows in which a response is read that is longer than the model reads; see
    /// [`SegmentTokenizer::tokenize_windows`](crate::SegmentTokenizer::tokenize_windows). Default: none; such a response is
    /// cut at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,
    /// Segmenter for responses without segments.
    pub segmenter: Segmenter,
    /// The aspects to train and score, in the order of the model's outputs. Other ratings are ignored.
    pub aspects: Vec<AspectSpec>,
    /// Whether the model reads contexts, after the prompt and a line break.
    pub use_context: bool,
    /// The chat template around prompt and context, instead of the tokenizer's special tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<ChatTemplate>,
    /// The separator after every segment, at which its score is read. Default: none; the score is read from the tokens
    /// of the segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<Separator>,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            max_length: 512,
            truncation: TruncationPolicy::Shorten,
            cut_segments: CutSegments::Drop,
            stride: None,
            segmenter: Segmenter::Sentence,
            aspects: vec![AspectSpec::identity(DEFAULT_ASPECT)],
            use_context: true,
            chat_template: None,
            separator: None,
        }
    }
}

impl TextConfig {
    /// Checks all settings that need no tokenizer. [`SegmentTokenizer::new`](crate::SegmentTokenizer::new) does too.
    ///
    /// # Errors
    /// - [`DataError::NoAspects`], [`DataError::DuplicateAspect`]
    /// - [`DataError::InvalidSegmenter`], [`DataError::InvalidSeparator`], [`DataError::Stride`]
    /// - [`DataError::ScaleRange`], [`DataError::ScaleSpread`]: a scale whose parameters are out of range
    pub fn check(&self) -> Result<()> {
        if self.aspects.is_empty() {
            return Err(DataError::NoAspects);
        }
        let mut names = BTreeSet::new();
        for aspect in &self.aspects {
            if !names.insert(&aspect.name) {
                return Err(DataError::DuplicateAspect {
                    name: aspect.name.clone(),
                });
            }
            aspect.scale.checked()?;
        }
        if self.stride == Some(0) {
            return Err(DataError::Stride { found: "0".into() });
        }
        if let Some(separator) = &self.separator {
            separator.check(self.chat_template.is_some())?;
        }
        self.segmenter.check()
    }

    /// The treatment of cut segments. With separators, a segment without its separator cannot be scored.
    pub(crate) fn cut_policy(&self) -> CutSegments {
        match self.separator {
            Some(_) => CutSegments::Drop,
            None => self.cut_segments,
        }
    }

    /// Whether a segment has a rating of a configured aspect.
    pub(crate) fn rates(&self, segment: &Segment) -> bool {
        self.aspects
            .iter()
            .any(|aspect| segment.ratings.contains_key(&aspect.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_reads_what_it_writes() {
        let config = TextConfig {
            segmenter: Segmenter::Delimiter("\n\n".to_owned()),
            aspects: vec![
                AspectSpec::identity("factuality"),
                AspectSpec {
                    name: "tone".to_owned(),
                    scale: RatingScale::MinMax { min: 1.0, max: 5.0 },
                },
            ],
            ..TextConfig::default()
        };
        let json = serde_json::to_value(&config).unwrap();
        assert_eq!(json["truncation"], "shorten");
        assert_eq!(json["segmenter"]["delimiter"], "\n\n");
        assert_eq!(serde_json::from_value::<TextConfig>(json).unwrap(), config);
    }

    #[test]
    fn a_bundle_from_before_windows_cuts_and_a_step_of_zero_is_refused() {
        let json = serde_json::to_value(TextConfig::default()).unwrap();
        assert!(json.get("stride").is_none(), "{json}");
        assert_eq!(
            serde_json::from_value::<TextConfig>(json).unwrap().stride,
            None
        );
        let with = |stride| TextConfig {
            stride: Some(stride),
            ..TextConfig::default()
        };
        let error = with(0).check().unwrap_err().to_string();
        assert!(error.starts_with("stride: found `0`"), "{error}");
        with(1).check().unwrap();
    }

    #[test]
    fn unknown_keys_are_refused() {
        let mut json = serde_json::to_value(TextConfig::default()).unwrap();
        json["max_len"] = 5.into();
        assert!(serde_json::from_value::<TextConfig>(json).is_err());
    }

    #[test]
    fn a_config_needs_distinct_aspects() {
        let mut config = TextConfig {
            aspects: vec![],
            ..TextConfig::default()
        };
        assert!(matches!(config.check(), Err(DataError::NoAspects)));
        config.aspects = vec![AspectSpec::identity("a"), AspectSpec::identity("a")];
        assert!(matches!(config.check(), Err(DataError::DuplicateAspect { name }) if name == "a"));
    }
}
