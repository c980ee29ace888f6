use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::span_text::check_texts;
use crate::{CharOffsets, CharSpan, RecordError, RecordProblem, mean_rating};

/// The aspect of a rating that is a plain number.
pub const DEFAULT_ASPECT: &str = "rating";

/// A contiguous part of a response that gets its own score.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Segment {
    /// Where it lies in [`Example::response`].
    pub span: CharSpan,
    /// Rating by aspect, in rating units, finite. An absent aspect is unrated; an empty map is an
    /// unrated segment.
    pub ratings: BTreeMap<String, f64>,
    /// The ratings of each rater by aspect, where the record has them as a list; their mean is the
    /// aspect's entry in `ratings`. Absent where the record has one number.
    pub raters: BTreeMap<String, Vec<f64>>,
    /// Weight in the loss, finite and 0 or above; `None` counts as 1. Scoring and evaluation pass
    /// over it.
    pub weight: Option<f64>,
    /// Keys of the record's segment that mean nothing to Gradus, kept in their order.
    pub extra: Map<String, Value>,
}

impl Segment {
    /// A segment with ratings by aspect.
    pub fn new(span: CharSpan, ratings: BTreeMap<String, f64>) -> Self {
        Self {
            span,
            ratings,
            raters: BTreeMap::new(),
            weight: None,
            extra: Map::new(),
        }
    }

    /// A segment without a rating.
    pub fn unrated(span: CharSpan) -> Self {
        Self::new(span, BTreeMap::new())
    }

    /// A segment with one rating, of [`DEFAULT_ASPECT`].
    pub fn rated(span: CharSpan, rating: f64) -> Self {
        Self::new(span, BTreeMap::from([(DEFAULT_ASPECT.to_owned(), rating)]))
    }
}

/// One judged response: what was asked, what was answered, and the rated segments of the answer.
///
/// Examples that come from a reader hold what [`Example::check`] demands. Text outside every
/// segment is context for the others. An example without segments has not been cut yet; that is for
/// a segmenter to do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Example {
    /// Name of the example; the line number as text where the record has none.
    pub id: String,
    /// What was asked.
    pub prompt: String,
    /// What the answer may draw on, such as a retrieved passage.
    pub context: Option<String>,
    /// What was answered. An empty response has no segments, and nothing to score.
    pub response: String,
    /// Rating of the response as a whole, by aspect, in rating units, finite. An absent aspect is
    /// unrated.
    pub ratings: BTreeMap<String, f64>,
    /// The ratings of each rater of the response by aspect, as those of a [`Segment`].
    pub raters: BTreeMap<String, Vec<f64>>,
    /// Segments in the order of the text, inside `response`, not empty, without overlap.
    pub segments: Vec<Segment>,
    /// Whatever the author of the data noted down.
    pub meta: Map<String, Value>,
    /// Keys of the record that mean nothing to Gradus, kept in their order.
    pub extra: Map<String, Value>,
}

/// Keys of a record with a meaning of their own, which therefore never are extra keys.
pub(crate) const RECORD_KEYS: [&str; 10] = [
    "id",
    "prompt",
    "context",
    "response",
    "rating",
    "segments",
    "meta",
    "ratings",
    "completions",
    "labels",
];

/// Keys of a segment with a meaning of their own.
pub(crate) const SEGMENT_KEYS: [&str; 4] = ["start", "end", "rating", "weight"];

/// What the weight of a segment may be.
pub(crate) const WEIGHT: &str = "a finite number, 0 or more";

impl Example {
    /// Bytes of prompt, context and response.
    pub fn text_bytes(&self) -> usize {
        let context = self.context.as_ref().map_or(0, String::len);
        self.prompt.len() + context + self.response.len()
    }

