//! Run configurations: one TOML file that says everything about a training run.

use std::path::{Path, PathBuf};

use gradus_eval::Aggregation;
use gradus_files::is_about_the_path;
use gradus_train::{
    CheckedConfig, CheckedModel, ModelOptions, ScratchOptions, SoftAggregation, TextOptions,
    TrainConfig, TrainError,
};
use serde::{Deserialize, Serialize};

/// A training run: what to train on what, and how.
///
/// Every key is optional, unknown keys are refused, and what a file leaves out takes its default.
/// Either `encoder` names a pretrained encoder or a `[scratch]` table describes a small new one.
///
/// ```
/// let config = gradus::RunConfig::parse("epochs = 1", "run.toml");
/// assert!(config.unwrap_err().to_string().contains("unknown field `epochs`"));
/// let config = gradus::RunConfig::parse("[training]\nepochs = 1", "run.toml").unwrap();
/// assert_eq!(config.training.epochs, 1);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Hugging Face directory of a pretrained encoder, or the name of a model on the Hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<PathBuf>,
    /// Training split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<PathBuf>,
    /// Validation split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<PathBuf>,
    /// Directory for the bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<PathBuf>,
    /// Directory for checkpoints while training. Default: `OUTPUT.checkpoints`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<PathBuf>,
    /// Device, as `gradus devices` names them. Default: the fastest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// How segment scores become a response score. Default: as the response loss aggregates them, the
    /// mean without one; see [`RunConfig::aggregation`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregation: Option<Aggregation>,
    /// How records are read.
    pub text: TextOptions,
    /// The model on top of its encoder.
    pub model: ModelOptions,
    /// A small encoder from scratch, instead of `encoder`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scratch: Option<ScratchOptions>,
    /// Optimization.
    pub training: TrainConfig,
}

/// Settings of a [`RunConfig`] that were found in range and to go together.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedSettings {
    /// Optimization.
    pub training: CheckedConfig,
    /// The model on top of its encoder.
    pub model: CheckedModel,
}

/// Why a run configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunConfigError {
    /// The file cannot be read; the message names it.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// The text is not a run configuration.
    #[error("{name}: {source}")]
    Parse {
        /// Name of the file.
        name: String,
        /// Line, key, what was found and what was expected.
        source: Box<toml::de::Error>,
    },
    /// A path that the configuration saved with a run cannot hold.
    #[error("{key}: found the path {path:?}, expected one that is Unicode")]
    NotUnicode {
        /// The key.
        key: &'static str,
        /// Its path.
        path: PathBuf,
    },
    /// The configuration cannot be written as TOML.
    #[error("the configuration cannot be saved: {0}")]
    Write(#[from] toml::ser::Error),
}

impl RunConfigError {
    /// Whether the file or its name is at fault, rather than the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Read(cause) => is_about_the_path(cause),
            _ => true,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read(_) | Self::Write(_) => None,
            Self::NotUnicode { .. } => Some(
                "the settings of a run are saved as TOML, which is Unicode: rename it, or name it by a link"
                    .into(),
            ),
            Self::Parse { .. } => {
                Some("the keys are listed in docs/run-config.md and shown in configs/".into())
            }
        }
    }
}

impl RunConfig {
    /// Reads a configuration from text; `name` stands in messages.
    ///
    /// # Errors
    /// [`RunConfigError::Parse`] for text that is not TOML, an unknown key, or a value of the wrong
    /// type or range.
    pub fn parse(text: &str, name: &str) -> Result<Self, RunConfigError> {
        toml::from_str(text).map_err(|source| RunConfigError::Parse {
            name: name.into(),
            source: Box::new(source),
        })
    }

    /// Reads a configuration from a file.
    ///
    /// # Errors
    /// [`RunConfigError::Read`] or [`RunConfigError::Parse`].
    pub fn load(path: &Path) -> Result<Self, RunConfigError> {
        Self::parse(&fs_err::read_to_string(path)?, &path.display().to_string())
    }

    /// Refuses settings outside their ranges, before any work is done.
    ///
    /// # Errors
    /// [`TrainError::Setting`] and [`TrainError::Model`], with name, value and range.
    pub fn check(&self) -> Result<CheckedSettings, TrainError> {
        let training = self.training.clone().check()?;
        let model = self.model.clone().check(&training)?;
        Ok(CheckedSettings { training, model })
    }

