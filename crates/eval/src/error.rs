//! What can go wrong in this crate.

/// The result of a fallible function of this crate.
pub type Result<T> = std::result::Result<T, EvalError>;

/// An input that cannot be evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
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
    /// A word that names no aggregation.
    #[error("unknown aggregation: found `{found}`, expected one of: {known}")]
    UnknownAggregation {
        /// The word.
        found: String,
        /// The words that are understood, comma-separated.
        known: String,
    },
    /// A word that names no metric.
    #[error("unknown metric: found `{found}`, expected one of: {known}")]
    UnknownMetric {
        /// The word.
        found: String,
        /// The words that are understood, comma-separated.
        known: String,
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
    /// A part of a bundle's manifest is not what this version reads.
    #[error("bundle manifest, `{part}`: {source}")]
    Manifest {
        /// Key of the manifest.
        part: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The tokenizer makes ids that the model has no embedding for.
    #[error(
        "tokenizer and model do not belong together: found {tokenizer} token ids, expected at most {model}"
    )]
    Vocabulary {
        /// Token ids of the tokenizer.
        tokenizer: usize,
        /// Embeddings of the model.
        model: usize,
    },
    /// The data could not be read or encoded.
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
            _ => true,
        }
    }

    /// What to do about it, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::ScoreCount { .. } => {
                Some("list the aspects in the order in which the scores were written".into())
            }
            Self::BaselineResponses { .. } | Self::BaselineSegments { .. } => Some(
                "score the baseline on the records that are evaluated, in the same order".into(),
            ),
            Self::DifferentRatings { .. } => {
                Some("score the same records in the same order with every system".into())
            }
            Self::NothingRated { .. } => Some(
                "give a training file that rates this aspect, or leave the baseline out".into(),
            ),
            Self::Manifest { .. } | Self::Vocabulary { .. } => Some(
                "the bundle was put together by hand or by another version: train it again".into(),
            ),
            Self::Data(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::BaselineAspect { .. }
            | Self::UnknownAspect { .. }
            | Self::NothingToAudit { .. }
            | Self::ScaleRange { .. }
            | Self::UnknownAggregation { .. }
            | Self::UnknownMetric { .. } => None,
        }
    }
}
