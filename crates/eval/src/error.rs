//! The errors of this crate.

use std::path::{Path, PathBuf};

use gradus_data::Location;

use crate::ScoreProblem;

/// The result of a fallible function of this crate.
pub type Result<T> = std::result::Result<T, EvalError>;

/// An input that cannot be evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The device failed to compute scores.
    #[error("the device could not compute the scores: {message}")]
    Device {
        /// What the backend says.
        message: String,
    },
    /// A model gives a score that is no number.
    #[error(
        "response `{id}`, segment {segment}: the model's score is {found}, expected a finite number"
    )]
    ScoreNotFinite {
        /// The response.
        id: String,
        /// Index of the segment in the response, from 0.
        segment: usize,
        /// What the model gives.
        found: f64,
    },
    /// A segment carries more or fewer scores than there are aspects.
    #[error(
        "response `{id}`, segment {segment}: found {found} scores, expected {expected} (one per aspect)"
    )]
    ScoreCount {
        /// The response.
        id: String,
        /// Index of the segment in the response, from 0.
        segment: usize,
        /// Scores found.
        found: usize,
        /// Aspects asked for.
        expected: usize,
    },
    /// A response carries more or fewer scores of its own than there are aspects.
    #[error(
        "response `{id}`: found {found} scores of its own, expected {expected} (one per aspect)"
    )]
    ResponseScoreCount {
        /// The response.
        id: String,
        /// Scores found.
        found: usize,
        /// Aspects asked for.
        expected: usize,
    },
    /// A baseline was predicted for other responses than the ones to be evaluated.
    #[error("baseline `{name}`: found scores for {found} responses, expected {expected}")]
    BaselineResponses {
        /// Name of the baseline.
        name: String,
        /// Responses it has scores for.
        found: usize,
        /// Responses to be evaluated.
        expected: usize,
    },
    /// A baseline was predicted for other segments than the ones to be evaluated.
    #[error(
        "baseline `{name}`, response `{id}`: found {found} scores, expected {expected} (one per segment)"
    )]
    BaselineSegments {
        /// Name of the baseline.
        name: String,
        /// The response.
        id: String,
        /// Scores found.
        found: usize,
        /// Segments of the response.
        expected: usize,
    },
    /// A baseline belongs to an aspect that is not evaluated.
    #[error("baseline `{name}`: found aspect `{aspect}`, expected one of: {known}")]
    BaselineAspect {
        /// Name of the baseline.
        name: String,
        /// The aspect it was fitted for.
        aspect: String,
        /// The aspects evaluated, comma-separated.
        known: String,
    },
    /// A baseline needs at least one rated segment.
    #[error("baseline `{name}`: found no rated segment to fit on, expected at least one")]
    NothingRated {
        /// Name of the baseline.
        name: String,
    },
    /// Systems to be compared were judged on different ratings.
    #[error(
        "`{system}`, response {response}, segment {segment}: found rating {found}, expected {expected} as for `{other}`"
    )]
    DifferentRatings {
        /// The system.
        system: String,
        /// The system it was to be compared with.
        other: String,
        /// Index of the response, from 0.
        response: usize,
        /// Index of the segment in the response, from 0.
        segment: usize,
        /// Its rating for the one.
        found: f64,
        /// Its rating for the other.
        expected: f64,
    },
    /// A word that names no metric.
    #[error("unknown metric: found `{found}`, expected one of: {known}")]
    UnknownMetric {
        /// The word.
        found: String,
        /// The words that are understood, comma-separated.
        known: String,
    },
    /// A metric cannot be registered under its name.
    #[error("metric `{found}`: expected {expected}")]
    MetricName {
        /// The name.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A word that names no aspect of a model or a data set.
    #[error("unknown aspect: found `{found}`, expected one of: {known}")]
    UnknownAspect {
        /// The word.
        found: String,
        /// The aspects there are, comma-separated.
        known: String,
    },
    /// A split without an example has nothing to audit.
    #[error("{split}: found no example, expected at least one")]
    NothingToAudit {
        /// Name of the split.
        split: String,
    },
    /// A text that names no scale of ratings.
    #[error("scale: found `{found}`, expected LOW:HIGH with LOW below HIGH, as in 0:1")]
    ScaleRange {
        /// The text.
        found: String,
    },
    /// A line of a score file cannot be used.
    #[error("{location}: {problem}")]
    ScoreRecord {
        /// File and line.
        location: Location,
        /// What was found and what was expected.
        problem: Box<ScoreProblem>,
    },
    /// A score file and the data have no id in common.
    #[error(
        "{}: found none of {records} ids in the data, such as `{found}`, expected ids such as `{expected}`",
        shown(path).display()
    )]
    NoMatchingId {
        /// The score file.
        path: PathBuf,
        /// Its records.
        records: usize,
        /// The id of its first record.
        found: String,
        /// The id of the first record of the data.
        expected: String,
    },
    /// It cannot be told which aspects the scores of a file are of.
    #[error("{}: found {found}, expected {expected}", shown(path).display())]
    ScoreAspects {
        /// The score file.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: String,
    },
    /// A report was asked for with other examples than the ones that were evaluated.
    #[error("report: found {found} examples, expected {expected} (one per scored response)")]
    ReportExamples {
        /// Examples given.
        found: usize,
        /// Scored responses.
        expected: usize,
    },
    /// A chart of a report could not be drawn.
    #[error("chart `{title}`: {message}")]
    Chart {
        /// What it shows.
        title: String,
        /// What the drawing library says.
        message: String,
    },
    /// The data could not be read or tokenized.
    #[error(transparent)]
    Data(#[from] gradus_data::DataError),
    /// The bundle could not be loaded.
    #[error(transparent)]
    Model(#[from] gradus_model::ModelError),
}

impl EvalError {
    /// Whether what the user gave is at fault, rather than the machine or this program.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Data(error) => error.is_input(),
            Self::Model(error) => error.is_input(),
            Self::Chart { .. } | Self::Device { .. } => false,
            _ => true,
        }
    }

    /// What to do about it, where there is something to say.
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
                "the weights of the bundle are damaged, or too large for f32: train it again".into(),
            ),
            Self::ScoreRecord { problem, .. } => problem.hint(),
            Self::NoMatchingId { .. } => Some(
                "scores are joined to the data by `id`; a record of the data without one is called \
                 by its line number"
                    .into(),
            ),
            Self::ScoreAspects { .. } => Some(
                "name the aspects of the scores in --aspects, as the data calls them; \
                 `gradus data stats` lists those"
                    .into(),
            ),
            Self::Data(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::BaselineAspect { .. }
            | Self::Chart { .. }
            | Self::Device { .. }
            | Self::UnknownAspect { .. }
            | Self::NothingToAudit { .. }
            | Self::ScaleRange { .. }
            | Self::UnknownMetric { .. }
            | Self::MetricName { .. } => None,
        }
    }
}

/// The path of a score file as messages name it.
fn shown(path: &Path) -> &Path {
    if path == Path::new(gradus_data::STANDARD_INPUT) {
        Path::new("standard input")
    } else {
        path
    }
}
