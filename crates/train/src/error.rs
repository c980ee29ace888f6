//! Errors of training.

use std::io::ErrorKind;
use std::path::PathBuf;

use crate::Damage;

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, TrainError>;

/// An error of configuration, data or the run itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting is outside its range.
    #[error("training setting `{name}`: found {found}, expected {expected}")]
    Setting {
        /// Name of the setting in a run configuration.
        name: &'static str,
        /// The value given.
        found: String,
        /// The allowed values in words.
        expected: &'static str,
    },
    /// A setting that is not that of the bundle that the run continues.
    #[error(
        "`{name}`: found {found}, but the bundle {} that is continued has {expected}", bundle.display()
    )]
    NotOfBundle {
        /// Name of the setting in a run configuration.
        name: &'static str,
        /// The value given.
        found: String,
        /// The value of the bundle.
        expected: String,
        /// The bundle.
        bundle: PathBuf,
    },
    /// What a program does with the bundle at the end of a run failed.
    #[error("the bundle could not be finished")]
    OnBundle(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A split has no rating to train or validate on.
    #[error("{split} split: found no usable rating in {examples} examples, expected at least one")]
    NothingRated {
        /// `train` or `valid`.
        split: &'static str,
        /// Number of examples in the split.
        examples: usize,
    },
    /// A requested aspect has no rating in the training split.
    #[error("aspect `{aspect}` is not rated in the training split, which has: {}", known.join(", "))]
    UnknownAspect {
        /// The requested aspect.
        aspect: String,
        /// The rated aspects.
        known: Vec<String>,
    },
    /// A target outside the range of binary cross-entropy.
    #[error(
        "{split} split: example `{id}`: field `segments[{segment}].rating.{aspect}`: \
         found the target {target}, expected one in [0, 1] for the loss `bce`"
    )]
    TargetOutside {
        /// `train` or `valid`.
        split: &'static str,
        /// Id of the example.
        id: String,
        /// Index of the segment, from 0.
        segment: usize,
        /// Name of the aspect.
        aspect: String,
        /// The rating on the training scale.
        target: f32,
    },
    /// Contexts are required, but no record of the training split has one.
    #[error(
        "train split: context read in 0 of {records} records, because none has one; expected at least one"
    )]
    NoContext {
        /// Number of records in the training split.
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
        /// Number of ratings outside.
        outside: usize,
        /// Number of ratings of the aspect.
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
    /// An aspect has too few ratings for an offset.
    #[error("train split: {0}")]
    Offset(#[from] gradus_baselines::OffsetError),
    /// `max_length` exceeds the positions of the encoder.
    #[error(
        "training setting `max_length`: found {found}, expected at most {positions}, the positions of the encoder"
    )]
    MaxLength {
        /// The setting.
        found: usize,
        /// Positions of the encoder.
        positions: usize,
    },
    /// The loss or the gradient was not finite in too many consecutive steps.
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
        /// Consecutive steps skipped for this reason, including this one.
        in_a_row: usize,
        /// Ids of the batch's examples.
        ids: Vec<String>,
        /// Ids of the examples with a target that is not finite.
        poisoned: Vec<String>,
        /// The newest checkpoint, if there is one.
        checkpoint: Option<PathBuf>,
    },
    /// The run was stopped on request.
    #[error("training stopped after step {step}{}", saved_as(checkpoint.as_deref()))]
    Stopped {
        /// Completed steps.
        step: usize,
        /// The checkpoint to resume from; `None` if the run keeps no checkpoints.
        checkpoint: Option<PathBuf>,
    },
    /// A directory has no checkpoint to resume from.
    #[error("{}: {}", directory.display(), no_checkpoint(damaged))]
    NoCheckpoint {
        /// The directory.
        directory: PathBuf,
        /// Damaged checkpoints in it.
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
        /// Name of the setting or data that differs.
        key: String,
        /// Its value now.
        found: String,
        /// Its value when the run started.
        expected: String,
    },
    /// A new run would overwrite the checkpoints of an unfinished run.
    #[error("{}: contains checkpoints of an unfinished run", directory.display())]
    CheckpointsExist {
        /// The directory of the checkpoints.
        directory: PathBuf,
    },
    /// The directory for checkpoints contains other files.
    #[error(
        "{}: contains `{found}`, expected nothing but checkpoints",
        directory.display()
    )]
    NotCheckpoints {
        /// The directory.
        directory: PathBuf,
        /// The name of one of these files.
        found: String,
    },
    /// The directory of the checkpoints contains the output, or the reverse.
    #[error(
        "{}: this directory for checkpoints and the output `{}` contain each other, expected separate directories",
        checkpoints.display(), output.display()
    )]
    CheckpointsInOutput {
        /// The directory of the checkpoints.
        checkpoints: PathBuf,
        /// The directory of the bundle.
        output: PathBuf,
    },
    /// Another process uses the directory of checkpoints.
    #[error("{}: another training run is using it", directory.display())]
    InUse {
        /// The directory of the checkpoints.
        directory: PathBuf,
    },
    /// A checkpoint could not be written or read.
    #[error("{}: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// The cause.
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
    /// A batch could not be formed.
    #[error("training stopped: {0}")]
    Batch(#[from] burn::data::dataset::DatasetError),
    /// A device failed.
    #[error("a device failed: {reason}")]
    Device {
        /// The device and the cause.
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
    format!("; {count} steps in a row were skipped for this")
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
    /// Whether settings or data caused the error, not the machine or this program.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Setting { .. }
            | Self::NothingRated { .. }
            | Self::NotOfBundle { .. }
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
            | Self::Offset(_)
            | Self::MaxLength { .. } => true,
            Self::Data(error) => error.is_input(),
            Self::Model(error) => error.is_input(),
            Self::Io(error) => gradus_files::is_about_the_path(error),
            Self::NonFinite { .. }
            | Self::Stopped { .. }
            | Self::Checkpoint { .. }
            | Self::Batch(_)
            | Self::OnBundle(_)
            | Self::Device { .. } => false,
        }
    }

    /// What the user can do, if known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NothingRated { .. } => {
                Some("rate at least one segment, or check the aspect names and `max_length`; ratings of responses need `response_loss`".into())
            }
            Self::TargetOutside { .. } => Some(
                "set `scale` to `minmax:LOW:HIGH` with the ends of the rating scale; `gradus data audit` \
                 finds ratings on two scales"
                    .into(),
            ),
            Self::NoContext { .. } => Some(
                "write contexts under the key `context`, or remove `use_context`: contexts are then read if records have any"
                    .into(),
            ),
            Self::OutsideScale { .. } => Some(
                "set minmax:LOW:HIGH to the ends of the rating scale; if there are two scales, which \
                 `gradus data audit` finds, convert one first"
                    .into(),
            ),
            Self::Offset(_) => Some("train without `offset`, or rate segments of more prompts".into()),
            Self::NotOfBundle { name, .. } => Some(format!(
                "leave `{name}` out: it comes from the bundle; to change it, train a new bundle from an encoder"
            )),
            Self::UnknownAspect { .. } => Some("check the spelling of `aspects`".into()),
            Self::NonFinite { .. } => Some(
                "lower the learning rate, set `clip_norm`, and check the ratings of these examples"
                    .into(),
            ),
            Self::Stopped { checkpoint, .. } => checkpoint.as_ref().map(|path| {
                let directory = path.parent().unwrap_or(path);
                format!("resume with `gradus train --resume {}`", directory.display())
            }),
            Self::NoCheckpoint { .. } => {
                Some(
                    "a finished run removes its checkpoints; start a new run without --resume, with \
                     --overwrite to replace its bundle"
                        .into(),
                )
            }
            Self::OtherRun { .. } => Some(
                "resume with the settings and data of the run, or start a new run with --overwrite"
                    .into(),
            ),
            Self::CheckpointsExist { directory } => Some(format!(
                "resume with `gradus train --resume {}`, or start a new run with --overwrite",
                directory.display()
            )),
            Self::Data(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::Io(error) => match error.kind() {
                ErrorKind::InvalidFilename => Some(
                    "checkpoints are named after the output: choose a shorter name, or a directory for them with \
                     --checkpoints"
                        .into(),
                ),
                ErrorKind::StorageFull => Some(
                    "free some space, then resume from the last checkpoint with --resume"
                        .into(),
                ),
                _ => None,
            },
            Self::NotCheckpoints { .. } | Self::CheckpointsInOutput { .. } => {
                Some("choose a separate directory for the checkpoints".into())
            }
            Self::Setting { .. }
            | Self::MaxLength { .. }
            | Self::InUse { .. }
            | Self::Checkpoint { .. }
            | Self::Batch(_)
            | Self::OnBundle(_)
            | Self::Device { .. } => None,
        }
    }
}
