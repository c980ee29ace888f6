//! The rows of a table as records.

use arrow_data::ffi::FFI_ArrowArray;
use arrow_schema::Schema;
use gradus::data::{RecordError, RecordProblem, parse_value};
use pyo3::prelude::*;
use serde_json::{Map, Value};

use super::column::{Column, inside, is_null, unreadable};
use super::stream::{Batches, is_table};
use crate::errors::{data, record_error};

/// Columns that make up a record; others are not read.
const COLUMNS: [&str; 10] = [
    "id",
    "prompt",
    "context",
    "response",
    "segments",
    "ratings",
    "completions",
    "labels",
    "rating",
    "meta",
];

/// A table, and where reading stands in it.
///
/// A row becomes the record that it would be in a Parquet file: what is null is absent, in structs as well,
/// and a `meta` that is a text is read as JSON.
pub(crate) struct Table {
    batches: Batches,
    /// Which columns are read.
    columns: Vec<usize>,
    batch: Option<FFI_ArrowArray>,
    row: usize,
}

impl Table {
    /// The table that an object hands out; nothing if it does not.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        if !is_table(object)? {
            return Ok(None);
        }
        let py = object.py();
        let batches = Batches::of(object)?.map_err(|message| data(py, &message))?;
        let columns = columns(&batches.schema).map_err(|message| data(py, &message))?;
        Ok(Some(Self {
            batches,
            columns,
            batch: None,
            row: 0,
        }))
    }

    /// The next records, as many as `size` of one batch; none behind the last. `first` is the number of the first.
    pub(crate) fn records(
        &mut self,
        size: usize,
        first: usize,
    ) -> Result<Vec<Map<String, Value>>, Wrong> {
        while self
            .batch
            .as_ref()
            .is_none_or(|batch| self.row >= batch.len())
        {
            self.row = 0;
            self.batch = self.batches.next().map_err(Wrong::Table)?;
            if self.batch.is_none() {
                return Ok(Vec::new());
            }
        }
        let Some(batch) = &self.batch else {
            return Ok(Vec::new());
        };
        let schema = &self.batches.schema;
        if batch.num_children() != schema.fields().len() {
            return Err(Wrong::table(
                "found a batch with other columns than its table",
            ));
        }
        let mut columns = Vec::with_capacity(self.columns.len());
        for &index in &self.columns {
            let field = schema.field(index);
            let column = Column::new(field, batch.child(index));
            let column = column.ok_or_else(|| {
                Wrong::table(&format!(
                    "column `{}`: found an array without the parts of its type",
                    field.name()
                ))
            })?;
            columns.push((field.name().as_str(), column));
        }
        let end = batch.len().min(self.row + size);
        let rows = self.row..end;
        self.row = end;
        rows.enumerate()
            .map(|(number, row)| {
                let found = if is_null(batch, row) {
                    let found = "null".to_owned();
                    Err(RecordError::new("", RecordProblem::NotAnObject { found }))
                } else {
                    record(&columns, batch.offset() + row)
                };
                found.map_err(|error| Wrong::Record(first + number, error))
            })
            .collect()
    }
}

/// What is wrong with a table.
pub(crate) enum Wrong {
    Table(String),
    Record(usize, RecordError),
}

impl Wrong {
    fn table(message: &str) -> Self {
        Self::Table(message.to_owned())
    }

    pub(crate) fn raise(&self, py: Python<'_>) -> PyErr {
        match self {
            Self::Table(message) => data(py, message),
            Self::Record(number, error) => record_error(py, *number, error),
        }
    }
}

fn columns(schema: &Schema) -> Result<Vec<usize>, String> {
    let mut columns = Vec::new();
    for name in COLUMNS {
        let mut found =
            (schema.fields().iter().enumerate()).filter(|(_, field)| field.name() == name);
        let Some((index, field)) = found.next() else {
            continue;
        };
        if found.next().is_some() {
            return Err(format!("column `{name}`: found twice, expected once"));
        }
        if let Some(kind) = unreadable(field.data_type()) {
            return Err(format!(
                "column `{name}`: found {kind}, expected texts, numbers, truth values, lists or structs of them: cast \
                 the column, or leave it out"
            ));
        }
        columns.push(index);
    }
    Ok(columns)
}

fn record(columns: &[(&str, Column<'_>)], row: usize) -> Result<Map<String, Value>, RecordError> {
    let mut record = Map::with_capacity(columns.len());
    for &(name, column) in columns {
        let mut value = column.value(row).map_err(|error| inside(name, error))?;
        if let Value::String(text) = &value
            && name == "meta"
        {
            value = parse_value(text).map_err(|error| inside(name, error))?;
        }
        if !value.is_null() {
            record.insert(name.to_owned(), value);
        }
    }
    Ok(record)
}

/// Records of a table as JSON texts, one after the other.
#[pyclass(module = "gradus._gradus")]
pub(crate) struct Texts {
    table: Table,
    ready: std::vec::IntoIter<Map<String, Value>>,
    number: usize,
}

/// The records of a table as JSON texts.
#[pyfunction]
pub(crate) fn texts(table: &Bound<'_, PyAny>) -> PyResult<Texts> {
    let Some(table) = Table::of(table)? else {
        let message = "found no table, expected an object with Arrow's C interface";
        return Err(data(table.py(), message));
    };
    Ok(Texts {
        table,
        ready: Vec::new().into_iter(),
        number: 0,
    })
}

/// Records that are read at a time.
const CHUNK: usize = 512;

#[pymethods]
impl Texts {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Option<String>> {
        if self.ready.len() == 0 {
            let (table, number) = (&mut self.table, self.number);
            let ready = py.detach(|| table.records(CHUNK, number));
            self.ready = ready.map_err(|wrong| wrong.raise(py))?.into_iter();
        }
        self.number += 1;
        Ok(self
            .ready
            .next()
            .map(|record| Value::Object(record).to_string()))
    }
}
