//! One record of a score file.

use std::borrow::Cow;

use gradus_data::{CharSpan, Example, Location, Segment};
use serde_json::{Map, Value};

use super::ScoreProblem;
use super::keys::{check_keys, check_texts};
use super::names::Names;
use super::reader::Reader;
use super::value::{Checked, Score, aggregation, reason, refuse_reason_beside_score, wrong};
use crate::{Aggregation, UnscoredReason};

/// The scores of a response, one entry per segment of its example.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) scores: Vec<Score>,
    /// The spans of the record's segments, if the example has no segments.
    pub(super) spans: Vec<CharSpan>,
    /// The score of the response.
    pub(super) response: ResponseScore,
    /// The aggregation of `response`, if the record has it.
    pub(super) aggregation: Option<Aggregation>,
    /// Whether the text was truncated or read in windows.
    pub(super) shortened: bool,
}

/// The score of a response as a whole.
#[derive(Clone, Debug)]
pub(super) enum ResponseScore {
    /// The record has no score of the response.
    Absent,
    /// A score, or `null` with or without a reason.
    Given(Score),
    /// A plain number beside named scores of segments, or the reverse. This is ambiguous.
    OtherKind,
}

/// Keys of a record that count dropped tokens or windows.
const TRUNCATED: [&str; 4] = [
    "context_tokens_dropped",
    "prompt_tokens_dropped",
    "response_tokens_dropped",
    "windows",
];

/// The id of a record.
pub(super) fn id(record: &Map<String, Value>) -> Checked<String> {
    match record.get("id") {
        Some(Value::String(id)) => Ok(id.clone()),
        Some(Value::Number(id)) if !id.is_f64() => Ok(id.to_string()),
        None | Some(Value::Null) => Err(ScoreProblem::NoId),
        Some(other) => Err(wrong("id", other, "a text or a whole number")),
    }
}

impl Record {
    /// Reads the scores of `example`. An example without segments takes those of the record, which then
    /// need spans.
    pub(super) fn read(
        mut record: Map<String, Value>,
        example: &Example,
        place: &Location,
        names: &mut Names,
    ) -> Checked<Self> {
        check_texts(&record, example)?;
        check_keys(&record, example)?;
        let (cut, spans) = match &example.segments[..] {
            [] if lists_nothing(&record) => (Cow::Borrowed(example), Vec::new()),
            [] => cut(example, record.get("segments"))?,
            _ => (Cow::Borrowed(example), Vec::new()),
        };
        let shortened = shortened(&record)?;
        let mut reader = Reader {
            example: &cut,
            place,
            names,
        };
        let own = record.remove("score");
        let scores = match (record.remove("scores"), record.remove("segments")) {
            (Some(Value::Array(scores)), _) => reader.list("scores", &scores)?,
            (Some(Value::Object(aspects)), _) => reader.by_aspect(&aspects)?,
            (None | Some(Value::Null), Some(Value::Array(segments))) => {
                reader.segments(&segments)?
            }
            (None | Some(Value::Null), None | Some(Value::Null)) if own.is_some() => {
                let missing = Score::none(UnscoredReason::Missing);
                vec![missing; cut.segments.len()]
            }
            (None | Some(Value::Null), None | Some(Value::Null)) => {
                let id = example.id.clone();
                return Err(ScoreProblem::NoScores { id });
            }
            (None | Some(Value::Null), Some(other)) => {
                return Err(wrong("segments", &other, "a list"));
            }
            (Some(other), _) => {
                return Err(wrong(
                    "scores",
                    &other,
                    "a list, or a map of aspects to lists",
                ));
            }
        };
        let reason = reason(&record, || "unscored".to_owned())?;
        let aggregation = aggregation(&record)?;
        let response = match own {
            None => ResponseScore::Absent,
            Some(own) => {
                refuse_reason_beside_score(&record, &own, || "unscored".to_owned())?;
                reader.response(&own, reason)?
            }
        };
        Ok(Self {
            scores,
            spans,
            response,
            aggregation,
            shortened,
        })
    }
}

/// Whether a record has no scores of segments: an empty list, or only a score of the response.
fn lists_nothing(record: &Map<String, Value>) -> bool {
    let absent = |key: &str| record.get(key).is_none_or(Value::is_null);
    let empty = |key: &str| {
        let list = record.get(key).and_then(Value::as_array);
        list.is_some_and(Vec::is_empty)
    };
    empty("scores") || absent("scores") && absent("segments") && record.contains_key("score")
}

/// Whether the record says that the text was truncated or read in windows.
fn shortened(record: &Map<String, Value>) -> Checked<bool> {
    let mut shortened = false;
    for key in TRUNCATED {
        shortened |= match record.get(key) {
            None | Some(Value::Null) => false,
            Some(value) => match value.as_u64() {
                Some(number) => number > 0,
                None => return Err(wrong(key, value, "a whole number, 0 or more")),
            },
        };
    }
    Ok(shortened)
}

/// The example with the segments of the record, and their spans.
fn cut<'a>(
    example: &'a Example,
    segments: Option<&Value>,
) -> Checked<(Cow<'a, Example>, Vec<CharSpan>)> {
    let span = |segment: &Value| {
        let at = |key: &str| usize::try_from(segment.get(key)?.as_u64()?).ok();
        Some(CharSpan::new(at("start")?, at("end")?))
    };
    let spans: Option<Vec<CharSpan>> = segments
        .and_then(Value::as_array)
        .and_then(|segments| segments.iter().map(span).collect());
    let Some(spans) = spans else {
        let id = example.id.clone();
        return Err(ScoreProblem::NotCut { id });
    };
    let mut cut = example.clone();
    cut.segments = spans.iter().copied().map(Segment::unrated).collect();
    cut.check().map_err(Box::new)?;
    Ok((Cow::Owned(cut), spans))
}
