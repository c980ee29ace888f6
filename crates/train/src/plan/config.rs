//! Settings of a training run.

use std::collections::BTreeMap;
use std::ops::Deref;

use gradus_data::BatchSize;
use gradus_model::{ModelError, TrainingPrecision};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::default_rate::OF_OWN;
use super::{EarlyStopping, Freeze, OffsetOption, Schedule};
use crate::objective::{Ranking, RatingLoss, ResponseLoss};
use crate::{Result, TrainError};

/// Settings of a training run, the `[training]` table of a run configuration.
///
/// # Errors
///
/// [`check`](Self::check) returns [`TrainError::Setting`] for a value outside its range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over the training split. 1 to 1,000,000, default 3.
    pub epochs: usize,
    /// Examples per step. At least 1, default 16.
    pub batch_size: usize,
    /// Padded tokens per step, instead of `batch_size`. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_tokens: Option<usize>,
    /// Whether batches hold examples of similar length. Default true.
    pub bucketing: bool,
    /// Whether each epoch has its own order. Default true.
    pub shuffle: bool,
    /// Peak learning rate of the encoder. Above 0. Default none: that of [`EncoderSource::learning_rate`], 5e-5 for
    /// BERT-base and 1e-4 for MiniLM, or 5e-5 for a model of another program.
    ///
    /// [`EncoderSource::learning_rate`]: crate::EncoderSource::learning_rate
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Peak learning rate of the head. Above 0, default 1e-3.
    pub head_learning_rate: f64,
    /// Shape of the learning rate over the run. Default linear.
    pub schedule: Schedule,
    /// Share of the steps with a rising learning rate (warm-up). Range `[0, 1)`, default 0.1.
    pub warmup: f64,
    /// Weight decay of matrices (AdamW). At least 0, default 0.01.
    pub weight_decay: f64,
    /// Maximum global norm of gradients; 0 turns clipping off. Default 1.
    pub clip_norm: f64,
    /// Loss between scores and targets. Default mean squared error.
    pub loss: RatingLoss,
    /// Weight of each aspect in the loss; 1 for aspects without an entry. At least 0, one of them above 0.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub aspect_weights: BTreeMap<String, f64>,
    /// Ranking term over pairs of segments of a response. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranking: Option<Ranking>,
    /// Term for responses rated as a whole. Default none: such ratings are ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_loss: Option<ResponseLoss>,
    /// A trivial baseline that is fitted to the training ratings and whose predictions are added to the scores, so that
    /// the model learns what it does not know. Not with a loss of logits. Default none.
    pub offset: OffsetOption,
    /// Part of the encoder that stays frozen. Default none.
    pub freeze: Freeze,
    /// Epochs the encoder stays frozen (fractions allowed). Range `[0, epochs)`, default 0.
    pub freeze_epochs: f64,
    /// Learning rate of an encoder layer relative to the layer above it. Range `(0, 1]`, default 1.
    pub layer_decay: f64,
    /// Dropout on hidden states. Range `[0, 1)`, default 0.1, as in the training of BERT.
    pub dropout: f64,
    /// Dropout on attention weights. Range `[0, 1)`, default 0, because it takes a large part of the time of a
    /// step on a CPU.
    pub attention_dropout: f64,
    /// Seed of the order of examples, the initial weights and dropout. Default 0.
    pub seed: u64,
    /// Examples computed at once. The batch of a step is divided into micro-batches of at most this size, whose
    /// gradients add up to those of the whole batch. At least 1, default none: the whole batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch_size: Option<usize>,
    /// Whether the backward pass recomputes activations that are cheap to compute instead of keeping them. Affects
    /// memory and time, not the result. Default false.
    pub gradient_checkpointing: bool,
    /// Weight of the squared difference between the scores of two passes with their own dropout, whose losses are averaged
    /// (R-Drop): takes the time and memory of two batches. Above 0, with dropout and an encoder that is trained; steps in
    /// which it is frozen have one pass. Default none: one pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r_drop: Option<f64>,
    /// Number format of the products of the encoder's linear layers and attention; everything else is in `f32`. On a
    /// CPU without AVX512-BF16, `bf16` computes in `f32` and says so. Default `f32`.
    #[serde(deserialize_with = "precision", skip_serializing_if = "is_f32")]
    pub precision: TrainingPrecision,
    /// Decay of the exponential moving average of the weights, which is validated and saved instead of the weights.
    /// Range `(0, 1)`, default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema_decay: Option<f64>,
    /// Steps between validations within an epoch; its end is always validated. Default 0: none.
    pub eval_every: usize,
    /// Ends the run when validations no longer improve. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Maximum number of consecutive steps skipped because of a non-finite loss or gradient. One more ends the run.
    /// Default 3.
    pub max_skipped_steps: usize,
    /// Steps between checkpoints within an epoch; its end always has one. Default 0: none.
    pub checkpoint_every: usize,
    /// Number of checkpoints to keep, the newest ones. Default 2; 0 writes none.
    pub keep_checkpoints: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 3,
            batch_size: 16,
            batch_tokens: None,
            bucketing: true,
            shuffle: true,
            learning_rate: None,
            head_learning_rate: 1e-3,
            schedule: Schedule::Linear,
            warmup: 0.1,
            weight_decay: 0.01,
            clip_norm: 1.0,
            loss: RatingLoss::default(),
            aspect_weights: BTreeMap::new(),
            ranking: None,
            response_loss: None,
            offset: OffsetOption::default(),
            freeze: Freeze::Nothing,
            freeze_epochs: 0.0,
            layer_decay: 1.0,
            dropout: 0.1,
            attention_dropout: 0.0,
            seed: 0,
            micro_batch_size: None,
            gradient_checkpointing: false,
            r_drop: None,
            precision: TrainingPrecision::F32,
            ema_decay: None,
            eval_every: 0,
            early_stopping: None,
            max_skipped_steps: 3,
            checkpoint_every: 0,
            keep_checkpoints: 2,
        }
    }
}

