//! Settings of text, targets and model.

use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::str::FromStr;

use gradus_data::{CutSegments, Example, RatingScale, Segmenter, TruncationPolicy};
use gradus_model::{HeadConfig, LoraConfig, ModelError, Pooling};
use gradus_parts::OwnPart;
use serde::{Deserialize, Serialize};

use super::{ChatTemplateOption, CheckedConfig, Freeze};
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
    /// Segmenter for responses without segments. Default: sentences.
    #[serde(deserialize_with = "Segmenter::from_setting")]
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
        let some = train.iter().any(Example::has_context);
        match self {
            Self::Auto => Ok(some),
            Self::Leave => Ok(false),
            Self::Read if some => Ok(true),
            Self::Read => Err(TrainError::NoContext {
                records: train.len(),
            }),
        }
    }
}

/// The kind of [`RatingScale`] of the aspects; as text `identity`, `standardized`, `minmax:LOW:HIGH`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum ScaleOption {
    /// Targets are the ratings.
    #[default]
    Identity,
    /// Mean 0 and standard deviation 1 over the training split's ratings of the aspect.
    Standardized,
    /// `low` becomes 0 and `high` becomes 1.
    MinMax {
        /// The rating that becomes 0.
        low: f64,
        /// The rating that becomes 1.
        high: f64,
    },
}

impl ScaleOption {
    /// Fits the scale of an aspect to its training ratings.
    ///
    /// # Errors
    /// If constant ratings are to be standardized, or the range is empty.
    pub fn fit(self, ratings: &[f64]) -> Result<RatingScale> {
        Ok(match self {
            Self::Identity => RatingScale::Identity,
            Self::Standardized => RatingScale::fit_standardized(ratings)?,
            Self::MinMax { low, high } => RatingScale::min_max(low, high)?,
        })
    }
}

impl fmt::Display for ScaleOption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => formatter.write_str("identity"),
            Self::Standardized => formatter.write_str("standardized"),
            Self::MinMax { low, high } => write!(formatter, "minmax:{low}:{high}"),
        }
    }
}

impl FromStr for ScaleOption {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let option = match parts.as_slice() {
            ["identity"] => Some(Self::Identity),
            ["standardized"] => Some(Self::Standardized),
            ["minmax", low, high] => match (low.parse(), high.parse()) {
                (Ok(low), Ok(high)) if low < high && f64::is_finite(high - low) => {
                    Some(Self::MinMax { low, high })
                }
                _ => None,
            },
            _ => None,
        };
        option.ok_or_else(|| TrainError::Setting {
            name: "scale",
            found: format!("`{text}`"),
            expected: "`identity`, `standardized` or `minmax:LOW:HIGH` with LOW below HIGH",
        })
    }
}

impl TryFrom<String> for ScaleOption {
    type Error = TrainError;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ScaleOption> for String {
    fn from(option: ScaleOption) -> Self {
        option.to_string()
    }
}

/// Settings of the model on top of the encoder: the `[model]` table of a run configuration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelOptions {
    /// Pooling of token states to segment vectors. Default: depends on the encoder, see
    /// [`EncoderConfig::default_pooling`](gradus_model::EncoderConfig::default_pooling).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Layers from segment vectors to scores. Default: one linear layer.
    pub head: HeadConfig,
    /// Low-rank adapters; the rest of the encoder is then frozen. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
    /// Bundle with the initial head, for example of a probe. Default: a random head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_head: Option<PathBuf>,
    /// Maximum number of new parameters: head, adapters, and all of an encoder from scratch. A configuration with more
    /// is refused before memory is allocated. At least 1, default 1,000,000,000 (4 GB).
    #[serde(skip_serializing_if = "ParameterLimit::is_default")]
    pub max_parameters: ParameterLimit,
}

/// Maximum number of new parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterLimit(pub usize);

impl Default for ParameterLimit {
    fn default() -> Self {
        Self(1_000_000_000)
    }
}

impl ParameterLimit {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses a model with more new parameters.
    ///
    /// # Errors
    /// [`TrainError::Setting`].
    pub(crate) fn check(self, parameters: usize) -> Result<()> {
        if parameters <= self.0 {
            return Ok(());
        }
        Err(TrainError::Setting {
            name: "model.max_parameters",
            found: format!("{} for a model with {parameters} new parameters", self.0),
            expected: "at least as many as the model has, or a smaller model",
        })
    }
}

