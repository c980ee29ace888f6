//! The columns of records that are written, and the levels and values in them.

use std::io;
use std::sync::Arc;

use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::schema::types::{Type, TypePtr};
use serde_json::{Map, Value};

/// A field of a record, and the columns below it.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    optional: bool,
    pub(super) cell: Cell,
}

/// What a field holds.
#[derive(Debug)]
pub(super) enum Cell {
    Text,
    Truth,
    Whole,
    Number,
    /// Any value, as a text of JSON.
    Json,
    Group(Vec<Field>),
    List(Box<Field>),
}

impl Field {
    pub(super) fn new(name: &str, cell: Cell, optional: bool) -> Self {
        Self {
            name: name.to_owned(),
            optional,
            cell,
        }
    }

    /// A field that may be missing.
    pub(super) fn optional(name: &str, cell: Cell) -> Self {
        Self::new(name, cell, true)
    }

    pub(super) fn needed(name: &str, cell: Cell) -> Self {
        Self::new(name, cell, false)
    }

    fn repetition(&self) -> Repetition {
        if self.optional {
            Repetition::OPTIONAL
        } else {
            Repetition::REQUIRED
        }
    }

    /// The type of its columns.
    pub(super) fn to_type(&self) -> Result<TypePtr> {
        let primitive = |physical, logical| {
            Type::primitive_type_builder(&self.name, physical)
                .with_repetition(self.repetition())
                .with_logical_type(logical)
                .build()
        };
        let built = match &self.cell {
            Cell::Text => primitive(Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Cell::Json => primitive(Physical::BYTE_ARRAY, Some(LogicalType::Json)),
            Cell::Truth => primitive(Physical::BOOLEAN, None),
            Cell::Whole => primitive(Physical::INT64, None),
            Cell::Number => primitive(Physical::DOUBLE, None),
            Cell::Group(fields) => Type::group_type_builder(&self.name)
                .with_repetition(self.repetition())
                .with_fields(to_types(fields)?)
                .build(),
            Cell::List(element) => {
                let list = Type::group_type_builder("list")
                    .with_repetition(Repetition::REPEATED)
                    .with_fields(vec![element.to_type()?])
                    .build()?;
                Type::group_type_builder(&self.name)
                    .with_repetition(self.repetition())
                    .with_logical_type(Some(LogicalType::List))
                    .with_converted_type(ConvertedType::LIST)
                    .with_fields(vec![Arc::new(list)])
                    .build()
            }
        };
        built.map(Arc::new)
    }

    /// Adds empty columns in the order of the schema.
    fn add_columns(&self, columns: &mut Vec<ColumnBuffer>) {
        let values = match &self.cell {
            Cell::Text | Cell::Json => Values::Text(Vec::new()),
            Cell::Truth => Values::Truth(Vec::new()),
            Cell::Whole => Values::Whole(Vec::new()),
            Cell::Number => Values::Number(Vec::new()),
            Cell::Group(fields) => {
                return fields.iter().for_each(|field| field.add_columns(columns));
            }
            Cell::List(element) => return element.add_columns(columns),
        };
        columns.push(ColumnBuffer {
            definition: Vec::new(),
            repetition: Vec::new(),
            values,
        });
    }

    /// Appends `value` to the first of `columns`, as many as the field has; those behind them.
    fn push<'a>(
        &self,
        value: Option<&Value>,
        levels: Levels,
        columns: &'a mut [ColumnBuffer],
    ) -> io::Result<&'a mut [ColumnBuffer]> {
        let value = value.filter(|value| !value.is_null());
        let Some(value) = value else {
            if !self.optional && levels.is_there {
                return Err(io::Error::other(format!(
                    "the field `{}` is missing",
                    self.name
                )));
            }
            return self.push_absent(levels, columns);
        };
        let levels = Levels {
            definition: levels.definition + i16::from(self.optional),
            ..levels
        };
        match &self.cell {
            Cell::Group(fields) => {
                let object = value.as_object().ok_or_else(|| self.mismatch())?;
                push_fields(fields, object, levels, columns)
            }
            Cell::List(element) => {
                let list = value.as_array().ok_or_else(|| self.mismatch())?;
                if list.is_empty() {
                    return element.push_absent(levels, columns);
                }
                let mut inside = Levels {
                    definition: levels.definition + 1,
                    depth: levels.depth + 1,
                    ..levels
                };
                let mut rest = 0;
                for item in list {
                    rest = element.push(Some(item), inside, columns)?.len();
                    inside.repetition = inside.depth;
                }
                let used = columns.len() - rest;
                Ok(&mut columns[used..])
            }
            cell => {
                let (column, rest) = columns.split_first_mut().ok_or_else(|| self.mismatch())?;
                if !column.values.push(cell, value)? {
                    return Err(self.mismatch());
                }
                column.push_levels(levels);
                Ok(rest)
            }
        }
    }

    fn push_absent<'a>(
        &self,
        levels: Levels,
        columns: &'a mut [ColumnBuffer],
    ) -> io::Result<&'a mut [ColumnBuffer]> {
        let levels = Levels {
            is_there: false,
            ..levels
        };
        match &self.cell {
            Cell::Group(fields) => push_fields(fields, &Map::new(), levels, columns),
            Cell::List(element) => element.push_absent(levels, columns),
            _ => {
                let (column, rest) = columns.split_first_mut().ok_or_else(|| self.mismatch())?;
                column.push_levels(levels);
                Ok(rest)
            }
        }
    }

    fn mismatch(&self) -> io::Error {
        io::Error::other(format!("the field `{}` does not fit its column", self.name))
    }
}