/// Maximum number of epochs, because the steps of all epochs are planned before the first.
const MAX_EPOCHS: usize = 1_000_000;

/// Older configurations name `f32`, and checkpoints without the setting mean it.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_f32(precision: &TrainingPrecision) -> bool {
    *precision == TrainingPrecision::F32
}

fn precision<'de, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<TrainingPrecision, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(|_| {
        D::Error::custom(TrainError::Setting {
            name: "precision",
            found: format!("`{text}`"),
            expected: match text.as_str() {
                "f16" => {
                    "`f32` or `bf16`: with the small range of f16, gradients would become zero"
                }
                _ => "`f32` or `bf16`",
            },
        })
    })
}

/// A [`TrainConfig`] with all values in range, made by [`TrainConfig::check`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct CheckedConfig(TrainConfig);

impl Deref for CheckedConfig {
    type Target = TrainConfig;

    fn deref(&self) -> &TrainConfig {
        &self.0
    }
}

impl CheckedConfig {
    /// The same settings with another offset.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for an offset with a loss of logits.
    pub fn with_offset(&self, offset: OffsetOption) -> Result<Self> {
        let config = TrainConfig {
            offset,
            ..self.0.clone()
        };
        config.check()
    }

    /// The same settings with a learning rate, if they have none.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a rate that is not above 0.
    pub fn with_default_rate(&self, rate: f64) -> Result<Self> {
        let config = TrainConfig {
            learning_rate: self.learning_rate.or(Some(rate)),
            ..self.0.clone()
        };
        config.check()
    }
}

impl TrainConfig {
    /// The limit of a batch.
    pub fn batching(&self) -> BatchSize {
        match self.batch_tokens {
            Some(tokens) => BatchSize::Tokens(tokens),
            None => BatchSize::Examples(self.batch_size),
        }
    }

    /// The peak learning rate of the encoder: 5e-5 where none is set, as for a model of another program.
    pub(crate) fn peak_rate(&self) -> f64 {
        self.learning_rate.unwrap_or(OF_OWN)
    }

    /// Checks the range of every value, before any work is done.
    ///
    /// # Errors
    /// [`TrainError::Setting`] with the name, the value and the range.
    pub fn check(self) -> Result<CheckedConfig> {
        let epochs = "at least 1, at most 1000000";
        let within = (1..=MAX_EPOCHS).contains(&self.epochs);
        require("epochs", self.epochs as f64, within, epochs)?;
        whole("batch_size", self.batch_size)?;
        whole("batch_tokens", self.batch_tokens.unwrap_or(1))?;
        positive("learning_rate", self.peak_rate())?;
        positive("head_learning_rate", self.head_learning_rate)?;
        share("warmup", self.warmup)?;
        non_negative("weight_decay", self.weight_decay)?;
        non_negative("clip_norm", self.clip_norm)?;
        share("dropout", self.dropout)?;
        share("attention_dropout", self.attention_dropout)?;
        self.check_objective()?;
        self.check_freezing()?;
        self.check_loop()?;
        Ok(CheckedConfig(self))
    }

