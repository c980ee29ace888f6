//! Scores as columns of Arrow.

use std::mem::take;
use std::sync::Arc;

use arrow_buffer::Buffer;
use arrow_data::{ArrayData, ArrayDataBuilder};
use arrow_schema::{ArrowError, DataType, Schema};
use gradus::data::Example;
use gradus::eval::{ExampleScores, UnscoredReason};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use super::arrays::{length, names, numbers, schema, structs, whole};
use super::stream::capsule;
use crate::errors::failed;

/// Rows and segments of a batch, about.
const MAX_ROWS: usize = 1 << 16;
const MAX_SEGMENTS: usize = 1 << 22;

/// Columns of scores, which any library that reads Arrow takes without a copy.
#[pyclass(frozen, module = "gradus._gradus")]
pub(crate) struct Scores {
    schema: Arc<Schema>,
    batches: Vec<ArrayData>,
}

#[pymethods]
impl Scores {
    /// The columns through Arrow's C interface; may be asked for as often as needed.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Whoever wants other types casts the columns.
        drop(requested_schema);
        let batches = self.batches.iter().cloned().collect();
        capsule(py, Arc::clone(&self.schema), batches)
    }

    fn __len__(&self) -> usize {
        self.batches.iter().map(ArrayData::len).sum()
    }

    fn __repr__(&self) -> String {
        let names = self.schema.fields().iter();
        let names: Vec<&str> = names.map(|field| field.name().as_str()).collect();
        format!("Scores({} rows: {})", self.__len__(), names.join(", "))
    }
}

/// Scores on their way into columns.
pub(crate) struct Columns {
    aspects: Vec<String>,
    rows: Rows,
    batches: Vec<ArrayData>,
}

/// The rows of a batch.
#[derive(Default)]
struct Rows {
    /// Segments before every row, and in the end all of them.
    before: Vec<i32>,
    starts: Vec<i64>,
    ends: Vec<i64>,
    segments: Scored,
    responses: Scored,
}

/// Scores by aspect, and why there are none.
#[derive(Default)]
struct Scored {
    /// Row after row, one number for each aspect.
    values: Vec<Option<f64>>,
    there: Vec<bool>,
    reasons: Vec<Option<UnscoredReason>>,
}

impl Scored {
    fn push(
        &mut self,
        values: Option<&[Option<f64>]>,
        aspects: usize,
        reason: Option<UnscoredReason>,
    ) {
        match values {
            Some(values) => self.values.extend_from_slice(values),
            None => self.values.extend(std::iter::repeat_n(None, aspects)),
        }
        self.there.push(values.is_some());
        self.reasons.push(reason);
    }
}

impl Columns {
    pub(crate) fn new(aspects: Vec<String>) -> Self {
        Self {
            aspects,
            rows: Rows::default(),
            batches: Vec::new(),
        }
    }

    /// Adds a row.
    pub(crate) fn push(
        &mut self,
        example: &Example,
        scores: &ExampleScores,
    ) -> Result<(), ArrowError> {
        let aspects = self.aspects.len();
        let rows = &mut self.rows;
        rows.before.push(length(rows.starts.len())?);
        for (segment, score) in example.segments.iter().zip(&scores.segments) {
            rows.starts.push(wide(segment.span.start));
            rows.ends.push(wide(segment.span.end));
            let values: Option<Vec<_>> = score
                .scores()
                .map(|values| values.iter().copied().map(Some).collect());
            rows.segments
                .push(values.as_deref(), aspects, score.unscored());
        }
        let reason = scores.unscored(&example.response);
        rows.responses.push(Some(&scores.response), aspects, reason);
        if rows.before.len() >= MAX_ROWS || rows.starts.len() >= MAX_SEGMENTS {
            self.end_batch()?;
        }
        Ok(())
    }

    fn end_batch(&mut self) -> Result<(), ArrowError> {
        let mut rows = take(&mut self.rows);
        let count = rows.before.len();
        if count == 0 {
            return Ok(());
        }
        let num_segments = rows.starts.len();
        rows.before.push(length(num_segments)?);
        let schema = schema(&self.aspects);
        let DataType::List(item) = schema.field(0).data_type() else {
            return Err(ArrowError::SchemaError("no list of segments".into()));
        };
        let segments = structs(
            item.data_type(),
            num_segments,
            vec![
                whole(rows.starts)?,
                whole(rows.ends)?,
                numbers(rows.segments.values, rows.segments.there, &self.aspects)?,
                names(&rows.segments.reasons)?,
            ],
            None,
        )?;
        let lists = ArrayDataBuilder::new(schema.field(0).data_type().clone())
            .len(count)
            .add_buffer(Buffer::from_vec(rows.before))
            .add_child_data(segments)
            .build()?;
        let columns = vec![
            lists,
            numbers(rows.responses.values, rows.responses.there, &self.aspects)?,
            names(&rows.responses.reasons)?,
        ];
        let kind = DataType::Struct(schema.fields().clone());
        self.batches.push(structs(&kind, count, columns, None)?);
        Ok(())
    }

    pub(crate) fn finish(mut self, py: Python<'_>) -> PyResult<Scores> {
        self.end_batch().map_err(|error| failed(py, error))?;
        Ok(Scores {
            schema: Arc::new(schema(&self.aspects)),
            batches: self.batches,
        })
    }
}

/// A place in a text, which is shorter than 2^63 characters.
fn wide(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}
