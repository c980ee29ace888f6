//! One line of a score file.

use std::borrow::Cow;

use gradus_data::{CharSpan, Example, Segment};
use serde_json::{Map, Value};

use super::ScoreProblem;
use crate::{Aggregation, UnscoredReason};

type Checked<T> = Result<T, ScoreProblem>;

/// Whether scores have names, and which, in the order of their first appearance.
#[derive(Default)]
pub(super) struct Names {
    /// The kind of the first score, and its line.
    kind: Option<(Kind, usize)>,
    known: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Named,
}

impl Kind {
    fn phrase(self) -> &'static str {
        match self {
            Self::Plain => "plain numbers",
            Self::Named => "scores by aspect",
        }
    }
}

impl Names {
    /// Whether there is no score at all.
    pub(super) fn is_empty(&self) -> bool {
        self.kind.is_none()
    }

    /// The names; `None` if scores are plain numbers or there are none.
    pub(super) fn known(&self) -> Option<&[String]> {
        match self.kind {
            Some((Kind::Named, _)) => Some(&self.known),
            _ => None,
        }
    }

    fn expect(&mut self, kind: Kind, line: usize, field: impl FnOnce() -> String) -> Checked<()> {
        let &mut (expected, first_line) = self.kind.get_or_insert((kind, line));
        if kind == expected {
            return Ok(());
        }
        Err(ScoreProblem::Mixed {
            field: field(),
            found: kind.phrase(),
            expected: expected.phrase(),
            first_line,
        })
    }

    fn index(&mut self, name: &str) -> usize {
        let known = self.known.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.known.push(name.to_owned());
            self.known.len() - 1
        })
    }
}

/// The scores of a segment.
#[derive(Clone, Debug)]
pub(super) struct Score {
    /// By index of the aspect; plain numbers have index 0.
    values: Vec<(usize, f64)>,
    /// Why scores are absent.
    pub(super) reason: UnscoredReason,
    /// Whether only a part of the segment was read.
    pub(super) cut: bool,
}

impl Score {
    pub(super) fn none(reason: UnscoredReason) -> Self {
        Self {
            values: Vec::new(),
            reason,
            cut: false,
        }
    }

    /// Whether there is a score on some aspect.
    pub(super) fn is_some(&self) -> bool {
        !self.values.is_empty()
    }

    /// The scores of the aspects with these indices, NaN where there is none.
    pub(super) fn columns(&self, aspects: &[usize]) -> Vec<f64> {
        let values = aspects.iter().map(|&aspect| self.value(aspect));
        values.map(|value| value.unwrap_or(f64::NAN)).collect()
    }

    fn value(&self, aspect: usize) -> Option<f64> {
        let found = self.values.iter().find(|(index, _)| *index == aspect);
        found.map(|&(_, value)| value)
    }
}

/// The scores of a response, one entry per segment of its example.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) scores: Vec<Score>,
    /// The spans of segments, for an example without segments.
    pub(super) spans: Vec<CharSpan>,
    /// The score of the response.
    pub(super) response: ResponseScore,
    /// The aggregation of `response`, if the record has it.
    pub(super) aggregation: Option<Aggregation>,
    /// Whether not all of the text was read, or not at once.
    pub(super) shortened: bool,
}

/// The score of a response as a whole.
#[derive(Clone, Debug)]
pub(super) enum ResponseScore {
    /// The record has no score of the response.
    Absent,
    /// A score, or `null` and maybe why.
    Given(Score),
    /// A plain number, but named scores of segments, or vice versa: ambiguous.
    OtherKind,
}