    fn check_freezing(&self) -> Result<()> {
        let (epochs, decay) = (self.freeze_epochs, self.layer_decay);
        let within = (0.0..self.epochs as f64).contains(&epochs);
        require(
            "freeze_epochs",
            epochs,
            within,
            "a number from 0 to below `epochs`",
        )?;
        let within = decay > 0.0 && decay <= 1.0;
        require("layer_decay", decay, within, "a number in (0, 1]")?;
        if self.freeze == Freeze::Encoder {
            let alone = "nothing beside `freeze = \"encoder\"`, which leaves no rate to set";
            require("layer_decay", decay, decay >= 1.0, alone)?;
            require("freeze_epochs", epochs, epochs <= 0.0, alone)?;
        }
        Ok(())
    }

    fn check_objective(&self) -> Result<()> {
        self.loss.check().map_err(ModelError::from)?;
        for &weight in self.aspect_weights.values() {
            non_negative("aspect_weights", weight)?;
        }
        if let Some(ranking) = self.ranking {
            positive("ranking.weight", ranking.weight)?;
            non_negative("ranking.margin", ranking.margin)?;
        }
        if let Some(response) = self.response_loss {
            positive("response_loss.weight", response.weight)?;
        }
        if let Some(weight) = self.r_drop {
            positive("r_drop", weight)?;
            let drops = self.dropout > 0.0 || self.attention_dropout > 0.0;
            let differ = drops && self.freeze != Freeze::Encoder;
            let passes = "an encoder that is trained with dropout, so that both passes differ";
            require("r_drop", weight, differ, passes)?;
        }
        if self.loss.takes_logits()
            && let Some(kinds) = self.offset.kinds()
        {
            return Err(TrainError::Setting {
                name: "offset",
                found: format!("`{kinds}` with the loss `{}`", self.loss),
                expected: "`none`, or a loss of scores such as `mse`: an offset is in rating units, not in logits",
            });
        }
        Ok(())
    }

    fn check_loop(&self) -> Result<()> {
        whole("micro_batch_size", self.micro_batch_size.unwrap_or(1))?;
        if let Some(decay) = self.ema_decay {
            let holds = decay > 0.0 && decay < 1.0;
            require("ema_decay", decay, holds, "a share in (0, 1)")?;
        }
        if let Some(stopping) = &self.early_stopping {
            whole("early_stopping.patience", stopping.patience)?;
            non_negative("early_stopping.min_delta", stopping.min_delta)?;
        }
        Ok(())
    }
}

fn whole(name: &'static str, value: usize) -> Result<()> {
    require(name, value as f64, value >= 1, "at least 1")
}

fn positive(name: &'static str, value: f64) -> Result<()> {
    let holds = value > 0.0 && value.is_finite();
    require(name, value, holds, "a finite number above 0")
}

fn non_negative(name: &'static str, value: f64) -> Result<()> {
    let holds = value >= 0.0 && value.is_finite();
    require(name, value, holds, "a finite number, 0 or above")
}

fn share(name: &'static str, value: f64) -> Result<()> {
    let holds = (0.0..1.0).contains(&value);
    require(name, value, holds, "a share in [0, 1)")
}

fn require(name: &'static str, value: f64, holds: bool, expected: &'static str) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(TrainError::Setting {
        name,
        found: value.to_string(),
        expected,
    })
}

#[cfg(test)]
mod tests {
    use gradus_baselines::OffsetKind;

    use super::*;
    use crate::objective::Huber;

    #[test]
    fn the_defaults_pass_their_own_check() {
        TrainConfig::default().check().unwrap();
    }

    #[test]
    fn a_value_outside_its_range_is_named_with_its_range() {
        let config = TrainConfig {
            warmup: 1.0,
            ..TrainConfig::default()
        };
        let message = config.check().unwrap_err().to_string();
        assert_eq!(
            message,
            "training setting `warmup`: found 1, expected a share in [0, 1)"
        );
        for config in [
            TrainConfig {
                epochs: 0,
                ..TrainConfig::default()
            },
            TrainConfig {
                epochs: usize::MAX,
                ..TrainConfig::default()
            },
            TrainConfig {
                batch_tokens: Some(0),
                ..TrainConfig::default()
            },
            TrainConfig {
                learning_rate: Some(f64::NAN),
                ..TrainConfig::default()
            },
            TrainConfig {
                loss: Huber { delta: 0.0 }.into(),
                ..TrainConfig::default()
            },
            TrainConfig {
                freeze: Freeze::Encoder,
                layer_decay: 0.9,
                ..TrainConfig::default()
            },
            TrainConfig {
                freeze_epochs: 3.0,
                ..TrainConfig::default()
            },
            TrainConfig {
                layer_decay: 0.0,
                ..TrainConfig::default()
            },
            TrainConfig {
                ranking: Some(Ranking {
                    weight: 0.0,
                    margin: 0.0,
                }),
                ..TrainConfig::default()
            },
        ] {
            assert!(config.clone().check().is_err(), "{config:?}");
        }
    }

