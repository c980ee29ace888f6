//! Responses that several raters have marked or rated in an annotation tool.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::fields::not_allowed;
use super::importer::{ANNOTATED, REPLACED};
use super::marks::{Mark, marked_spans, rate_spans};
use super::options::ImportOptions;
use crate::records::field::{Checked, text};
use crate::{CharSpan, DEFAULT_ASPECT, Example, RaterSums, Segment, mean_rating};

/// What one rater did with a response.
#[derive(Default)]
pub(super) struct Rater {
    pub(super) name: String,
    /// Which of two annotations of one rater is the later one; `None` where there may be only one.
    pub(super) made: Option<Made>,
    /// Whether the rater has skipped or rejected the task.
    pub(super) has_declined: bool,
    /// Spans with a label: whatever lies outside of all is worth 1.
    pub(super) marks: Vec<Mark>,
    /// Whether the rater was not asked for marks, or did not answer: then no mark does not mean no fault.
    pub(super) left_marks_out: bool,
    /// Spans with a rating, by aspect.
    pub(super) rated: Vec<(CharSpan, String, f64)>,
    /// Ratings of the whole response, by aspect.
    pub(super) whole: Vec<(String, f64)>,
}

/// When an annotation was made, as far as its tool says; what says nothing is made in the order of the file.
#[derive(Default, PartialEq, PartialOrd)]
pub(super) struct Made {
    /// ISO 8601.
    pub(super) time: String,
    /// Seconds, or an id that grows.
    pub(super) number: f64,
}

/// The texts of a task, and what its raters did.
pub(super) struct Annotated {
    pub(super) id: String,
    pub(super) texts: Texts,
    pub(super) meta: Map<String, Value>,
    pub(super) raters: Vec<Rater>,
    /// Annotations that a later one of the same rater has replaced.
    pub(super) replaced: usize,
}

/// The texts of a task.
#[derive(Default, PartialEq)]
pub(super) struct Texts {
    pub(super) prompt: String,
    pub(super) context: Option<String>,
    pub(super) response: String,
}

/// Keys of the judged text, the first one that is there.
const RESPONSE: [&str; 4] = ["response", "answer", "output", "text"];
/// Keys of the text that it answers.
const PROMPT: [&str; 3] = ["prompt", "question", "instruction"];

impl Texts {
    /// Takes the texts out of the fields of a task. `place` names these fields in messages.
    pub(super) fn take(fields: &mut Map<String, Value>, place: &str) -> Checked<Self> {
        let mut first = |keys: &[&str]| {
            let key = keys.iter().find(|key| fields.contains_key(**key))?;
            let field = if place.is_empty() {
                (*key).to_owned()
            } else {
                format!("{place}.{key}")
            };
            Some((fields.shift_remove(*key)?, field))
        };
        let mut optional = |keys: &[&str]| match first(keys) {
            None | Some((Value::Null, _)) => Ok(None),
            Some((value, field)) => text(value, &field).map(Some),
        };
        let prompt = optional(&PROMPT)?.unwrap_or_default();
        let context = optional(&["context"])?.filter(|context| !context.is_empty());
        let Some(response) = optional(&RESPONSE)? else {
            let expected = "the judged text in `response`, `answer`, `output` or `text`";
            return Err(not_allowed(place, "no such text", expected));
        };
        Ok(Self {
            prompt,
            context,
            response,
        })
    }
}

impl Annotated {
    /// Adds what a rater did. Of two annotations of one rater the later one counts: people correct themselves, and
    /// nobody is two raters.
    pub(super) fn add(&mut self, rater: Rater) {
        let known = self
            .raters
            .iter_mut()
            .find(|known| known.name == rater.name);
        let Some(known) = known else {
            self.raters.push(rater);
            return;
        };
        let earlier = if rater.made >= known.made {
            std::mem::replace(known, rater)
        } else {
            rater
        };
        self.replaced += usize::from(!earlier.has_declined);
    }