/// Keys of a record that count tokens not read, or windows.
const SHORTENED: [&str; 4] = [
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
    /// Reads what a record says about `example`. A response that the data has not cut takes the
    /// segments of the record, which then need their spans.
    pub(super) fn read(
        mut record: Map<String, Value>,
        example: &Example,
        line: usize,
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
            line,
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

/// Whether a record has no scores of segments: a list of none, or only a score of the response.
fn lists_nothing(record: &Map<String, Value>) -> bool {
    let absent = |key: &str| record.get(key).is_none_or(Value::is_null);
    let empty = |key: &str| {
        let list = record.get(key).and_then(Value::as_array);
        list.is_some_and(Vec::is_empty)
    };
    empty("scores") || absent("scores") && absent("segments") && record.contains_key("score")
}

const AGGREGATION: &str = "aggregation";

fn aggregation(record: &Map<String, Value>) -> Checked<Option<Aggregation>> {
    match record.get(AGGREGATION) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|_| {
                let expected = "mean, sum, min, max, product, last or softmin:TEMPERATURE";
                wrong(AGGREGATION, value, expected)
            }),
    }
}

/// Refuses scores of responses that were made in two ways.
pub(super) fn check_aggregation(found: Aggregation, first: Aggregation) -> Checked<()> {
    if found == first {
        return Ok(());
    }
    let expected = "that of the records before: the scores of responses are not to be compared";
    Err(wrong(AGGREGATION, &found.to_string().into(), expected))
}

