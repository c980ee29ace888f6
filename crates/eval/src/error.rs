//! The errors of this crate.

#[cfg(feature = "scorer")]
use std::path::{Path, PathBuf};

#[cfg(feature = "scorer")]
use gradus_data::Location;

#[cfg(feature = "scorer")]
use crate::ScoreProblem;

/// The result of a fallible function of this crate.
pub type Result<T> = std::result::Result<T, EvalError>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The device failed to compute scores.
    #[error("the device could not compute the scores: {message}")]
    Device {
        /// The error of the backend.
        message: String,
    },
    /// A score of the model is not finite.
    #[error(
        "response `{id}`, segment {segment}: the model's score is {found}, expected a finite number"
    )]
    ScoreNotFinite {
        /// The response.
        id: String,
        /// Index of the segment in the response, from 0.
        segment: usize,
        /// The score.
        found: f64,
    },
    /// A segment has a wrong number of scores.
    #[error(
        "response `{id}`, segment {segment}: found {found} scores, expected {expected} (one per aspect)"
    )]
    ScoreCount {
        /// The response.
        id: String,
        /// Index of the segment in the response, from 0.
        segment: usize,
        /// Number of scores.
        found: usize,
        /// Number of aspects.
        expected: usize,
    },
    /// A response has a wrong number of scores of the whole response.
    #[error(
        "response `{id}`: found {found} scores of the whole response, expected {expected} (one per aspect)"
    )]
    ResponseScoreCount {
        /// The response.
        id: String,
        /// Number of scores.
        found: usize,
        /// Number of aspects.
        expected: usize,
    },
    /// A baseline has scores for a wrong number of responses.
    #[error("baseline `{name}`: found scores for {found} responses, expected {expected}")]
    BaselineResponses {
        /// Name of the baseline.
        name: String,
        /// Number of responses with its scores.
        found: usize,
        /// Number of evaluated responses.
        expected: usize,
    },
    /// A baseline has scores for a wrong number of segments.
    #[error(
        "baseline `{name}`, response `{id}`: found {found} scores, expected {expected} (one per segment)"
    )]
    BaselineSegments {
        /// Name of the baseline.
        name: String,
        /// The response.
        id: String,
        /// Number of scores.
        found: usize,
        /// Number of segments of the response.
        expected: usize,
    },
    /// A baseline belongs to an aspect that is not evaluated.
    #[error("baseline `{name}`: found aspect `{aspect}`, expected one of: {known}")]
    BaselineAspect {
        /// Name of the baseline.
        name: String,
        /// Its aspect.
        aspect: String,
        /// The evaluated aspects, comma-separated.
        known: String,
    },
    /// A baseline needs at least one rated segment.
    #[error("baseline `{name}`: found no rated segment to fit on, expected at least one")]
    NothingRated {
        /// Name of the baseline.
        name: String,
    },
    /// Compared systems have different ratings.
    #[error(
        "`{system}`, response {response}, segment {segment}: found rating {found}, expected {expected} as for `{other}`"
    )]
    DifferentRatings {
        /// The system.
        system: String,
        /// The system it is compared with.
        other: String,
        /// Index of the response, from 0.
        response: usize,
        /// Index of the segment in the response, from 0.
        segment: usize,
        /// The rating of the first.
        found: f64,
        /// The rating of the other.
        expected: f64,
    },
    /// An unknown metric.
    #[error("unknown metric: found `{found}`, expected one of: {known}")]
    UnknownMetric {
        /// The word.
        found: String,
        /// The known metrics, comma-separated.
        known: String,
    },
    /// A word that is not the name of a part of the input.
    #[error("unknown part of the input: found `{found}`, expected context or prompt")]
    UnknownPart {
        /// The word.
        found: String,
    },
    /// A metric cannot be registered under its name.
    #[error("metric `{found}`: expected {expected}")]
    MetricName {
        /// The name.
        found: String,
        /// The expected names.
        expected: &'static str,
    },
    /// An unknown aspect.
    #[error("unknown aspect: found `{found}`, expected one of: {known}")]
    UnknownAspect {
        /// The word.
        found: String,
        /// The known aspects, comma-separated.
        known: String,
    },
    /// A split to audit has no examples.
    #[error("{split}: found no example, expected at least one")]
    NothingToAudit {
        /// Name of the split.
        split: String,
    },
    /// An invalid scale of ratings.
    #[error("scale: found `{found}`, expected LOW:HIGH with LOW below HIGH, as in 0:1")]
    ScaleRange {
        /// The text.
        found: String,
    },
    /// A line of a score file cannot be used.
    #[cfg(feature = "scorer")]
    #[error("{location}: {problem}")]
    ScoreRecord {
        /// File and line.
        location: Location,
        /// What was found and what was expected.
        problem: Box<ScoreProblem>,
    },
    /// A score file and the data have no id in common.
    #[cfg(feature = "scorer")]
    #[error(
        "{}: found none of {records} ids in the data, such as `{found}`, expected ids such as `{expected}`",
        shown(path).display()
    )]
    NoMatchingId {
        /// The score file.
        path: PathBuf,
        /// Number of its records.
        records: usize,
        /// The id of its first record.
        found: String,
        /// The id of the first record of the data.
        expected: String,
    },
    /// The aspects of the scores in a file are ambiguous or missing.
    #[cfg(feature = "scorer")]
    #[error("{}: found {found}, expected {expected}", shown(path).display())]
    ScoreAspects {
        /// The score file.
        path: PathBuf,
        /// The scores found.
        found: String,
        /// The expected scores.
        expected: String,
    },
    /// A report has a wrong number of examples.
    #[error("report: found {found} examples, expected {expected} (one per scored response)")]
    ReportExamples {
        /// Number of examples.
        found: usize,
        /// Number of scored responses.
        expected: usize,
    },
    /// A chart of a report could not be drawn.
    #[error("chart `{title}`: {message}")]
    Chart {
        /// Title of the chart.
        title: String,
        /// The error of the drawing library.
        message: String,
    },
    /// The data could not be read or tokenized.
    #[cfg(feature = "scorer")]
    #[error(transparent)]
    Data(#[from] gradus_data::DataError),
    /// The bundle could not be loaded.
    #[cfg(feature = "scorer")]
    #[error(transparent)]
    Model(#[from] gradus_model::ModelError),
}

#[cfg(feature = "scorer")]
impl From<crate::baselines::NothingRated> for EvalError {
    fn from(error: crate::baselines::NothingRated) -> Self {
        Self::NothingRated { name: error.name }
    }
}

impl EvalError {
    /// Whether the user's input caused the error, not the machine or this program.
    pub fn is_input(&self) -> bool {
        match self {
            #[cfg(feature = "scorer")]
            Self::Data(error) => error.is_input(),
            #[cfg(feature = "scorer")]
            Self::Model(error) => error.is_input(),
            Self::Chart { .. } | Self::Device { .. } => false,
            _ => true,
        }
    }

    /// What the user can do, if known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::ScoreCount { .. } | Self::ResponseScoreCount { .. } => {
                Some("list the aspects in the order in which the scores were written".into())
            }
            Self::BaselineResponses { .. } | Self::BaselineSegments { .. } => Some(
                "score the baseline on the records that are evaluated, in the same order".into(),
            ),
            Self::ReportExamples { .. } => {
                Some("give the records that were evaluated, in the same order".into())
            }
            Self::DifferentRatings { .. } => {
                Some("score the same records in the same order with every system".into())
            }
            Self::NothingRated { .. } => Some(
                "give a training file that rates this aspect, or leave the baseline out".into(),
            ),
            Self::ScoreNotFinite { .. } => Some(
                "the weights of the bundle are damaged, or too large for f32: train it again"
                    .into(),
            ),
            #[cfg(feature = "scorer")]
            Self::ScoreRecord { problem, .. } => problem.hint(),
            #[cfg(feature = "scorer")]
            Self::NoMatchingId { .. } => Some(
                "scores are joined to the data by `id`; data without ids is numbered \
                 by line"
                    .into(),
            ),
            #[cfg(feature = "scorer")]
            Self::ScoreAspects { .. } => Some(
                "set --aspects to the names of the aspects in the data; \
                 `gradus data stats` lists them"
                    .into(),
            ),
            #[cfg(feature = "scorer")]
            Self::Data(error) => error.hint(),
            #[cfg(feature = "scorer")]
            Self::Model(error) => error.hint(),
            Self::BaselineAspect { .. }
            | Self::Chart { .. }
            | Self::Device { .. }
            | Self::UnknownAspect { .. }
            | Self::NothingToAudit { .. }
            | Self::ScaleRange { .. }
            | Self::UnknownMetric { .. }
            | Self::UnknownPart { .. }
            | Self::MetricName { .. } => None,
        }
    }
}

/// The path of a score file as messages name it.
#[cfg(feature = "scorer")]
fn shown(path: &Path) -> &Path {
    if path == Path::new(gradus_data::STANDARD_INPUT) {
        Path::new("standard input")
    } else {
        path
    }
}
