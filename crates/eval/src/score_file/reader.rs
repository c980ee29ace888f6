//! Reads the scores of a record in any of their shapes.

use gradus_data::{Example, Location, not_aspects};
use serde_json::{Map, Value};

use super::ScoreProblem;
use super::names::{Kind, Names};
use super::record::ResponseScore;
use super::value::{Checked, Score, cut_mark, number, reason, refuse_reason_beside_score, wrong};
use crate::UnscoredReason;

/// Reads the scores of the record at `place`, which belongs to `example`.
pub(super) struct Reader<'a> {
    pub(super) example: &'a Example,
    pub(super) place: &'a Location,
    pub(super) names: &'a mut Names,
}

impl Reader<'_> {
    /// One score per segment.
    pub(super) fn list(&mut self, field: &str, scores: &[Value]) -> Checked<Vec<Score>> {
        self.check_count(field, scores.len())?;
        let scores = scores.iter().enumerate();
        scores
            .map(|(k, score)| {
                self.score(score, UnscoredReason::Missing, || format!("{field}[{k}]"))
            })
            .collect()
    }

    /// One list of scores per aspect.
    pub(super) fn by_aspect(&mut self, aspects: &Map<String, Value>) -> Checked<Vec<Score>> {
        let missing = Score::none(UnscoredReason::Missing);
        let mut scores = vec![missing; self.example.segments.len()];
        self.check_aspects(aspects, || "scores".to_owned())?;
        for (aspect, list) in aspects {
            let field = format!("scores.{aspect}");
            let Value::Array(list) = list else {
                return Err(wrong(&field, list, "a list"));
            };
            self.check_count(&field, list.len())?;
            self.names
                .expect(Kind::Named, self.place, || field.clone())?;
            let index = self.names.index(aspect);
            for (k, (value, score)) in list.iter().zip(&mut scores).enumerate() {
                if let Some(value) = number(value, || format!("{field}[{k}]"))? {
                    score.values.push((index, value));
                }
            }
        }
        Ok(scores)
    }

    /// A list of segments with a score each.
    pub(super) fn segments(&mut self, segments: &[Value]) -> Checked<Vec<Score>> {
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

    /// The score of the response. It must be of the same kind as the scores of segments.
    pub(super) fn response(
        &mut self,
        value: &Value,
        reason: UnscoredReason,
    ) -> Checked<ResponseScore> {
        let kind = match value {
            Value::Object(_) => Some(Kind::Named),
            Value::Number(_) => Some(Kind::Plain),
            _ => None,
        };
        if let (Some(kind), Some(expected)) = (kind, self.names.kind())
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
                self.names.expect(Kind::Named, self.place, &field)?;
                self.check_aspects(aspects, &field)?;
                for (aspect, value) in aspects {
                    let index = self.names.index(aspect);
                    let value = number(value, || format!("{}.{aspect}", field()))?;
                    score.values.extend(value.map(|value| (index, value)));
                }
            }
            value => {
                if let Some(value) = number(value, &field)? {
                    self.names.expect(Kind::Plain, self.place, &field)?;
                    score.values.push((0, value));
                }
            }
        }
        Ok(score)
    }

    /// Refuses more or fewer scores than segments.
    /// Refuses names that are no aspects, such as `mean` and `std`.
    fn check_aspects(
        &self,
        aspects: &Map<String, Value>,
        field: impl FnOnce() -> String,
    ) -> Checked<()> {
        let Some(like) = not_aspects(aspects.keys().map(String::as_str)) else {
            return Ok(());
        };
        let keys: Vec<String> = aspects
            .keys()
            .take(4)
            .map(|key| format!("`{key}`"))
            .collect();
        Err(ScoreProblem::NoAspects {
            id: self.example.id.clone(),
            field: field(),
            keys: keys.join(", "),
            like,
        })
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

    /// Refuses a segment whose span or text is not that of the example.
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

/// Refuses segments that are not in the order of their `index`.
fn check_order(segments: &[Value]) -> Checked<()> {
    let mut last = None;
    for (k, segment) in segments.iter().enumerate() {
        let value = segment.get("index").filter(|value| !value.is_null());
        let Some(value) = value else {
            continue;
        };
        let field = || format!("segments[{k}].index");
        let Some(index) = value.as_u64() else {
            return Err(wrong(&field(), value, "a whole number, 0 or more"));
        };
        if last.is_some_and(|last| index <= last) {
            let expected = "segments in the order of the text, each with a higher index";
            return Err(wrong(&field(), value, expected));
        }
        last = Some(index);
    }
    Ok(())
}