    /// How segment scores become a response score: as the configuration says, or else as the response
    /// loss aggregates them, so that ratings of responses are judged by what was trained; the mean
    /// without one.
    pub fn aggregation(&self) -> Aggregation {
        self.aggregation
            .or_else(|| self.trained_aggregation())
            .unwrap_or_default()
    }

    /// The aggregation of the response loss.
    pub fn trained_aggregation(&self) -> Option<Aggregation> {
        let response = self.training.response_loss?;
        Some(match response.aggregation {
            SoftAggregation::Mean => Aggregation::Mean,
            SoftAggregation::Sum => Aggregation::Sum,
            SoftAggregation::Product => Aggregation::Product,
            SoftAggregation::SoftMin { temperature } => Aggregation::SoftMin { temperature },
        })
    }

    /// The configuration as TOML that [`parse`](Self::parse) reads back.
    ///
    /// # Errors
    /// [`RunConfigError::NotUnicode`] for a path that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, RunConfigError> {
        let paths = [
            ("encoder", &self.encoder),
            ("train", &self.train),
            ("valid", &self.valid),
            ("output", &self.output),
            ("checkpoints", &self.checkpoints),
            ("model.init_head", &self.model.init_head),
        ];
        for (key, path) in paths {
            if let Some(path) = path.as_ref().filter(|path| path.to_str().is_none()) {
                let path = path.clone();
                return Err(RunConfigError::NotUnicode { key, path });
            }
        }
        Ok(toml::to_string_pretty(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_configuration_reads_back_as_itself() {
        let mut config = RunConfig {
            encoder: Some("minilm".into()),
            ..RunConfig::default()
        };
        config.text.aspects = vec!["factuality".into()];
        config.training.loss = gradus_train::Huber { delta: 0.1 }.into();
        config.scratch = Some(ScratchOptions::default());
        config.model.head = "mlp:32:0.1".parse().unwrap();
        config.model.lora = Some("4".parse().unwrap());
        config.training.ranking = Some(gradus_train::Ranking {
            weight: 0.5,
            margin: 0.1,
        });
        config.training.aspect_weights = [("factuality".to_owned(), 2.0)].into();
        config.training.response_loss = Some(gradus_train::ResponseLoss {
            weight: 0.5,
            aggregation: "softmin:0.1".parse().unwrap(),
        });
        config.training.freeze = gradus_train::Freeze::Layers(2);
        let text = config.to_toml().unwrap();
        assert_eq!(RunConfig::parse(&text, "test").unwrap(), config, "{text}");
        config.aggregation = Some(Aggregation::Min);
        let text = config.to_toml().unwrap();
        assert_eq!(RunConfig::parse(&text, "test").unwrap(), config, "{text}");
    }

    #[test]
    fn the_response_score_is_the_one_that_was_trained_unless_another_is_asked_for() {
        let mut config = RunConfig::default();
        assert_eq!(config.aggregation(), Aggregation::Mean);
        for text in ["mean", "sum", "product", "softmin:0.25"] {
            config.training.response_loss = Some(gradus_train::ResponseLoss {
                weight: 1.0,
                aggregation: text.parse().unwrap(),
            });
            assert_eq!(config.aggregation().to_string(), text);
        }
        config.aggregation = Some(Aggregation::Last);
        assert_eq!(config.aggregation(), Aggregation::Last);
    }

    #[test]
    fn a_typo_is_named_with_its_line() {
        let message = RunConfig::parse("\n[training]\nlerning_rate = 1.0\n", "my.toml")
            .unwrap_err()
            .to_string();
        assert!(message.starts_with("my.toml: "), "{message}");
        assert!(
            message.contains("lerning_rate") && message.contains("line 3"),
            "{message}"
        );
    }

    #[test]
    fn values_out_of_range_are_refused_where_they_stand() {
        let error = RunConfig::parse("[training]\nloss = \"huber:0\"", "my.toml").unwrap_err();
        assert!(
            error.to_string().contains("finite delta above 0"),
            "{error}"
        );
    }
}