/// The types of the columns of several fields.
pub(super) fn to_types(fields: &[Field]) -> Result<Vec<TypePtr>> {
    fields.iter().map(Field::to_type).collect()
}

fn push_fields<'a>(
    fields: &[Field],
    object: &Map<String, Value>,
    levels: Levels,
    mut columns: &'a mut [ColumnBuffer],
) -> io::Result<&'a mut [ColumnBuffer]> {
    for field in fields {
        columns = field.push(object.get(&field.name), levels, columns)?;
    }
    Ok(columns)
}

/// The levels of a value.
#[derive(Clone, Copy)]
struct Levels {
    definition: i16,
    repetition: i16,
    /// How many lists it lies in.
    depth: i16,
    /// Whether the object is there that it would lie in.
    is_there: bool,
}

/// The rows of a row group, before they are written.
pub(super) struct Rows {
    columns: Vec<ColumnBuffer>,
}

struct ColumnBuffer {
    definition: Vec<i16>,
    repetition: Vec<i16>,
    values: Values,
}

enum Values {
    Text(Vec<ByteArray>),
    Truth(Vec<bool>),
    Whole(Vec<i64>),
    Number(Vec<f64>),
}

impl Rows {
    pub(super) fn new(fields: &[Field]) -> Self {
        let mut columns = Vec::new();
        for field in fields {
            field.add_columns(&mut columns);
        }
        Self { columns }
    }

    pub(super) fn push(&mut self, fields: &[Field], record: &Map<String, Value>) -> io::Result<()> {
        let levels = Levels {
            definition: 0,
            repetition: 0,
            depth: 0,
            is_there: true,
        };
        push_fields(fields, record, levels, &mut self.columns).map(drop)
    }

    /// Writes the rows of column `index`.
    pub(super) fn write(&self, index: usize, writer: &mut ColumnWriter<'_>) -> Result<()> {
        let column = &self.columns[index];
        // A column that is always there, in no list, takes no levels and ignores these.
        let levels = (Some(&column.definition[..]), Some(&column.repetition[..]));
        match (writer, &column.values) {
            (ColumnWriter::ByteArrayColumnWriter(writer), Values::Text(values)) => {
                writer.write_batch(values, levels.0, levels.1)?;
            }
            (ColumnWriter::BoolColumnWriter(writer), Values::Truth(values)) => {
                writer.write_batch(values, levels.0, levels.1)?;
            }
            (ColumnWriter::Int64ColumnWriter(writer), Values::Whole(values)) => {
                writer.write_batch(values, levels.0, levels.1)?;
            }
            (ColumnWriter::DoubleColumnWriter(writer), Values::Number(values)) => {
                writer.write_batch(values, levels.0, levels.1)?;
            }
            _ => {
                let problem = "a column does not have the type of its schema";
                return Err(parquet::errors::ParquetError::General(problem.into()));
            }
        }
        Ok(())
    }
}

impl ColumnBuffer {
    fn push_levels(&mut self, levels: Levels) {
        self.definition.push(levels.definition);
        self.repetition.push(levels.repetition);
    }
}

impl Values {
    /// Whether the value fits the column.
    fn push(&mut self, cell: &Cell, value: &Value) -> io::Result<bool> {
        Ok(match (self, cell, value) {
            (Self::Text(values), Cell::Json, value) => {
                let json = serde_json::to_vec(value)?;
                values.push(ByteArray::from(json));
                true
            }
            (Self::Text(values), _, Value::String(text)) => {
                values.push(ByteArray::from(text.as_str()));
                true
            }
            (Self::Truth(values), _, Value::Bool(value)) => {
                values.push(*value);
                true
            }
            (Self::Whole(values), _, value) => match value.as_i64() {
                Some(value) => {
                    values.push(value);
                    true
                }
                None => false,
            },
            (Self::Number(values), _, value) => match value.as_f64() {
                Some(value) => {
                    values.push(value);
                    true
                }
                None => false,
            },
            _ => false,
        })
    }
}
