use std::borrow::Cow;
use std::cell::RefCell;

use thiserror::Error;

use crate::not_aspects;
use crate::records::SpanFit;

/// What is wrong with one record, and in which field.
#[derive(Debug, Error)]
#[error("{}{problem}", field_prefix(.field))]
pub struct RecordError {
    /// Path of the field, such as `segments[2].end`; empty when the record as a whole is meant.
    pub field: String,
    /// What was found there and what was expected.
    pub problem: RecordProblem,
}

impl RecordError {
    /// `problem` in the field at the given path.
    pub fn new(field: impl Into<String>, problem: RecordProblem) -> Self {
        Self {
            field: field.into(),
            problem,
        }
    }

    /// What the author of the record can do about it.
    pub fn hint(&self) -> Option<String> {
        match self.problem {
            RecordProblem::Missing { .. } if self.field == "response" => Some(SHAPES.into()),
            RecordProblem::NotJson { .. } if !self.field.is_empty() => {
                Some("this field holds JSON as a text: write it again as `json.dumps` does, for instance".into())
            }
            _ => self.problem.hint(),
        }
    }
}

fn field_prefix(field: &str) -> String {
    if field.is_empty() {
        String::new()
    } else {
        format!("field `{field}`: ")
    }
}

/// What was found in a record and what was expected instead.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordProblem {
    /// The line is not UTF-8.
    #[error("byte {column} of the line is not UTF-8, expected text in UTF-8")]
    NotUtf8 {
        /// Position of the first bad byte, from 1.
        column: usize,
    },
    /// The line is not JSON.
    #[error("not JSON at column {column}: {reason}")]
    NotJson {
        /// Byte position of the error in the line, from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// The line ends inside the record.
    #[error(
        "found a record that goes on behind the end of the line, expected one JSON object a line"
    )]
    Unfinished,
    /// The line holds more than one record.
    #[error(
        "found a second record at column {column} of the line, expected one JSON object a line"
    )]
    SecondRecord {
        /// Byte position of the second record in the line, from 1.
        column: usize,
        /// Whether a carriage return without a line feed parts the two.
        ends_in_carriage_return: bool,
    },
    /// A key stands twice in one object.
    #[error("found twice in one object, expected each key once")]
    RepeatedKey,
    /// Two keys that differ only in case, blanks or hyphens, of which one is read.
    #[error("found beside `{read}`, which means the same, expected only one of the two")]
    VariantKey {
        /// The key that is read.
        read: &'static str,
    },
    /// A key that differs from one that is read only in case, blanks or hyphens.
    #[error("not read, expected `{read}`")]
    UnreadVariant {
        /// The key that is read.
        read: &'static str,
    },
    /// A list of as many ratings of the response as there are texts of unrated segments.
    #[error(
        "found a list of {count} numbers beside {count} texts in `{texts}` without `{ratings}`, \
         expected it to be clear whether they rate the segments"
    )]
    RatingOrRatings {
        /// Numbers, and texts.
        count: usize,
        /// The key of the texts.
        texts: &'static str,
        /// The key of their ratings.
        ratings: &'static str,
    },
    /// A map of ratings whose keys are no aspects.
    #[error("found the keys {keys}, which look like {like}, expected names of aspects")]
    NoAspects {
        /// The keys, in code.
        keys: String,
        /// What they look like.
        like: &'static str,
    },
    /// A whole number that reading would change.
    #[error("found {found}, expected a number that 64 bits hold exactly")]
    Inexact {
        /// The number as it is written.
        found: String,
    },
    /// The line is JSON, but not an object.
    #[error("found {found}, expected a JSON object")]
    NotAnObject {
        /// The value; long ones are abbreviated.
        found: String,
    },
    /// An element of a list of records is not JSON.
    #[error("not JSON at column {column}: {reason}")]
    NotJsonElement {
        /// Byte position of the error in the line, from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// An element of a list of records is JSON, but not an object.
    #[error("found {found}, expected a JSON object")]
    NotAnElement {
        /// The value; long ones are abbreviated.
        found: String,
    },
    /// A field that every record of this shape needs is not there.
    #[error("missing, expected {expected}")]
    Missing {
        /// What belongs there.
        expected: &'static str,
    },
    /// A field holds a value of another type or sign.
    #[error("found {found}, expected {expected}")]
    WrongType {
        /// The value; long ones are abbreviated.
        found: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A text that must not be empty is.
    #[error("found an empty text, expected at least one character")]
    EmptyText,
    /// A text is longer than it may be.
    #[error("found a text of {bytes} bytes, expected at most {limit}")]
    TextTooLong {
        /// Its length in bytes of UTF-8.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A number outside the range of `f64`, or `NaN` or `Infinity`, which are not JSON.
    #[error("found {found}, expected a finite number")]
    NotFinite {
        /// The number as it is written.
        found: String,
    },
    /// A span reaches past the end of the response.
    #[error(
        "found character {end}, past the end of the response, expected at most {num_chars}, its length in characters"
    )]
    SpanPastEnd {
        /// End of the span.
        end: usize,
        /// Length of the response in characters.
        num_chars: usize,
        /// Length of the response in UTF-16 code units.
        num_utf16: usize,
        /// Length of the response in UTF-8 bytes.
        num_bytes: usize,
    },
    /// A span without a character.
    #[error("found the empty span {at}..{at}, expected at least one character")]
    SpanEmpty {
        /// Start and end of the span.
        at: usize,
    },
    /// A span that ends before it starts.
    #[error("found the backwards span {start}..{end}, expected the start before the end")]
    SpanBackwards {
        /// Start of the span.
        start: usize,
        /// End of the span.
        end: usize,
    },
    /// A span that shares characters with the one before it.
    #[error(
        "found {start}..{end}, which overlaps segment {} at {previous_start}..{previous_end}, \
         expected spans that share no character", index - 1
    )]
    SpanOverlap {
        /// Index of the segment, from 0.
        index: usize,
        /// Start of the span.
        start: usize,
        /// End of the span.
        end: usize,
        /// Start of the span before it.
        previous_start: usize,
        /// End of the span before it.
        previous_end: usize,
    },
    /// A span that lies before the one listed ahead of it.
    #[error(
        "found {start}..{end} after {previous_start}..{previous_end}, expected segments in the order of the text"
    )]
    SpanOutOfOrder {
        /// Start of the span.
        start: usize,
        /// End of the span.
        end: usize,
        /// Start of the span listed before it.
        previous_start: usize,
        /// End of the span listed before it.
        previous_end: usize,
    },
    /// As many ratings as segments were expected.
    #[error(
        "found {ratings} rating(s) for {segments} segment(s), expected as many ratings as segments"
    )]
    CountMismatch {
        /// Number of segments.
        segments: usize,
        /// Number of ratings.
        ratings: usize,
    },
    /// Two fields that belong to different shapes of a record.
    #[error("found beside `{other}`, expected only one of the two")]
    Conflict {
        /// The other field.
        other: &'static str,
    },
    /// A field that means nothing without another one.
    #[error("found without `{needs}`, expected both")]
    Unpaired {
        /// The field that is missing.
        needs: &'static str,
    },
    /// A value of the right type that means nothing in this place.
    #[error("found {found}, expected {expected}")]
    NotAllowed {
        /// The value.
        found: String,
        /// What may stand there.
        expected: Cow<'static, str>,
    },
    /// A published rating without an entry in the rating map.
    #[error("found the rating {found}, expected one of the rating map {map}")]
    NotInRatingMap {
        /// The rating as it is published.
        found: String,
        /// The map as it is written on the command line.
        map: String,
    },
    /// The text inside a span is not the one the record says it is.
    #[error("found {found:?} at {start}..{end} of the response, expected {expected:?}")]
    MarkedText {
        /// Start of the span.
        start: usize,
        /// End of the span.
        end: usize,
        /// The text at the span.
        found: String,
        /// The text of the record.
        expected: String,
        /// What the offsets may count, or where the text stands.
        fit: Option<Box<SpanFit>>,
    },
    /// A key among the kept extra keys that has a meaning of its own.
    #[error("found `{key}` among the extra keys, expected keys without a meaning of their own")]
    ReservedKey {
        /// The key.
        key: String,
    },
}

