//! Single values of a record: a score, the reason why it is absent, the aggregation.

use serde_json::{Map, Value};

use super::ScoreProblem;
use crate::{Aggregation, UnscoredReason};

pub(super) type Checked<T> = Result<T, ScoreProblem>;

/// The scores of a segment.
#[derive(Clone, Debug)]
pub(super) struct Score {
    /// Pairs of the index of an aspect and a score; plain numbers have index 0.
    pub(super) values: Vec<(usize, f64)>,
    /// Why a score is absent.
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

    /// Whether there is a score on any aspect.
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

const AGGREGATION: &str = "aggregation";

/// The aggregation that a record names.
pub(super) fn aggregation(record: &Map<String, Value>) -> Checked<Option<Aggregation>> {
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

/// Refuses an aggregation other than that of the records before.
pub(super) fn check_aggregation(found: Aggregation, first: Aggregation) -> Checked<()> {
    if found == first {
        return Ok(());
    }
    let expected =
        "the aggregation of the records before: otherwise their scores are not comparable";
    Err(wrong(AGGREGATION, &found.to_string().into(), expected))
}

/// Refuses a score together with a reason why it is absent: one of the two is wrong.
pub(super) fn refuse_reason_beside_score(
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

/// Whether the model read only a part of a segment.
pub(super) fn cut_mark(segment: &Map<String, Value>, k: usize) -> Checked<bool> {
    match segment.get("cut") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(cut)) => Ok(*cut),
        Some(other) => Err(wrong(&format!("segments[{k}].cut"), other, "true or false")),
    }
}

/// Why a segment or the response has no score.
pub(super) fn reason(
    record: &Map<String, Value>,
    field: impl Fn() -> String,
) -> Checked<UnscoredReason> {
    match record.get("unscored") {
        None | Some(Value::Null) => Ok(UnscoredReason::Missing),
        Some(reason) => serde_json::from_value(reason.clone()).map_err(|_| {
            let expected = "`truncated`, `no_tokens`, `missing`, `empty` or `no_segments`";
            wrong(&field(), reason, expected)
        }),
    }
}

/// A finite number or `null`.
pub(super) fn number(value: &Value, field: impl Fn() -> String) -> Checked<Option<f64>> {
    match value {
        Value::Null => Ok(None),
        _ => match value.as_f64().filter(|number| number.is_finite()) {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(&field(), value, "a finite number or null")),
        },
    }
}

/// The problem of a field with a value other than `expected`.
pub(super) fn wrong(field: &str, value: &Value, expected: &'static str) -> ScoreProblem {
    ScoreProblem::Field {
        field: field.to_owned(),
        found: gradus_data::describe_value(value),
        expected,
    }
}
