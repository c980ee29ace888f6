//! Errors in a line of a score file.

use gradus_data::{DataError, RecordError, RecordProblem};

use crate::EvalError;

/// Why a line of a score file cannot be used: what was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreProblem {
    /// The line is not a JSON object.
    #[error(transparent)]
    Line(#[from] Box<RecordError>),
    /// The record has no `id`.
    #[error("field `id`: found none, expected the id of a record of the data")]
    NoId,
    /// A field has a wrong value.
    #[error("field `{field}`: found {found}, expected {expected}")]
    Field {
        /// Path of the field, such as `scores[2]`.
        field: String,
        /// The value; long ones are abbreviated.
        found: String,
        /// The expected value.
        expected: &'static str,
    },
    /// The record has scores in two places.
    #[error(
        "response `{id}`: field `{field}`: found beside `{other}`, expected scores in one of the two"
    )]
    TwoPlaces {
        /// Id of the response.
        id: String,
        /// One place.
        field: String,
        /// The other.
        other: &'static str,
    },
    /// A key that looks like a key for scores, in a record without scores.
    #[error(
        "response `{id}`: field `{field}`: found no such key in a score file, expected `{expected}`"
    )]
    UnreadKey {
        /// Id of the response.
        id: String,
        /// The key that is there.
        field: String,
        /// The key that is read.
        expected: &'static str,
    },
    /// The record has no scores.
    #[error("response `{id}`: found neither `scores` nor `segments`, expected one of them")]
    NoScores {
        /// Id of the response.
        id: String,
    },
    /// The record has segments, but nothing that names a score.
    #[error(
        "response `{id}`: found {segments} segments without the key `score`, expected it in each, null where there is none"
    )]
    NoSegmentScore {
        /// Id of the response.
        id: String,
        /// How many segments there are.
        segments: usize,
        /// Whether they have ratings, as those of data have.
        is_rated: bool,
    },
    /// Scores by names that are no aspects.
    #[error(
        "response `{id}`: field `{field}`: found the keys {keys}, which look like {like}, expected names of aspects"
    )]
    NoAspects {
        /// Id of the response.
        id: String,
        /// Path of the field.
        field: String,
        /// The keys, in code.
        keys: String,
        /// What they look like.
        like: &'static str,
    },
    /// More or fewer scores than segments.
    #[error(
        "response `{id}`: field `{field}`: found {found} scores, expected {expected}, the segments of this response in the data"
    )]
    Count {
        /// Id of the response.
        id: String,
        /// The list of scores.
        field: String,
        /// Its length.
        found: usize,
        /// Segments of the response.
        expected: usize,
    },
    /// Scores without spans, for a response without segments in the data.
    #[error(
        "response `{id}`: found scores without spans, expected spans: this response has no segments in the data"
    )]
    NotCut {
        /// Id of the response.
        id: String,
    },
    /// A segment has another span than in the data.
    #[error(
        "response `{id}`: field `segments[{segment}]`: found the span {}..{}, expected {}..{} as in the data",
        found.0, found.1, expected.0, expected.1
    )]
    Span {
        /// Id of the response.
        id: String,
        /// Index of the segment, from 0.
        segment: usize,
        /// Start and end in the score file.
        found: (u64, u64),
        /// Start and end in the data.
        expected: (u64, u64),
    },
    /// The record has another text than the example with its id.
    #[error("response `{id}`: field `{field}`: found another text than the data has for this id")]
    OtherText {
        /// Id of the response.
        id: String,
        /// `prompt`, `context` or `response`.
        field: &'static str,
    },
    /// The data has no response with this id.
    #[error(
        "found the id `{id}`{}, expected ids of the data",
        if *others == 0 { String::new() } else { format!(" and {others} more like it") }
    )]
    UnknownId {
        /// The first unknown id.
        id: String,
        /// Further records with an unknown id.
        others: usize,
    },
    /// A response has two records.
    #[error("found the id `{id}`, which {first} has too, expected distinct ids")]
    DuplicateId {
        /// The id.
        id: String,
        /// Line or row of the earlier record, and its file where that is another one.
        first: String,
    },
    /// Some scores are plain numbers and others are named.
    #[error(
        "field `{field}`: found {found}, expected {expected} as in {first}, where the scores start"
    )]
    Mixed {
        /// Path of the field.
        field: String,
        /// The value found.
        found: &'static str,
        /// The value in earlier records.
        expected: &'static str,
        /// Line or row of the first score, and its file where that is another one.
        first: String,
    },
}

impl ScoreProblem {
    /// What the author of the file can do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Line(error) => match error.problem {
                RecordProblem::NotFinite { .. } => "write null for a segment without a score",
                RecordProblem::NotJson { .. } => {
                    "a score file holds one JSON object per line (JSONL), or is Parquet"
                }
                _ => return error.hint(),
            },
            Self::NoId | Self::UnknownId { .. } => {
                "scores are joined to the data by `id`; data without ids is numbered by line or row. Evaluate on \
                 the file that was scored"
            }
            Self::Field { field, .. } => field_hint(field),
            Self::NoScores { .. }
            | Self::NoSegmentScore {
                is_rated: false, ..
            }
            | Self::Mixed { .. }
            | Self::TwoPlaces { .. }
            | Self::UnreadKey { .. } => SHAPES,
            Self::NoSegmentScore { is_rated: true, .. } => {
                "this looks like a data file: `gradus score BUNDLE DATA -o FILE` writes a score file"
            }
            Self::NoAspects { .. } => {
                "write one number a segment; keep other figures under a key of their own, and rename what \
                 really is an aspect"
            }
            Self::Count { .. } => {
                "list one score for every segment of the data, rated or not, in their order, and \
                 null for a segment without a score"
            }
            Self::NotCut { .. } => {
                "write `segments` with `start`, `end` and `score` each, or add segments to the data"
            }
            Self::Span { .. } => "score the segments of the data, not other segments",
            Self::OtherText { .. } => {
                "evaluate on the file that was scored; another file may use the same ids for other texts"
            }
            Self::DuplicateId { .. } => "write one record per response",
        };
        Some(hint.to_owned())
    }
}

/// A hint about the value of a field.
fn field_hint(field: &str) -> &'static str {
    let last = field.rsplit('.').next().unwrap_or(field);
    let key = last.split('[').next().unwrap_or(last);
    match key {
        "start" | "end" | "text" => "score the segments of the data, not other segments",
        "index" => "sort the segments of the record",
        "id" => "write the id that the data has",
        "unscored" => "leave the reason out, or write null for a segment without a score",
        _ if field.contains("score") || field.contains("segments") => {
            "write a number, or null for a segment without a score"
        }
        _ => "leave the key out, or write what `gradus score` writes there",
    }
}

const SHAPES: &str = r#"a record is {"id":"x1","scores":[0.7,null]}, or {"id":"x1","scores":{"ASPECT":[0.7,null]}}, or {"id":"x1","segments":[{"score":0.7},{"score":null}]}; all records alike"#;

/// Turns an error of reading a line into a [`ScoreProblem`] if the line caused it.
pub(super) fn reading(error: DataError) -> EvalError {
    match error {
        DataError::Record { location, error } => EvalError::ScoreRecord {
            location,
            problem: Box::new(ScoreProblem::Line(error)),
        },
        other => other.into(),
    }
}