/// Whether the text was truncated, or read in windows, according to the record.
fn shortened(record: &Map<String, Value>) -> Checked<bool> {
    let mut shortened = false;
    for key in SHORTENED {
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

/// Refuses scores of another prompt, context or response.
fn check_texts(record: &Map<String, Value>, example: &Example) -> Checked<()> {
    let texts = [
        ("prompt", Some(example.prompt.as_str())),
        ("context", example.context.as_deref()),
        ("response", Some(example.response.as_str())),
    ];
    for (field, expected) in texts {
        // Also under a key that is another spelling of it, `Response`.
        let spelled = record.get(field).or_else(|| {
            let mut others = record.iter();
            others.find_map(|(key, value)| (folded(key) == field).then_some(value))
        });
        match spelled {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if Some(text.as_str()) == expected => {}
            Some(Value::String(_)) => {
                let id = example.id.clone();
                return Err(ScoreProblem::OtherText { id, field });
            }
            Some(other) => return Err(wrong(field, other, "a text")),
        }
    }
    Ok(())
}

/// Refuses scores in two places, and keys that look like that of scores in a record without scores.
fn check_keys(record: &Map<String, Value>, example: &Example) -> Checked<()> {
    let id = || example.id.clone();
    let is_there =
        |object: &Map<String, Value>, key: &str| object.get(key).is_some_and(|v| !v.is_null());
    let segments = record.get("segments").and_then(Value::as_array);
    let mut segments = segments.into_iter().flatten().enumerate();
    if is_there(record, "scores") {
        let scored = segments.find(|(_, s)| s.as_object().is_some_and(|s| is_there(s, "score")));
        if let Some((k, _)) = scored {
            let field = format!("segments[{k}].score");
            return Err(ScoreProblem::TwoPlaces {
                id: id(),
                field,
                other: "scores",
            });
        }
        return refuse_look_alike(record, String::new(), "scores", &id);
    }
    if record.get("segments").is_none() {
        return refuse_look_alike(record, String::new(), "scores", &id);
    }
    for (k, segment) in segments {
        if let Some(segment) = segment.as_object() {
            refuse_look_alike(segment, format!("segments[{k}]."), "score", &id)?;
        }
    }
    Ok(())
}

/// Refuses what is `read` but for case, blanks and hyphens, and where `read` is not there, other words
/// for it.
fn refuse_look_alike(
    object: &Map<String, Value>,
    place: String,
    read: &'static str,
    id: &dyn Fn() -> String,
) -> Checked<()> {
    const WORDS: [&str; 12] = [
        "score",
        "scores",
        "prediction",
        "predictions",
        "pred",
        "preds",
        "reward",
        "rewards",
        "stepscores",
        "segmentscores",
        "value",
        "values",
    ];
    for key in object.keys().filter(|key| *key != read) {
        let folded = folded(key);
        let is_other_word = !object.contains_key(read)
            && WORDS.contains(&folded.as_str())
            // The score of the response as a whole.
            && !(key == "score" && place.is_empty());
        if folded == read || is_other_word {
            let field = format!("{place}{key}");
            return Err(ScoreProblem::UnreadKey {
                id: id(),
                field,
                expected: read,
            });
        }
    }
    Ok(())
}

/// A key as it is compared: case, blanks, hyphens and underscores do not count.
fn folded(key: &str) -> String {
    let counts = |char: &char| !char.is_whitespace() && !matches!(char, '_' | '-');
    key.chars()
        .filter(counts)
        .flat_map(char::to_lowercase)
        .collect()
}

/// The example with the segments of the record.
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

/// The parts of reading that need to know the place.
struct Reader<'a> {
    example: &'a Example,
    line: usize,
    names: &'a mut Names,
}

impl Reader<'_> {
    fn list(&mut self, field: &str, scores: &[Value]) -> Checked<Vec<Score>> {
        self.check_count(field, scores.len())?;
        let scores = scores.iter().enumerate();
        scores
            .map(|(k, score)| {
                self.score(score, UnscoredReason::Missing, || format!("{field}[{k}]"))
            })
            .collect()
    }

    fn by_aspect(&mut self, aspects: &Map<String, Value>) -> Checked<Vec<Score>> {
        let missing = Score::none(UnscoredReason::Missing);
        let mut scores = vec![missing; self.example.segments.len()];
        for (aspect, list) in aspects {
            let field = format!("scores.{aspect}");
            let Value::Array(list) = list else {
                return Err(wrong(&field, list, "a list"));
            };
            self.check_count(&field, list.len())?;
            self.names
                .expect(Kind::Named, self.line, || field.clone())?;
            let index = self.names.index(aspect);
            for (k, (value, score)) in list.iter().zip(&mut scores).enumerate() {
                if let Some(value) = number(value, || format!("{field}[{k}]"))? {
                    score.values.push((index, value));
                }
            }
        }
        Ok(scores)
    }

    fn segments(&mut self, segments: &[Value]) -> Checked<Vec<Score>> {
        self.check_count("segments", segments.len())?;
        check_order(segments)?;
        let segments = segments.iter().enumerate();
        segments
            .map(|(k, segment)| {
                let Value::Object(segment) = segment else {
                    let expected = "an object with `score`";
                    return Err(wrong(&format!("segments[{k}]"), segment, expected));
                };
                self.check_span(k, segment)?;
                let reason = reason(segment, || format!("segments[{k}].unscored"))?;
                let cut = cut_mark(segment, k)?;
                if let Some(score) = segment.get("score") {
                    let field = || format!("segments[{k}].unscored");
                    refuse_reason_beside_score(segment, score, field)?;
                }
                let score = match segment.get("score") {
                    Some(score) => self.score(score, reason, || format!("segments[{k}].score"))?,
                    None => Score::none(reason),
                };
                Ok(Score { cut, ..score })
            })
            .collect()
    }

    /// The score of the response, of the kind that the scores of segments have.
    fn response(&mut self, value: &Value, reason: UnscoredReason) -> Checked<ResponseScore> {
        let kind = match value {
            Value::Object(_) => Some(Kind::Named),
            Value::Number(_) => Some(Kind::Plain),
            _ => None,
        };
        let expected = self.names.kind.map(|(kind, _)| kind);
        if let (Some(kind), Some(expected)) = (kind, expected)
            && kind != expected
        {
            return Ok(ResponseScore::OtherKind);
        }
        let score = self.score(value, reason, || "score".to_owned())?;
        Ok(ResponseScore::Given(score))
    }

    /// A score: a number, a map of aspects, or `null`.
    fn score(
        &mut self,
        value: &Value,
        reason: UnscoredReason,
        field: impl Fn() -> String,
    ) -> Checked<Score> {
        let mut score = Score::none(reason);
        match value {
            Value::Object(aspects) => {
                self.names.expect(Kind::Named, self.line, &field)?;
                for (aspect, value) in aspects {
                    let index = self.names.index(aspect);
                    let value = number(value, || format!("{}.{aspect}", field()))?;
                    score.values.extend(value.map(|value| (index, value)));
                }
            }
            value => {
                if let Some(value) = number(value, &field)? {
                    self.names.expect(Kind::Plain, self.line, &field)?;
                    score.values.push((0, value));
                }
            }
        }
        Ok(score)
    }

    fn check_count(&self, field: &str, found: usize) -> Checked<()> {
        let expected = self.example.segments.len();
        if found == expected {
            return Ok(());
        }
        Err(ScoreProblem::Count {
            id: self.example.id.clone(),
            field: field.to_owned(),
            found,
            expected,
        })
    }

    fn check_span(&self, k: usize, segment: &Map<String, Value>) -> Checked<()> {
        let span = self.example.segments[k].span;
        let expected = (span.start as u64, span.end as u64);
        let at = |key: &str, default: u64| match segment.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value.as_u64().ok_or_else(|| {
                let expected = "a whole number of characters, 0 or more";
                wrong(&format!("segments[{k}].{key}"), value, expected)
            }),
        };
        if let Some(text) = segment.get("text").filter(|text| !text.is_null())
            && text.as_str() != Some(self.example.segment_text(k))
        {
            let expected = "the text that the segment covers";
            return Err(wrong(&format!("segments[{k}].text"), text, expected));
        }
        let (start, end) = (at("start", expected.0)?, at("end", expected.1)?);
        if (start, end) == expected {
            return Ok(());
        }
        for (key, other) in [("start", "end"), ("end", "start")] {
            let is_absent = |key: &str| segment.get(key).is_none_or(Value::is_null);
            if let Some(value) = segment.get(key).filter(|_| is_absent(other)) {
                let field = format!("segments[{k}].{key}");
                return Err(wrong(&field, value, "where the segment lies in the data"));
            }
        }
        Err(ScoreProblem::Span {
            id: self.example.id.clone(),
            segment: k,
            found: (start, end),
            expected,
        })
    }
}