    /// The text of segment `k`. Walks the response from its start: for many segments use
    /// [`segment_texts`](Self::segment_texts).
    ///
    /// # Panics
    /// If there is no segment `k`, or it does not lie inside the response, which [`Example::check`]
    /// rules out.
    pub fn segment_text(&self, k: usize) -> &str {
        self.segments[k]
            .span
            .slice(&self.response)
            .expect("segments lie inside the response")
    }

    /// The texts of all segments, found in one pass over the response.
    ///
    /// # Panics
    /// As [`segment_text`](Self::segment_text).
    pub fn segment_texts(&self) -> Vec<&str> {
        let offsets = CharOffsets::new(&self.response);
        let text = |segment: &Segment| offsets.to_bytes(segment.span)?.slice(&self.response);
        let texts = self.segments.iter().map(text);
        texts
            .map(|text| text.expect("segments lie inside the response"))
            .collect()
    }

    /// Checks what every reader guarantees.
    ///
    /// # Errors
    /// If a segment is empty, backwards, past the end of the response, out of order or overlaps
    /// another, or does not cover the `text` among its extra keys; if a rating is NaN or infinite, or
    /// not the mean of its raters; if the names of aspects look like figures of one rating
    /// ([`not_aspects`](crate::not_aspects)); if a weight is NaN, infinite or below 0; if an extra key is one of
    /// the keys of a record.
    pub fn check(&self) -> Result<(), RecordError> {
        self.check_all(true)
    }

    /// The same without a look at ratings and weights, for who does not read them.
    pub(crate) fn check_unrated(&self) -> Result<(), RecordError> {
        self.check_all(false)
    }

    fn check_all(&self, rated: bool) -> Result<(), RecordError> {
        if rated {
            check_ratings(|| "rating".to_owned(), &self.ratings, &self.raters)?;
        }
        check_spans(&self.response, &self.segments)?;
        check_texts(&self.response, &self.segments)?;
        for (index, segment) in self.segments.iter().enumerate() {
            if rated {
                let field = || format!("segments[{index}].rating");
                check_ratings(field, &segment.ratings, &segment.raters)?;
                check_weight(index, segment.weight)?;
            }
            let field = || format!("segments[{index}]");
            check_extra(field, &segment.extra, &SEGMENT_KEYS)?;
        }
        check_extra(String::new, &self.extra, &RECORD_KEYS)
    }

    /// The example as a native record: keys in the order of the design, then `extra` in its own
    /// order.
    ///
    /// The rating of a segment is `null` if there is none, a number if [`DEFAULT_ASPECT`] is its
    /// only aspect, else a map; a list in the place of a number where there are raters. An absent context, rating of the response or weight and empty
    /// `meta` are left out. Reading the record
    /// gives back the same example.
    pub fn to_json(&self) -> Value {
        let mut record = Map::new();
        record.insert("id".into(), self.id.clone().into());
        record.insert("prompt".into(), self.prompt.clone().into());
        if let Some(context) = &self.context {
            record.insert("context".into(), context.clone().into());
        }
        record.insert("response".into(), self.response.clone().into());
        if !self.ratings.is_empty() {
            record.insert(
                "rating".into(),
                ratings_to_json(&self.ratings, &self.raters),
            );
        }
        let segments = self.segments.iter().map(segment_to_json).collect();
        record.insert("segments".into(), Value::Array(segments));
        if !self.meta.is_empty() {
            record.insert("meta".into(), Value::Object(self.meta.clone()));
        }
        record.extend(self.extra.clone());
        Value::Object(record)
    }
}

fn segment_to_json(segment: &Segment) -> Value {
    let mut record = Map::new();
    record.insert("start".into(), segment.span.start.into());
    record.insert("end".into(), segment.span.end.into());
    record.insert(
        "rating".into(),
        ratings_to_json(&segment.ratings, &segment.raters),
    );
    if let Some(weight) = segment.weight {
        record.insert("weight".into(), weight.into());
    }
    record.extend(segment.extra.clone());
    Value::Object(record)
}

