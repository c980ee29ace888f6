//! What can go wrong while training.

use std::sync::Arc;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, TrainError>;

/// An error of configuration, data or the run itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting is outside its range.
    #[error("training setting `{name}`: found {found}, expected {expected}")]
    Setting {
        /// Name of the setting as it stands in a run configuration.
        name: &'static str,
        /// The value given.
        found: String,
        /// Its range in words.
        expected: &'static str,
    },
    /// A split holds nothing that could be learned from or validated on.
    #[error("{split} split: no rating to learn from among {examples} examples")]
    NothingRated {
        /// `train` or `valid`.
        split: &'static str,
        /// Examples looked at.
        examples: usize,
    },
    /// An aspect was asked for that no segment of the training split is rated on.
    #[error("aspect `{aspect}` is not rated in the training split, which has: {}", known.join(", "))]
    UnknownAspect {
        /// The aspect asked for.
        aspect: String,
        /// Aspects found.
        known: Vec<String>,
    },
    /// A target that binary cross-entropy cannot be computed for.
    #[error(
        "{split} split: example `{id}`: field `segments[{segment}].rating.{aspect}`: \
         found the target {target}, expected one in [0, 1] for the loss `bce`"
    )]
    TargetOutside {
        /// `train` or `valid`.
        split: &'static str,
        /// Id of the example.
        id: String,
        /// Position of the segment.
        segment: usize,
        /// Name of the aspect.
        aspect: String,
        /// The rating on the training scale.
        target: f32,
    },
    /// More tokens are asked for than the encoder has positions.
    #[error(
        "training setting `max_length`: found {found}, expected at most {positions}, the positions of the encoder"
    )]
    MaxLength {
        /// The setting.
        found: usize,
        /// Positions of the encoder.
        positions: usize,
    },
    /// The loss or the gradient stopped being a number.
    #[error(
        "step {step} (epoch {epoch}): {what} is {value}, expected a finite number{}",
        batch_ids(ids)
    )]
    NonFinite {
        /// Optimiser step, from 1.
        step: usize,
        /// Epoch, from 1.
        epoch: usize,
        /// `loss` or `gradient norm`.
        what: &'static str,
        /// The value found.
        value: f64,
        /// Ids of the batch's examples.
        ids: Vec<String>,
    },
    /// The data could not be read or encoded.
    #[error(transparent)]
    Data(#[from] gradus_data::DataError),
    /// The model or its bundle could not be built, read or written.
    #[error(transparent)]
    Model(#[from] gradus_model::ModelError),
    /// Burn's training loop stopped on an error.
    #[error("training stopped: {0}")]
    Burn(Arc<burn::train::TrainingError>),
    /// The run was interrupted before its last epoch.
    #[error("training was interrupted: {reason}")]
    Interrupted {
        /// The reason given to the interrupter.
        reason: String,
    },
}

fn batch_ids(ids: &[String]) -> String {
    if ids.is_empty() {
        String::new()
    } else {
        format!("; batch of ids: {}", ids.join(", "))
    }
}

impl TrainError {
    /// Whether settings or data are at fault, rather than the machine or this program.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Setting { .. }
            | Self::NothingRated { .. }
            | Self::UnknownAspect { .. }
            | Self::TargetOutside { .. }
            | Self::MaxLength { .. } => true,
            Self::Data(error) => error.is_input(),
            Self::Model(error) => error.is_input(),
            Self::NonFinite { .. } | Self::Burn(_) | Self::Interrupted { .. } => false,
        }
    }

    /// What the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NothingRated { .. } => {
                Some("rate at least one segment, or check the aspect names and `max_length`; ratings of responses need `response_loss`".into())
            }
            Self::TargetOutside { .. } => Some(
                "set `scale` to `minmax:LOW:HIGH` with the lowest and highest rating there is".into(),
            ),
            Self::UnknownAspect { .. } => Some("check the spelling of `aspects`".into()),
            Self::NonFinite { .. } => Some(
                "lower the learning rate, set `clip_norm`, and look at the ratings of these examples"
                    .into(),
            ),
            Self::Data(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::Setting { .. }
            | Self::MaxLength { .. }
            | Self::Burn(_)
            | Self::Interrupted { .. } => None,
        }
    }
}