/// Refuses segments whose `index` is not in order.
fn check_order(segments: &[Value]) -> Checked<()> {
    let mut last = None;
    for (k, segment) in segments.iter().enumerate() {
        let Some(index) = segment.get("index").and_then(Value::as_u64) else {
            continue;
        };
        if last.is_some_and(|last| index <= last) {
            let expected = "segments in the order of the text, each with a higher index";
            return Err(wrong(
                &format!("segments[{k}].index"),
                &segment["index"],
                expected,
            ));
        }
        last = Some(index);
    }
    Ok(())
}

/// Refuses a score with a reason why there is none: one of the two is wrong.
fn refuse_reason_beside_score(
    record: &Map<String, Value>,
    score: &Value,
    field: impl Fn() -> String,
) -> Checked<()> {
    let is_whole = match score {
        Value::Object(aspects) => !aspects.is_empty() && aspects.values().all(Value::is_number),
        score => score.is_number(),
    };
    match record.get("unscored") {
        Some(reason) if is_whole && !reason.is_null() => Err(wrong(
            &field(),
            reason,
            "no reason beside a score, or a score of null",
        )),
        _ => Ok(()),
    }
}

/// Whether only a part of a segment was read.
fn cut_mark(segment: &Map<String, Value>, k: usize) -> Checked<bool> {
    match segment.get("cut") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(cut)) => Ok(*cut),
        Some(other) => Err(wrong(&format!("segments[{k}].cut"), other, "true or false")),
    }
}

/// Why a segment, or the response, has no score.
fn reason(record: &Map<String, Value>, field: impl Fn() -> String) -> Checked<UnscoredReason> {
    match record.get("unscored") {
        None | Some(Value::Null) => Ok(UnscoredReason::Missing),
        Some(reason) => serde_json::from_value(reason.clone()).map_err(|_| {
            let expected = "`truncated`, `no_tokens`, `missing`, `empty` or `no_segments`";
            wrong(&field(), reason, expected)
        }),
    }
}

fn number(value: &Value, field: impl Fn() -> String) -> Checked<Option<f64>> {
    match value {
        Value::Null => Ok(None),
        _ => match value.as_f64().filter(|number| number.is_finite()) {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(&field(), value, "a finite number or null")),
        },
    }
}

fn wrong(field: &str, value: &Value, expected: &'static str) -> ScoreProblem {
    ScoreProblem::Field {
        field: field.to_owned(),
        found: gradus_data::describe_value(value),
        expected,
    }
}