impl RecordProblem {
    /// The same of an element of a list, and not of a line.
    pub(crate) fn in_list(self) -> Self {
        match self {
            Self::NotJson { column, reason } => Self::NotJsonElement { column, reason },
            Self::SecondRecord { column, .. } => Self::NotJsonElement {
                column,
                reason: "a second value without a comma ahead of it".into(),
            },
            Self::NotAnObject { found } => Self::NotAnElement { found },
            other => other,
        }
    }

    /// A span of `response` that ends past its end.
    pub(crate) fn past_end(end: usize, response: &str) -> Self {
        Self::SpanPastEnd {
            end,
            num_chars: response.chars().count(),
            num_utf16: response.encode_utf16().count(),
            num_bytes: response.len(),
        }
    }

    /// Refuses a map of ratings or scores whose keys are no aspects.
    ///
    /// # Errors
    /// [`RecordProblem::NoAspects`].
    pub(crate) fn check_aspects<'k>(
        keys: impl Iterator<Item = &'k String> + Clone,
    ) -> Result<(), Self> {
        thread_local! {
            /// What was found to be aspects last: nearly all segments of a file have the same.
            static LAST: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
        }
        if LAST.with_borrow(|last| keys.clone().eq(last)) {
            return Ok(());
        }
        let Some(like) = not_aspects(keys.clone().map(String::as_str)) else {
            LAST.set(keys.cloned().collect());
            return Ok(());
        };
        let keys: Vec<String> = keys.take(4).map(|key| format!("`{key}`")).collect();
        Err(Self::NoAspects {
            keys: keys.join(", "),
            like,
        })
    }

    /// What the author of the record can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotUtf8 { .. } => "save the file as UTF-8".into(),
            Self::TextTooLong { .. } => {
                "where such a text is right, raise the limit with --max-text-bytes BYTES; scoring takes about 250 \
                 times its size in memory"
                    .into()
            }
            Self::SecondRecord { ends_in_carriage_return: true, .. } => {
                "lines end in a carriage return alone: convert them, with `tr '\\r' '\\n'` for instance".into()
            }
            Self::Unfinished | Self::SecondRecord { .. } => {
                "a data file holds one JSON object per line (JSONL): `jq -c . FILE` writes it so".into()
            }
            Self::NotAnObject { found } if found.starts_with("a list that") => {
                "a data file holds one JSON object per line (JSONL): `jq -c '.[]' FILE` takes a list apart, and \
                 `gradus data import` reads published formats as they are".into()
            }
            Self::NotJson { .. } | Self::NotAnObject { .. } => {
                "a data file holds one JSON object per line (JSONL)".into()
            }
            Self::NotJsonElement { .. } | Self::NotAnElement { .. } => {
                "the file is one list, of which every element is a JSON object, with a comma between two".into()
            }
            Self::UnreadVariant { read } => {
                format!("rename the key to `{read}`, or to a name of its own if it means something else")
            }
            Self::RepeatedKey | Self::VariantKey { .. } => {
                "only one of the values could be read: keep the right one".into()
            }
            Self::RatingOrRatings { ratings, .. } => format!(
                "write `{ratings}` for one rating of each segment; if several raters rated the whole \
                 response, keep `rating` and add `{ratings}`: [null, ...]"
            ),
            Self::NoAspects { .. } => {
                "write one number, or the numbers of several raters as a list, [0.2, 0.8]; keep other figures \
                 under a key of their own, and rename what really is an aspect".into()
            }
            Self::Inexact { .. } => "write a name or a long number as a text, in quotation marks".into(),
            Self::NotFinite { .. } | Self::CountMismatch { .. } => {
                "write null for a segment without a rating".into()
            }
            Self::SpanPastEnd { end, num_utf16, num_bytes, .. } => {
                past_end_hint(*end, *num_utf16, *num_bytes)
            }
            Self::SpanEmpty { .. } | Self::SpanBackwards { .. } => {
                "spans are half-open: `end` is the first character after the segment".into()
            }
            Self::SpanOverlap { .. } => {
                "spans are half-open: a segment may start where the one before it ends".into()
            }
            Self::SpanOutOfOrder { .. } => "sort the segments of the record by `start`".into(),
            Self::Conflict { .. } | Self::Unpaired { .. } => SHAPES.into(),
            Self::NotInRatingMap { found, .. } => {
                format!("add `{found}=RATING` to the rating map, with the rating it is worth")
            }
            Self::MarkedText { fit, .. } => match fit {
                Some(fit) => format!("{COUNTED}; {fit}"),
                None => format!("{COUNTED}, not bytes or UTF-16 code units"),
            },
            _ => return None,
        };
        Some(hint)
    }
}

const SHAPES: &str = "a record has `response` and `segments` with spans and a `rating` each, \
                      or `segments` as texts and `ratings`, or `completions` and `labels`";

const COUNTED: &str = "offsets count Unicode characters of `response`";

fn past_end_hint(end: usize, num_utf16: usize, num_bytes: usize) -> String {
    if end > num_bytes {
        return COUNTED.into();
    }
    let bytes = format!("bytes (the response has {num_bytes})");
    let units = if end > num_utf16 {
        bytes
    } else {
        format!("UTF-16 code units (the response has {num_utf16}) or {bytes}")
    };
    format!("{COUNTED}; these would fit if they count {units}: convert them")
}