    /// The example: every segment has the mean of its raters, and their ratings beside it.
    ///
    /// Where a rater has rated spans, these are the segments; else the response is cut, and rated by the marks of each
    /// rater. Of several raters, `meta.raters` has the names, and `meta.rater_sd` the pooled standard deviation of
    /// their ratings of a segment.
    pub(super) fn finish(self, options: &ImportOptions, field: &str) -> Checked<Example> {
        let Self {
            id,
            texts,
            mut meta,
            mut raters,
            replaced,
        } = self;
        raters.retain(|rater| !rater.has_declined);
        if replaced > 0 {
            meta.insert(REPLACED.into(), replaced.into());
        }
        if raters.is_empty() {
            meta.insert(ANNOTATED.into(), false.into());
            let spans = marked_spans(&texts.response, [].iter(), options, field)?;
            let unrated = spans
                .into_iter()
                .map(|span| Segment::new(span, BTreeMap::new()));
            return Ok(Example {
                id,
                prompt: texts.prompt,
                context: texts.context,
                segments: unrated.collect(),
                response: texts.response,
                meta,
                ..Example::default()
            });
        }
        let has_rated = raters.iter().any(|rater| !rater.rated.is_empty());
        let has_marks = raters.iter().any(|rater| !rater.marks.is_empty());
        let has_whole = raters.iter().any(|rater| !rater.whole.is_empty());
        let segments = if has_rated {
            rated_segments(&raters)
        } else if has_marks || !has_whole {
            marked_segments(&texts.response, &raters, options, field)?
        } else {
            Vec::new()
        };
        let mut example = Example {
            id,
            prompt: texts.prompt,
            context: texts.context,
            response: texts.response,
            segments,
            ..Example::default()
        };
        let mut whole: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (aspect, rating) in raters.iter().flat_map(|rater| &rater.whole) {
            whole.entry(aspect.clone()).or_default().push(*rating);
        }
        (example.ratings, example.raters) = means(whole);
        if raters.len() > 1 {
            let names = raters.iter().map(|rater| Value::from(rater.name.as_str()));
            meta.insert("raters".into(), names.collect());
            let mut sums = RaterSums::default();
            for ratings in example.segments.iter().flat_map(|s| s.raters.values()) {
                sums.add(ratings);
            }
            if let Some(agreement) = sums.agreement() {
                meta.insert("rater_sd".into(), agreement.sd.into());
            }
        }
        example.meta = meta;
        Ok(example)
    }
}

/// The spans that raters have rated, each with the ratings of all who did.
fn rated_segments(raters: &[Rater]) -> Vec<Segment> {
    let mut spans: BTreeMap<CharSpan, BTreeMap<String, Vec<f64>>> = BTreeMap::new();
    for (span, aspect, rating) in raters.iter().flat_map(|rater| &rater.rated) {
        let aspects = spans.entry(*span).or_default();
        aspects.entry(aspect.clone()).or_default().push(*rating);
    }
    let segments = spans.into_iter();
    segments
        .map(|(span, aspects)| segment(span, aspects))
        .collect()
}

/// The response cut into segments, each with what the marks of every rater make of it.
fn marked_segments(
    response: &str,
    raters: &[Rater],
    options: &ImportOptions,
    field: &str,
) -> Checked<Vec<Segment>> {
    let marks = raters.iter().flat_map(|rater| &rater.marks);
    let spans = marked_spans(response, marks, options, field)?;
    let by_rater: Vec<Vec<f64>> = raters
        .iter()
        .filter(|rater| !rater.left_marks_out)
        .map(|rater| rate_spans(response, &spans, &rater.marks, options.mark_rule))
        .collect();
    let segments = spans.into_iter().enumerate().map(|(k, span)| {
        let ratings: Vec<f64> = by_rater.iter().map(|ratings| ratings[k]).collect();
        let rated = (!ratings.is_empty()).then(|| (DEFAULT_ASPECT.to_owned(), ratings));
        segment(span, rated.into_iter().collect())
    });
    Ok(segments.collect())
}

fn segment(span: CharSpan, aspects: BTreeMap<String, Vec<f64>>) -> Segment {
    let (ratings, raters) = means(aspects);
    let mut segment = Segment::new(span, ratings);
    segment.raters = raters;
    segment
}

/// Means by aspect, and the ratings where there are several.
fn means(
    aspects: BTreeMap<String, Vec<f64>>,
) -> (BTreeMap<String, f64>, BTreeMap<String, Vec<f64>>) {
    let means = aspects.iter();
    let means = means.map(|(aspect, ratings)| (aspect.clone(), mean_rating(ratings)));
    let means = means.collect();
    let several = aspects.into_iter().filter(|(_, ratings)| ratings.len() > 1);
    (means, several.collect())
}

/// The rating of a published number: that of the rating map if there is one.
pub(super) fn number_rating(value: &Value, options: &ImportOptions, field: &str) -> Checked<f64> {
    let number = value.as_f64();
    let number = number.ok_or_else(|| not_allowed(field, value, "a number"))?;
    options.rate(number, number, || field.to_owned())
}
