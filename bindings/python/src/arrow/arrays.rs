//! Arrays of Arrow out of numbers.

use std::sync::Arc;

use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::{ArrayData, ArrayDataBuilder};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};
use gradus::eval::UnscoredReason;

/// The type of a score: a number, or a struct of numbers by aspect where there are several.
fn score_type(aspects: &[String]) -> DataType {
    match aspects {
        [_] => DataType::Float64,
        names => DataType::Struct(
            names
                .iter()
                .map(|name| Field::new(name, DataType::Float64, true))
                .collect(),
        ),
    }
}

/// The columns of scores.
pub(super) fn schema(aspects: &[String]) -> Schema {
    let segment: Fields = vec![
        Field::new("start", DataType::Int64, true),
        Field::new("end", DataType::Int64, true),
        Field::new("score", score_type(aspects), true),
        Field::new("unscored", DataType::Utf8, true),
    ]
    .into();
    let segments = Field::new("item", DataType::Struct(segment), true);
    Schema::new(vec![
        Field::new("scored_segments", DataType::List(Arc::new(segments)), true),
        Field::new("score", score_type(aspects), true),
        Field::new("unscored", DataType::Utf8, true),
    ])
}

pub(super) fn structs(
    kind: &DataType,
    count: usize,
    children: Vec<ArrayData>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayData, ArrowError> {
    ArrayDataBuilder::new(kind.clone())
        .len(count)
        .nulls(nulls)
        .child_data(children)
        .build()
}

pub(super) fn whole(numbers: Vec<i64>) -> Result<ArrayData, ArrowError> {
    ArrayDataBuilder::new(DataType::Int64)
        .len(numbers.len())
        .add_buffer(Buffer::from_vec(numbers))
        .build()
}

/// A column of scores.
pub(super) fn numbers(
    values: Vec<Option<f64>>,
    there: Vec<bool>,
    aspects: &[String],
) -> Result<ArrayData, ArrowError> {
    let of_aspect = |aspect: usize| {
        let values = || values.iter().skip(aspect).step_by(aspects.len());
        let numbers: Vec<f64> = values().map(|value| value.unwrap_or(0.0)).collect();
        let nulls: BooleanBuffer = values().map(Option::is_some).collect();
        ArrayDataBuilder::new(DataType::Float64)
            .len(numbers.len())
            .nulls(Some(NullBuffer::new(nulls)))
            .add_buffer(Buffer::from_vec(numbers))
            .build()
    };
    if aspects.len() == 1 {
        return of_aspect(0);
    }
    let children = (0..aspects.len())
        .map(of_aspect)
        .collect::<Result<_, _>>()?;
    let count = there.len();
    let nulls = NullBuffer::new(there.into());
    structs(&score_type(aspects), count, children, Some(nulls))
}

/// A column of reasons.
pub(super) fn names(reasons: &[Option<UnscoredReason>]) -> Result<ArrayData, ArrowError> {
    let mut texts = Vec::new();
    let mut offsets = vec![0];
    for reason in reasons {
        texts.extend_from_slice(reason.map_or("", UnscoredReason::name).as_bytes());
        offsets.push(length(texts.len())?);
    }
    let nulls: BooleanBuffer = reasons.iter().map(Option::is_some).collect();
    ArrayDataBuilder::new(DataType::Utf8)
        .len(reasons.len())
        .nulls(Some(NullBuffer::new(nulls)))
        .add_buffer(Buffer::from_vec(offsets))
        .add_buffer(Buffer::from_vec(texts))
        .build()
}

/// A number of rows or bytes, as Arrow's lists and texts hold it.
pub(super) fn length(count: usize) -> Result<i32, ArrowError> {
    i32::try_from(count).map_err(|_| {
        ArrowError::InvalidArgumentError("found a response with more than 2^31 segments".into())
    })
}