fn ratings_to_json(ratings: &BTreeMap<String, f64>, raters: &BTreeMap<String, Vec<f64>>) -> Value {
    let value = |aspect: &String, rating: f64| match raters.get(aspect) {
        Some(raters) => Value::from(raters.clone()),
        None => Value::from(rating),
    };
    match ratings.get_key_value(DEFAULT_ASPECT) {
        Some((aspect, &rating)) if ratings.len() == 1 => value(aspect, rating),
        None if ratings.is_empty() => Value::Null,
        _ => ratings
            .iter()
            .map(|(aspect, &rating)| (aspect.clone(), value(aspect, rating)))
            .collect(),
    }
}

fn check_spans(response: &str, segments: &[Segment]) -> Result<(), RecordError> {
    let num_chars = response.chars().count();
    let mut previous: Option<CharSpan> = None;
    for (index, segment) in segments.iter().enumerate() {
        let span = segment.span;
        let CharSpan { start, end } = span;
        let fail = |field: &str, problem| {
            Err(RecordError::new(
                format!("segments[{index}]{field}"),
                problem,
            ))
        };
        if start > end {
            return fail("", RecordProblem::SpanBackwards { start, end });
        }
        if end > num_chars {
            return fail(".end", RecordProblem::past_end(end, response));
        }
        if start == end {
            return fail("", RecordProblem::SpanEmpty { at: start });
        }
        if let Some(CharSpan {
            start: previous_start,
            end: previous_end,
        }) = previous
            && start < previous_end
        {
            let problem = if end <= previous_start {
                RecordProblem::SpanOutOfOrder {
                    start,
                    end,
                    previous_start,
                    previous_end,
                }
            } else {
                RecordProblem::SpanOverlap {
                    index,
                    start,
                    end,
                    previous_start,
                    previous_end,
                }
            };
            return fail("", problem);
        }
        previous = Some(span);
    }
    Ok(())
}

fn check_ratings(
    field: impl Fn() -> String,
    ratings: &BTreeMap<String, f64>,
    raters: &BTreeMap<String, Vec<f64>>,
) -> Result<(), RecordError> {
    for (aspect, rating) in ratings {
        if !rating.is_finite() {
            let field = format!("{}.{aspect}", field());
            let found = rating.to_string();
            return Err(RecordError::new(field, RecordProblem::NotFinite { found }));
        }
    }
    if ratings.len() > 1 || !ratings.contains_key(DEFAULT_ASPECT) {
        RecordProblem::check_aspects(ratings.keys())
            .map_err(|problem| RecordError::new(field(), problem))?;
    }
    for (aspect, raters) in raters {
        let mean = mean_rating(raters);
        if ratings.get(aspect).map(|rating| rating.to_bits()) != Some(mean.to_bits()) {
            let found = match ratings.get(aspect) {
                Some(rating) => format!("the number {rating} beside raters whose mean is {mean}"),
                None => "raters without a rating".to_owned(),
            };
            let problem = RecordProblem::WrongType {
                found,
                expected: "the mean of the raters",
            };
            return Err(RecordError::new(format!("{}.{aspect}", field()), problem));
        }
    }
    Ok(())
}

fn check_weight(index: usize, weight: Option<f64>) -> Result<(), RecordError> {
    match weight {
        Some(weight) if !(weight.is_finite() && weight >= 0.0) => {
            let problem = RecordProblem::WrongType {
                found: format!("the number {weight}"),
                expected: WEIGHT,
            };
            Err(RecordError::new(
                format!("segments[{index}].weight"),
                problem,
            ))
        }
        _ => Ok(()),
    }
}

fn check_extra(
    field: impl Fn() -> String,
    extra: &Map<String, Value>,
    reserved: &[&str],
) -> Result<(), RecordError> {
    match extra.keys().find(|key| reserved.contains(&key.as_str())) {
        Some(key) => Err(RecordError::new(
            field(),
            RecordProblem::ReservedKey { key: key.clone() },
        )),
        None => Ok(()),
    }
}
