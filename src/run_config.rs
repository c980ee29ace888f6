//! Run configurations: all settings of a training run in one TOML file.

use std::path::{Path, PathBuf};

use gradus_data::ColumnMap;
use gradus_eval::Aggregation;
use gradus_files::{MOST_SETTINGS, is_about_the_path, read_bounded};
use gradus_train::{
    CheckedConfig, CheckedModel, ModelOptions, ScratchOptions, SoftAggregation, SourceBundle,
    TextOptions, TrainConfig, TrainError,
};
use serde::{Deserialize, Serialize};

use crate::{DataIn, StackOption};

/// Settings of a training run.
///
/// Every key is optional, missing keys take their defaults, and unknown keys are refused. `encoder`
/// names a pretrained encoder, or `[scratch]` describes a small new one.
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
    /// Bundle to train further, instead of `encoder`. Its settings of text and model are the run's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// SHA-256 of the weights of `from`; a bundle with others is refused. Written by a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_weights: Option<String>,
    /// Test data of `from`, judged before and after, to see what it forgets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_test: Option<PathBuf>,
    /// Training split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<PathBuf>,
    /// Validation split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<PathBuf>,
    /// SHA-256 of the training split, of all its files one behind the other. A run pins a split of another place with
    /// it; other data is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_sha256: Option<String>,
    /// The same of the validation split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_sha256: Option<String>,
    /// Keys of the two splits under other names: `prompt=question,-image`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<ColumnMap>,
    /// Directory for the bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<PathBuf>,
    /// Directory for checkpoints while training. Default: `OUTPUT.checkpoints`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<PathBuf>,
    /// Where examples are kept while training. Default: in memory if they are few.
    #[serde(skip_serializing_if = "DataIn::is_auto")]
    pub data_in: DataIn,
    /// Directory for the cache of tokens. Default: `DATA.tokens` beside the training split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_cache: Option<PathBuf>,
    /// Device, as `gradus devices` names them. Default: the fastest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Aggregation of segment scores to a response score. Default: that of the response loss, else
    /// the mean; see [`RunConfig::aggregation`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregation: Option<Aggregation>,
    /// Whether the scores become weighted sums of the model and of a trivial baseline, where the validation split says
    /// that they predict ratings better.
    pub stack: StackOption,
    /// Text settings.
    pub text: TextOptions,
    /// Pooling, head and adapters.
    pub model: ModelOptions,
    /// A small encoder from scratch, instead of `encoder`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scratch: Option<ScratchOptions>,
    /// Training settings.
    pub training: TrainConfig,
}

/// Validated settings of a [`RunConfig`].
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedSettings {
    /// Training settings.
    pub training: CheckedConfig,
    /// Pooling, head and adapters.
    pub model: CheckedModel,
}

/// Errors of run configurations.
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
    /// A path that cannot be saved as TOML.
    #[error("{key}: found the path {path:?}, expected a path in Unicode")]
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
    /// Whether the file or its name caused the error, not the machine.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Read(cause) => is_about_the_path(cause),
            _ => true,
        }
    }

    /// A hint for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read(_) | Self::Write(_) => None,
            Self::NotUnicode { .. } => Some(
                "settings are saved as TOML, which is Unicode: rename the file, or use a link to it"
                    .into(),
            ),
            Self::Parse { .. } => {
                Some("docs/run-config.md lists all keys; configs/ has examples".into())
            }
        }
    }
}

impl RunConfig {
    /// Reads a configuration from text; `name` is its name in messages.
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

    /// The settings of a run that continues the bundle in `from`: its text, model and aggregation, and the training
    /// settings of [`SourceBundle::train_config`].
    pub fn continuing(source: &SourceBundle, from: impl Into<PathBuf>) -> Self {
        Self {
            from: Some(from.into()),
            from_weights: Some(source.info().weights.sha256.clone()),
            aggregation: Some(source.aggregation()),
            text: source.text_options(),
            model: source.model_options(),
            training: source.train_config(),
            ..Self::default()
        }
    }

    /// This configuration with the keys that a file has.
    ///
    /// # Errors
    /// Those of [`load`](Self::load), and [`RunConfigError::Write`].
    pub fn overridden_by(&self, path: &Path) -> Result<Self, RunConfigError> {
        // Errors name the line.
        let (text, name) = Self::read(path)?;
        Self::parse(&text, &name)?;
        let parse_error = |source| RunConfigError::Parse {
            name: name.clone(),
            source: Box::new(source),
        };
        let mut table = toml::Table::try_from(self)?;
        let given: toml::Table = toml::from_str(&text).map_err(parse_error)?;
        for (key, value) in given {
            let is_part = ["text", "model", "training"].contains(&key.as_str());
            match (table.get_mut(&key), value) {
                (Some(toml::Value::Table(table)), toml::Value::Table(given)) if is_part => {
                    table.extend(given);
                }
                (_, value) => {
                    table.insert(key, value);
                }
            }
        }
        table.try_into().map_err(parse_error)
    }

    /// Reads a configuration from a file.
    ///
    /// # Errors
    /// [`RunConfigError::Read`] or [`RunConfigError::Parse`].
    pub fn load(path: &Path) -> Result<Self, RunConfigError> {
        let (text, name) = Self::read(path)?;
        Self::parse(&text, &name)
    }

    /// The text of a file, and its name in messages.
    fn read(path: &Path) -> Result<(String, String), RunConfigError> {
        let text = String::from_utf8(read_bounded(path, MOST_SETTINGS)?).map_err(|_| {
            let message = format!("{}: found text that is not UTF-8", path.display());
            std::io::Error::new(std::io::ErrorKind::InvalidData, message)
        })?;
        Ok((text, path.display().to_string()))
    }

    /// Validates the settings.
    ///
    /// # Errors
    /// [`TrainError::Setting`] and [`TrainError::Model`], with name, value and range.
    pub fn check(&self) -> Result<CheckedSettings, TrainError> {
        let training = self.training.clone().check()?;
        let model = self.model.clone().check(&training)?;
        Ok(CheckedSettings { training, model })
    }

    /// Aggregation of segment scores to a response score: the configured one, else that of the
    /// response loss, so that evaluation matches training, else the mean.
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

    /// Writes TOML that [`parse`](Self::parse) reads.
    ///
    /// # Errors
    /// [`RunConfigError::NotUnicode`] for a path that is not Unicode.
    pub fn to_toml(&self) -> Result<String, RunConfigError> {
        let paths = [
            ("encoder", &self.encoder),
            ("from", &self.from),
            ("old_test", &self.old_test),
            ("train", &self.train),
            ("valid", &self.valid),
            ("output", &self.output),
            ("checkpoints", &self.checkpoints),
            ("token_cache", &self.token_cache),
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
        config.data_in = DataIn::Disk;
        config.token_cache = Some("cache".into());
        config.columns = Some("prompt=question,-image".parse().unwrap());
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
    fn a_file_overrides_the_keys_that_it_has_and_no_others() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("run.toml");
        fs_err::write(&file, "train = \"t\"\n[text]\nmax_length = 9\n").unwrap();
        let mut base = RunConfig::default();
        base.text.aspects = vec!["a".into()];
        base.training.learning_rate = Some(1e-5);
        base.model.head = "mlp:4".parse().unwrap();
        let mut expected = base.clone();
        expected.train = Some("t".into());
        expected.text.max_length = 9;
        assert_eq!(base.overridden_by(&file).unwrap(), expected);
        fs_err::write(&file, "[text]\nmaxlength = 9\n").unwrap();
        let message = base.overridden_by(&file).unwrap_err().to_string();
        assert!(message.contains("line 2"), "{message}");
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
