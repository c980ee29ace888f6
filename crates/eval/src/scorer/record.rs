//! A record with its scores, as `gradus score` writes it.

use gradus_data::Example;
use gradus_model::SegmentModel;
use serde_json::{Map, Value};

use super::{ExampleScores, Scorer, SegmentScore};
use crate::UnscoredReason;

impl<M: SegmentModel> Scorer<M> {
    /// The native record of an example with the scores of [`score`](Self::score): `score` in every segment
    /// and for the response (a number, or an object by aspect where there are several; `null` if there is
    /// none, beside the reason in `unscored`), `"flag": "doubtful"` in segments at or below the bundle's threshold (an
    /// object by aspect where there are several), `low` and `high` for the bundle's prediction interval, if it holds for such
    /// scores (likewise), `aggregation`, and the tokens that truncation dropped. What an earlier
    /// scoring left in the example is replaced.
    pub fn scored_record(&self, example: &Example, scores: &ExampleScores) -> Value {
        let aspects: Vec<&str> = self.aspects().collect();
        let mut record = example.to_json();
        if let Some(segments) = record.get_mut("segments").and_then(Value::as_array_mut) {
            let segments = segments.iter_mut().filter_map(Value::as_object_mut);
            for (index, (segment, score)) in segments.zip(&scores.segments).enumerate() {
                set_segment(segment, score, &aspects);
                replace(segment, "flag", scores.flag(index, &aspects));
                let [low, high] = scores.ends(index, &aspects);
                replace(segment, "low", low);
                replace(segment, "high", high);
            }
        }
        if let Some(record) = record.as_object_mut() {
            let cut = &scores.truncation;
            record.insert("score".into(), by_aspect(&aspects, scores.response.clone()));
            record.insert("aggregation".into(), self.aggregation().to_string().into());
            set_reason(record, scores.unscored(&example.response));
            for (key, tokens) in [
                ("context_tokens_dropped", cut.context_tokens_dropped),
                ("prompt_tokens_dropped", cut.prompt_tokens_dropped),
                ("response_tokens_dropped", cut.response_tokens_dropped),
            ] {
                record.insert(key.into(), tokens.into());
            }
            let windows = (cut.windows > 0).then(|| cut.windows.into());
            replace(record, "windows", windows);
        }
        record
    }
}

impl ExampleScores {
    /// Why there is no score at all, given the response; `None` if there is one.
    pub fn unscored(&self, response: &str) -> Option<UnscoredReason> {
        let segments = self.segments.iter();
        let reasons = segments.map(|score| (score.scores().is_some(), score.unscored()));
        UnscoredReason::of_response(response, reasons)
    }
}

/// The flag of a segment at or below the threshold.
const DOUBTFUL: &str = "doubtful";

impl ExampleScores {
    /// The flag of a segment, by its place: `"doubtful"`, or where there are several aspects an object with those on
    /// which it is. `None` for a segment that is doubtful on none.
    pub fn flag(&self, segment: usize, aspects: &[&str]) -> Option<Value> {
        let doubtful = aspects.iter().enumerate();
        let mut doubtful = doubtful.filter(|(aspect, _)| self.is_doubtful(segment, *aspect));
        if let [_] = aspects {
            return doubtful.next().map(|_| DOUBTFUL.into());
        }
        let flags: Map<String, Value> = doubtful
            .map(|(_, &name)| (name.to_owned(), DOUBTFUL.into()))
            .collect();
        (!flags.is_empty()).then(|| flags.into())
    }
}

impl ExampleScores {
    /// Lower and upper ends of the prediction interval of a segment, by its place: numbers, or where there are several
    /// aspects objects with those that have one. `None` for a segment without.
    pub fn ends(&self, segment: usize, aspects: &[&str]) -> [Option<Value>; 2] {
        let of_aspect = |aspect| self.prediction_interval(segment, aspect);
        if let [_] = aspects {
            let ends = of_aspect(0);
            return [0, 1].map(|end| ends.map(|ends| ends[end].into()));
        }
        [0, 1].map(|end| {
            let names = aspects.iter().enumerate();
            let ends: Map<String, Value> = names
                .filter_map(|(aspect, &name)| {
                    Some((name.to_owned(), of_aspect(aspect)?[end].into()))
                })
                .collect();
            (!ends.is_empty()).then(|| ends.into())
        })
    }
}

fn set_segment(segment: &mut Map<String, Value>, score: &SegmentScore, aspects: &[&str]) {
    let values = score
        .scores()
        .map(|values| values.iter().copied().map(Some).collect());
    let value = values.map_or(Value::Null, |values| by_aspect(aspects, values));
    segment.insert("score".into(), value);
    set_reason(segment, score.unscored());
    let cut = matches!(score, SegmentScore::Cut(_));
    replace(segment, "cut", cut.then_some(Value::Bool(true)));
}

/// Says why there is no score; takes the reason out that an earlier scoring left.
fn set_reason(record: &mut Map<String, Value>, reason: Option<UnscoredReason>) {
    replace(
        record,
        "unscored",
        reason.map(|reason| reason.name().into()),
    );
}

/// Sets a key, or removes what an earlier scoring left there.
fn replace(object: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    match value {
        Some(value) => object.insert(key.into(), value),
        None => object.shift_remove(key),
    };
}

/// A bare number for one aspect, a map for several; `null` for a number that does not exist.
fn by_aspect(aspects: &[&str], values: Vec<Option<f64>>) -> Value {
    if let [value] = values[..] {
        return value.into();
    }
    let map: Map<String, Value> = aspects
        .iter()
        .zip(values)
        .map(|(&name, value)| (name.to_string(), value.into()))
        .collect();
    map.into()
}
