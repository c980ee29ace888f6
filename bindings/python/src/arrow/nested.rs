//! Lists, structs and maps of a column.

use arrow_schema::{DataType, Field};
use gradus::data::{RecordError, RecordProblem};
use serde_json::{Map, Value};

use super::column::{Column, RATING_KEYS, damaged, inside};

impl<'a> Column<'a> {
    /// The values of a list.
    pub(super) fn list(self, at: usize) -> Result<Value, RecordError> {
        let (item, (start, end)) = match self.kind {
            DataType::List(item) => (item, self.range(false, at)?),
            DataType::LargeList(item) => (item, self.range(true, at)?),
            DataType::FixedSizeList(item, size) => {
                let size = usize::try_from(*size).unwrap_or(0);
                (item, (at * size, (at + 1) * size))
            }
            DataType::ListView(item) => {
                let [start, size] = [1, 2].map(|buffer| i64::from(self.read::<i32>(buffer, at)));
                (item, span(start, size)?)
            }
            DataType::LargeListView(item) => {
                let [start, size] = [1, 2].map(|buffer| self.read::<i64>(buffer, at));
                (item, span(start, size)?)
            }
            _ => return Err(damaged("a type that is not read")),
        };
        let items = self.child(item.data_type(), 0, end)?;
        let values = (start..end).enumerate().map(|(index, row)| {
            items
                .value(row)
                .map_err(|error| inside(&format!("[{index}]"), error))
        });
        values.collect::<Result<_, _>>().map(Value::Array)
    }

    /// A child, which has to have so many rows.
    fn child(self, kind: &'a DataType, index: usize, rows: usize) -> Result<Self, RecordError> {
        let array = self.array.child(index);
        if rows > array.len() {
            return Err(damaged("fewer values than its lists have"));
        }
        Ok(self.with(kind, array))
    }

    /// The fields of a struct that are there.
    pub(super) fn object<'f>(
        self,
        fields: impl Iterator<Item = &'f Field>,
        at: usize,
    ) -> Result<Value, RecordError>
    where
        'f: 'a,
    {
        let mut object = Map::new();
        for (index, field) in fields.enumerate() {
            let child = self.child(field.data_type(), index, at + 1)?;
            let rated = self.rated || RATING_KEYS.contains(&field.name().as_str());
            let value = Self { rated, ..child }.value(at);
            let value = value.map_err(|error| inside(field.name(), error))?;
            if !value.is_null() {
                object.insert(field.name().clone(), value);
            }
        }
        Ok(Value::Object(object))
    }

    /// The entries of a map.
    pub(super) fn entries(self, entry: &'a DataType, at: usize) -> Result<Value, RecordError> {
        let (start, end) = self.range(false, at)?;
        let DataType::Struct(fields) = entry else {
            return Err(damaged("a map without entries"));
        };
        let entries = self.child(entry, 0, end)?;
        let first = entries.array.offset();
        let mut object = Map::new();
        for row in start..end {
            let column =
                |index: usize| entries.child(fields[index].data_type(), index, first + row + 1);
            let name = match column(0)?.value(first + row)? {
                Value::String(name) => name,
                other => other.to_string(),
            };
            let rated = self.rated || RATING_KEYS.contains(&name.as_str());
            let value = Self {
                rated,
                ..column(1)?
            }
            .value(first + row);
            let value = value.map_err(|error| inside(&name, error))?;
            if object.contains_key(&name) {
                return Err(inside(
                    &name,
                    RecordError::new("", RecordProblem::RepeatedKey),
                ));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

fn span(start: i64, size: i64) -> Result<(usize, usize), RecordError> {
    match (usize::try_from(start), usize::try_from(size)) {
        (Ok(start), Ok(size)) => Ok((start, start + size)),
        _ => Err(damaged("offsets that run backwards")),
    }
}