    #[test]
    fn the_number_format_is_read_and_written_only_where_it_is_not_the_default() {
        let read = |text: &str| {
            serde_json::from_str::<TrainConfig>(&format!("{{\"precision\": \"{text}\"}}"))
        };
        assert_eq!(read("f32").unwrap(), TrainConfig::default());
        let written = serde_json::to_string(&TrainConfig::default()).unwrap();
        assert!(!written.contains("precision"), "{written}");
        let bf16 = read("bf16").unwrap();
        assert_eq!(bf16.precision, TrainingPrecision::Bf16);
        let written = serde_json::to_string(&bf16).unwrap();
        assert!(written.contains(r#""precision":"bf16""#), "{written}");
        for precision in ["f16", "int8"] {
            let message = read(precision).unwrap_err().to_string();
            assert!(
                message.contains(&format!("found `{precision}`")),
                "{message}"
            );
            assert!(message.contains("`f32` or `bf16`"), "{message}");
        }
    }

    #[test]
    fn settings_of_the_loop_have_ranges() {
        let stopping = |patience, min_delta| {
            Some(EarlyStopping {
                patience,
                min_delta,
                ..EarlyStopping::default()
            })
        };
        let default = TrainConfig::default;
        for (name, config) in [
            (
                "micro_batch_size",
                TrainConfig {
                    micro_batch_size: Some(0),
                    ..default()
                },
            ),
            (
                "r_drop",
                TrainConfig {
                    r_drop: Some(-1.0),
                    ..default()
                },
            ),
            (
                "r_drop",
                TrainConfig {
                    r_drop: Some(1.0),
                    dropout: 0.0,
                    ..default()
                },
            ),
            (
                "r_drop",
                TrainConfig {
                    r_drop: Some(1.0),
                    freeze: Freeze::Encoder,
                    ..default()
                },
            ),
            (
                "ema_decay",
                TrainConfig {
                    ema_decay: Some(1.0),
                    ..default()
                },
            ),
            (
                "ema_decay",
                TrainConfig {
                    ema_decay: Some(f64::NAN),
                    ..default()
                },
            ),
            (
                "patience",
                TrainConfig {
                    early_stopping: stopping(0, 0.0),
                    ..default()
                },
            ),
            (
                "min_delta",
                TrainConfig {
                    early_stopping: stopping(1, -1.0),
                    ..default()
                },
            ),
        ] {
            let message = config.check().unwrap_err().to_string();
            assert!(message.contains(name), "{name}: {message}");
        }
    }

    #[test]
    fn an_offset_is_read_by_its_name_and_refused_with_logits() {
        let read = |text: &str| {
            serde_json::from_str::<TrainConfig>(&format!("{{\"offset\": \"{text}\"}}"))
        };
        assert_eq!(read("none").unwrap().offset, OffsetOption::None);
        for kind in OffsetKind::ALL {
            let config = read(&kind.to_string()).unwrap();
            assert_eq!(config.offset, kind.into());
            let written = serde_json::to_string(&config).unwrap();
            assert_eq!(
                serde_json::from_str::<TrainConfig>(&written).unwrap(),
                config
            );
            let logits = TrainConfig {
                loss: crate::CrossEntropy.into(),
                ..config.clone()
            };
            config.check().unwrap();
            let message = logits.check().unwrap_err().to_string();
            assert!(
                message.contains("`offset`") && message.contains("`bce`"),
                "{message}"
            );
        }
        let message = read("words").unwrap_err().to_string();
        assert!(
            message.contains("`offset`: found `words`, expected one of `auto`, `none`"),
            "{message}"
        );
        // A choice that is still to be made finds that there is none.
        let auto = TrainConfig {
            loss: crate::CrossEntropy.into(),
            ..read("auto").unwrap()
        };
        let auto = auto.check().unwrap();
        assert!(auto.with_offset(OffsetKind::BagOfWords.into()).is_err());
        assert_eq!(
            auto.with_offset(OffsetOption::None).unwrap().offset,
            OffsetOption::None
        );
    }

    #[test]
    fn an_unknown_key_is_refused_and_missing_keys_take_defaults() {
        let config: TrainConfig = serde_json::from_str(r#"{"epochs": 7}"#).unwrap();
        assert_eq!(
            config,
            TrainConfig {
                epochs: 7,
                ..TrainConfig::default()
            }
        );
        assert!(serde_json::from_str::<TrainConfig>(r#"{"epoch": 7}"#).is_err());
    }
}