impl ModelOptions {
    /// Refuses settings that are out of range or contradict each other, before any work is done.
    ///
    /// # Errors
    /// [`TrainError::Model`] for a value out of range, [`TrainError::Setting`] for adapters of an
    /// encoder that `freeze` already freezes.
    pub fn check(mut self, training: &CheckedConfig) -> Result<CheckedModel> {
        let pooling = self.pooling.take().map(Pooling::resolved).transpose();
        self.pooling = pooling.map_err(ModelError::from)?;
        let head = std::mem::take(&mut self.head).resolved();
        self.head = head.map_err(ModelError::from)?;
        self.head.check().map_err(ModelError::from)?;
        let Some(lora) = &self.lora else {
            return Ok(CheckedModel(self));
        };
        lora.check().map_err(ModelError::from)?;
        if training.freeze == Freeze::Nothing {
            return Ok(CheckedModel(self));
        }
        Err(TrainError::Setting {
            name: "freeze",
            found: format!("`{}` together with `lora`", training.freeze),
            expected: "`none`: adapters already freeze the matrices of the encoder",
        })
    }
}

/// Checked [`ModelOptions`], made by [`ModelOptions::check`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CheckedModel(ModelOptions);

impl Deref for CheckedModel {
    type Target = ModelOptions;

    fn deref(&self) -> &ModelOptions {
        &self.0
    }
}

/// A small encoder from scratch, with a word-level vocabulary of the training texts: the
/// `[scratch]` table of a run configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScratchOptions {
    /// Width of the hidden states, a multiple of `num_heads`. Default 64.
    pub d_model: usize,
    /// Transformer layers. Default 2.
    pub num_layers: usize,
    /// Attention heads. Default 4.
    pub num_heads: usize,
    /// Width of the feed-forward layers. Default 128.
    pub d_ff: usize,
    /// Standard deviation of the initial weights. Above 0, default 0.02.
    pub initializer_range: f64,
    /// Whether keys start equal to queries, so that attention starts as similarity; see
    /// [`BertConfig::keys_start_as_queries`](gradus_model::encoder::BertConfig::keys_start_as_queries).
    /// Default true.
    pub keys_start_as_queries: bool,
    /// Kind of the tokens. Default: words.
    #[serde(skip_serializing_if = "ScratchTokens::is_words")]
    pub tokens: ScratchTokens,
    /// A [`NamedEncoder`](gradus_model::NamedEncoder) of another program, instead of the encoder with the sizes
    /// above. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<OwnPart>,
}

/// The kind of tokens of an encoder from scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ScratchTokens {
    /// The words of the training texts.
    #[default]
    Words,
    /// The UTF-8 bytes of a text.
    Bytes,
}

impl ScratchTokens {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_words(&self) -> bool {
        *self == Self::Words
    }
}

impl ScratchOptions {
    /// Refuses sizes together with an encoder that has its own settings.
    pub(crate) fn check(&self) -> Result<()> {
        let Some(encoder) = &self.encoder else {
            return Ok(());
        };
        let plain = Self {
            encoder: Some(encoder.clone()),
            tokens: self.tokens,
            ..Self::default()
        };
        if *self == plain {
            return Ok(());
        }
        Err(TrainError::Setting {
            name: "scratch",
            found: format!("sizes together with the encoder `{}`", encoder.kind),
            expected: "settings in the table of that encoder",
        })
    }
}

impl Default for ScratchOptions {
    fn default() -> Self {
        Self {
            d_model: 64,
            num_layers: 2,
            num_heads: 4,
            d_ff: 128,
            initializer_range: 0.02,
            keys_start_as_queries: true,
            tokens: ScratchTokens::default(),
            encoder: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_written_and_read_as_text() {
        for option in [
            ScaleOption::Identity,
            ScaleOption::Standardized,
            ScaleOption::MinMax {
                low: -1.0,
                high: 2.5,
            },
        ] {
            assert_eq!(option.to_string().parse::<ScaleOption>().unwrap(), option);
        }
        for text in [
            "minmax",
            "minmax:1:1",
            "minmax:0:inf",
            "minmax:a:b",
            "log",
            "",
        ] {
            assert!(text.parse::<ScaleOption>().is_err(), "{text}");
        }
    }

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

    #[test]
    fn a_standardized_scale_is_fitted_to_the_training_ratings() {
        let scale = ScaleOption::Standardized.fit(&[0.0, 1.0]).unwrap();
        assert!((scale.to_target(1.0) - 1.0).abs() < 1e-12);
        assert!(ScaleOption::Standardized.fit(&[0.5, 0.5]).is_err());
    }
}
