//! What can go wrong while training.

use std::io::ErrorKind;
use std::path::PathBuf;

use crate::Damage;

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
    /// Contexts have to be read and no record of the training split has one.
    #[error("train split: context read in 0 of {records} records, as none has one; expected some")]
    NoContext {
        /// Records of the training split.
        records: usize,
    },
    /// Ratings outside the range of a min-max scale.
    #[error(
        "{split} split: {outside} of {ratings} ratings of `{aspect}` lie outside the scale \
         minmax:{low}:{high}; the first is {rating}, in example `{id}`"
    )]
    OutsideScale {
        /// `train` or `valid`.
        split: &'static str,
        /// Name of the aspect.
        aspect: String,
        /// Ratings outside.
        outside: usize,
        /// Ratings of the aspect.
        ratings: usize,
        /// Lowest rating of the scale.
        low: f64,
        /// Highest rating of the scale.
        high: f64,
        /// Id of the first example with such a rating.
        id: String,
        /// That rating.
        rating: f64,
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
    /// The loss or the gradient stopped being a number, more often than is let pass.
    #[error(
        "step {step} (epoch {epoch}): {what} is {value}, expected a finite number{}{}{}",
        repeated(*in_a_row), batch_ids(ids, poisoned), last_good(checkpoint.as_deref())
    )]
    NonFinite {
        /// Optimizer step, from 1.
        step: usize,
        /// Epoch, from 1.
        epoch: usize,
        /// `loss`, `gradient norm` or `validation loss`.
        what: &'static str,
        /// The value found.
        value: f64,
        /// Steps in a row that were skipped for it, this one included.
        in_a_row: usize,
        /// Ids of the batch's examples.
        ids: Vec<String>,
        /// Those of them that have a target that is not finite.
        poisoned: Vec<String>,
        /// The newest checkpoint, if there is one.
        checkpoint: Option<PathBuf>,
    },
    /// The run was asked to stop.
    #[error("training stopped after step {step}{}", saved_as(checkpoint.as_deref()))]
    Stopped {
        /// Steps done.
        step: usize,
        /// The checkpoint to go on from; none if the run keeps no checkpoints.
        checkpoint: Option<PathBuf>,
    },
    /// A directory holds no checkpoint that a run could go on from.
    #[error("{}: {}", directory.display(), no_checkpoint(damaged))]
    NoCheckpoint {
        /// The directory looked at.
        directory: PathBuf,
        /// Checkpoints that are there and cannot be used.
        damaged: Vec<Damage>,
    },
    /// A checkpoint belongs to a run with other settings or data.
    #[error(
        "{}: the run was started with other settings or data: `{key}` was {expected}, found {found}",
        checkpoint.display()
    )]
    OtherRun {
        /// The checkpoint.
        checkpoint: PathBuf,
        /// What differs, by name.
        key: String,
        /// What it is now.
        found: String,
        /// What it was when the run was started.
        expected: String,
    },
    /// A new run would write over the checkpoints of an unfinished one.
    #[error("{}: holds checkpoints of an unfinished run", directory.display())]
    CheckpointsExist {
        /// The directory of the checkpoints.
        directory: PathBuf,
    },
    /// A directory for checkpoints holds something else.
    #[error(
        "{}: holds `{found}`, expected nothing but checkpoints",
        directory.display()
    )]
    NotCheckpoints {
        /// The directory.
        directory: PathBuf,
        /// A name in it.
        found: String,
    },
    /// Checkpoints would lie in the output, or the output among the checkpoints.
    #[error(
        "{}: the checkpoints lie in the output `{}`, or the other way round",
        checkpoints.display(), output.display()
    )]
    CheckpointsInOutput {
        /// The directory of the checkpoints.
        checkpoints: PathBuf,
        /// The directory of the bundle.
        output: PathBuf,
    },
    /// Another process trains with the same directory of checkpoints.
    #[error("{}: another training run is using it", directory.display())]
    InUse {
        /// The directory of the checkpoints.
        directory: PathBuf,
    },
    /// A checkpoint could not be written or read back.
    #[error("{}: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// A file could not be written or read; the message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The data could not be read or tokenized.
    #[error(transparent)]
    Data(#[from] gradus_data::DataError),
    /// The model or its bundle could not be built, read or written.
    #[error(transparent)]
    Model(#[from] gradus_model::ModelError),
    /// A batch could not be made.
    #[error("training stopped: {0}")]
    Batch(#[from] burn::data::dataset::DatasetError),
    /// One of several devices failed.
    #[error("a device failed: {reason}")]
    Device {
        /// Which one, and why.
        reason: String,
    },
}

fn batch_ids(ids: &[String], poisoned: &[String]) -> String {
    if ids.is_empty() {
        return String::new();
    }
    let ids = ids.join(", ");
    if poisoned.is_empty() {
        return format!("; batch of ids: {ids}");
    }
    let poisoned = poisoned.join(", ");
    format!("; batch of ids: {ids}; targets that are not finite: {poisoned}")
}

fn repeated(count: usize) -> String {
    if count < 2 {
        return String::new();
    }
    format!("; {count} steps in a row were skipped for that")
}

fn last_good(checkpoint: Option<&std::path::Path>) -> String {
    checkpoint.map_or_else(String::new, |path| {
        format!("; last good checkpoint: {}", path.display())
    })
}

fn saved_as(checkpoint: Option<&std::path::Path>) -> String {
    checkpoint.map_or_else(
        || "; no checkpoint is kept".into(),
        |path| format!("; checkpoint saved: {}", path.display()),
    )
}

fn no_checkpoint(damaged: &[Damage]) -> String {
    if damaged.is_empty() {
        return "no checkpoint found, expected a directory with `step-...` in it".into();
    }
    let damaged: Vec<String> = damaged.iter().map(ToString::to_string).collect();
    format!("every checkpoint is damaged: {}", damaged.join("; "))
}

impl TrainError {
    /// Whether settings or data are at fault, rather than the machine or this program.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Setting { .. }
            | Self::NothingRated { .. }
            | Self::UnknownAspect { .. }
            | Self::NoCheckpoint { .. }
            | Self::OtherRun { .. }
            | Self::CheckpointsExist { .. }
            | Self::NotCheckpoints { .. }
            | Self::CheckpointsInOutput { .. }
            | Self::InUse { .. }
            | Self::TargetOutside { .. }
            | Self::NoContext { .. }
            | Self::OutsideScale { .. }
            | Self::MaxLength { .. } => true,
            Self::Data(error) => error.is_input(),
            Self::Model(error) => error.is_input(),
            Self::Io(error) => gradus_files::is_about_the_path(error),
            Self::NonFinite { .. }
            | Self::Stopped { .. }
            | Self::Checkpoint { .. }
            | Self::Batch(_)
            | Self::Device { .. } => false,
        }
    }

    /// What the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NothingRated { .. } => {
                Some("rate at least one segment, or check the aspect names and `max_length`; ratings of responses need `response_loss`".into())
            }
            Self::TargetOutside { .. } => Some(
                "set `scale` to `minmax:LOW:HIGH` with the ends of the scale that was rated on; \
                 `gradus data audit` tells whether there are two"
                    .into(),
            ),
            Self::NoContext { .. } => Some(
                "the key of a record is `context`; leave use_context out to read it where it is"
                    .into(),
            ),
            Self::OutsideScale { .. } => Some(
                "ratings on two scales have to be brought to one first, and `gradus data audit` \
                 names them; else give minmax:LOW:HIGH the ends of the scale that was rated on"
                    .into(),
            ),
            Self::UnknownAspect { .. } => Some("check the spelling of `aspects`".into()),
            Self::NonFinite { .. } => Some(
                "lower the learning rate, set `clip_norm`, and look at the ratings of these examples"
                    .into(),
            ),
            Self::Stopped { checkpoint, .. } => checkpoint.as_ref().map(|path| {
                let directory = path.parent().unwrap_or(path);
                format!("go on with `gradus train --resume {}`", directory.display())
            }),
            Self::NoCheckpoint { .. } => {
                Some(
                    "a finished run leaves none behind; start one without --resume, and with \
                     --overwrite to replace its bundle"
                        .into(),
                )
            }
            Self::OtherRun { .. } => Some(
                "resume with the settings and data of the run, or start a new run with --overwrite"
                    .into(),
            ),
            Self::CheckpointsExist { directory } => Some(format!(
                "go on with `gradus train --resume {}`, or start anew with --overwrite",
                directory.display()
            )),
            Self::Data(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::Io(error) => match error.kind() {
                ErrorKind::InvalidFilename => Some(
                    "the checkpoints are named after the output: choose a shorter name, or give them \
                     a directory with --checkpoints"
                        .into(),
                ),
                ErrorKind::StorageFull => Some(
                    "free some space, and go on with --resume from the last checkpoint, if there is one"
                        .into(),
                ),
                _ => None,
            },
            Self::NotCheckpoints { .. } | Self::CheckpointsInOutput { .. } => {
                Some("name a directory of their own".into())
            }
            Self::Setting { .. }
            | Self::MaxLength { .. }
            | Self::InUse { .. }
            | Self::Checkpoint { .. }
            | Self::Batch(_)
            | Self::Device { .. } => None,
        }
    }
}
