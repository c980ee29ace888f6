//! The values of one column, a batch of rows in memory at a time.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType, FixedLenByteArray, Int96};
use parquet::file::metadata::RowGroupMetaData;
use parquet::schema::types::ColumnDescPtr;
use serde_json::{Number, Value};

use super::decode::{Meaning, of_float, of_int96, of_json};
use super::error::{Damage, guarded};
use super::pages::{CheckedPages, HeldBytes, ValueCount};
use crate::RecordProblem;
use crate::records::json::RATING_KEYS;

/// A column, and where reading stands in it.
pub(super) struct Column {
    /// Its path, such as `segments.list.element.start`.
    pub(super) name: String,
    descriptor: ColumnDescPtr,
    meaning: Meaning,
    /// Whether its numbers become `f64`.
    rated: bool,
    reader: Option<ColumnReader>,
    values: Values,
    definition: Vec<i16>,
    repetition: Vec<i16>,
    /// Levels and values of the batch that were read.
    level: usize,
    value: usize,
    levels: usize,
    /// Where the row ends.
    end: usize,
    count: ValueCount,
}

enum Values {
    None,
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

impl Column {
    pub(super) fn new(descriptor: ColumnDescPtr) -> Result<Self, Damage> {
        let name = descriptor.path().parts().join(".");
        let meaning = Meaning::of(&descriptor).map_err(|found| {
            Damage::new(format!(
                "found {found}, expected texts, numbers or truth values"
            ))
            .in_column(&name)
            .with_hint("write the file again without the column, or with it as a text")
        })?;
        let parts = descriptor.path().parts();
        Ok(Self {
            rated: parts
                .iter()
                .any(|part| RATING_KEYS.contains(&part.as_str())),
            name,
            descriptor,
            meaning,
            reader: None,
            values: Values::None,
            definition: Vec::new(),
            repetition: Vec::new(),
            level: 0,
            value: 0,
            levels: 0,
            end: 0,
            count: ValueCount::default(),
        })
    }

    pub(super) fn max_definition(&self) -> i16 {
        self.descriptor.max_def_level()
    }

    /// Starts with a row group, of which this is column `index`.
    pub(super) fn start(
        &mut self,
        file: &Arc<File>,
        group: &RowGroupMetaData,
        index: usize,
        held: &HeldBytes,
    ) -> Result<(), Damage> {
        // The pages of the row group before are given back first.
        self.reader = None;
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let opened = guarded(|| {
            let chunk = group.column(index);
            let pages =
                CheckedPages::new(file.clone(), chunk, rows, self.count.clone(), held.clone())?;
            Ok(get_column_reader(self.descriptor.clone(), Box::new(pages)))
        });
        self.reader = Some(opened.map_err(|damage| damage.in_column(&self.name))?);
        Ok(())
    }

    /// Reads the next `rows` rows of the row group.
    pub(super) fn fill(&mut self, rows: usize) -> Result<(), Damage> {
        let found = self.read(rows)?;
        if found != rows {
            let problem = format!("ends {} rows early", rows - found);
            return Err(Damage::new(problem).in_column(&self.name));
        }
        Ok(())
    }

    /// Refuses a column with more rows than the row group has.
    pub(super) fn finish(&mut self) -> Result<(), Damage> {
        if self.read(1)? != 0 {
            let problem = "goes on behind the last row";
            return Err(Damage::new(problem).in_column(&self.name));
        }
        Ok(())
    }

    fn read(&mut self, rows: usize) -> Result<usize, Damage> {
        self.definition.clear();
        self.repetition.clear();
        self.count.store(0, Ordering::Relaxed);
        (self.level, self.value, self.end) = (0, 0, 0);
        let Some(mut reader) = self.reader.take() else {
            return Ok(0);
        };
        let levels = (&mut self.definition, &mut self.repetition);
        let values = &mut self.values;
        let read = guarded(|| {
            let found = match &mut reader {
                ColumnReader::BoolColumnReader(reader) => {
                    batch(reader, rows, levels, values, Values::Bool)
                }
                ColumnReader::Int32ColumnReader(reader) => {
                    batch(reader, rows, levels, values, Values::Int32)
                }
                ColumnReader::Int64ColumnReader(reader) => {
                    batch(reader, rows, levels, values, Values::Int64)
                }
                ColumnReader::Int96ColumnReader(reader) => {
                    batch(reader, rows, levels, values, Values::Int96)
                }
                ColumnReader::FloatColumnReader(reader) => {
                    batch(reader, rows, levels, values, Values::Float)
                }
                ColumnReader::DoubleColumnReader(reader) => {
                    batch(reader, rows, levels, values, Values::Double)
                }
                ColumnReader::ByteArrayColumnReader(reader) => {
                    batch(reader, rows, levels, values, Values::Bytes)
                }
                ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                    batch(reader, rows, levels, values, Values::Fixed)
                }
            }?;
            Ok((found, reader))
        });
        let ((records, levels), reader) = read.map_err(|damage| damage.in_column(&self.name))?;
        self.levels = levels;
        self.reader = Some(reader);
        Ok(records)
    }

    /// Finds the end of the next row.
    pub(super) fn start_row(&mut self) -> Result<(), Damage> {
        self.level = self.end;
        let starts = self
            .repetition
            .get(self.level)
            .is_none_or(|&level| level == 0);
        if self.level >= self.levels || !starts {
            return Err(self.torn());
        }
        let rest = self.repetition.get(self.level + 1..).unwrap_or_default();
        let length = rest.iter().take_while(|&&level| level > 0).count();
        self.end = self.level + 1 + length;
        Ok(())
    }

    /// Passes over what is left of the row.
    pub(super) fn end_row(&mut self) -> Result<(), Damage> {
        while self.level < self.end {
            self.skip()?;
        }
        Ok(())
    }

    /// Whether the row has nothing more.
    pub(super) fn is_at_end(&self) -> bool {
        self.level >= self.end
    }

    /// The definition level of the next value.
    pub(super) fn definition(&self) -> Result<i16, Damage> {
        if self.is_at_end() {
            return Err(self.torn());
        }
        let level = self.definition.get(self.level).copied();
        Ok(level.unwrap_or_else(|| self.max_definition()))
    }

    /// The repetition level of the next value; 0 at the end of the row.
    pub(super) fn repetition(&self) -> i16 {
        if self.is_at_end() {
            return 0;
        }
        self.repetition.get(self.level).copied().unwrap_or(0)
    }

    /// Passes over one level, and its value if it has one.
    pub(super) fn skip(&mut self) -> Result<(), Damage> {
        if self.definition()? == self.max_definition() {
            self.value += 1;
        }
        self.level += 1;
        Ok(())
    }

    /// Levels and values of the rows in memory.
    pub(super) fn levels(&self) -> usize {
        self.levels
    }

    /// Bytes of the next value, which is there.
    pub(super) fn size(&self) -> usize {
        match &self.values {
            Values::Bytes(values) => values.get(self.value).map_or(0, |value| bytes(value).len()),
            Values::Fixed(values) => values.get(self.value).map_or(0, |value| bytes(value).len()),
            _ => 1,
        }
    }

    /// The next value, which is there.
    pub(super) fn take(&mut self) -> Result<Result<Value, (String, RecordProblem)>, Damage> {
        let value = self.value;
        self.skip()?;
        self.decode(value).ok_or_else(|| self.torn())
    }

    fn decode(&self, at: usize) -> Option<Result<Value, (String, RecordProblem)>> {
        let value = match &self.values {
            Values::None => return None,
            Values::Bool(values) => Ok((*values.get(at)?).into()),
            Values::Int32(values) => self.meaning.of_integer(i64::from(*values.get(at)?)),
            Values::Int64(values) => self.meaning.of_integer(*values.get(at)?),
            Values::Int96(values) => Ok(of_int96(values.get(at)?)),
            Values::Float(values) => of_float(f64::from(*values.get(at)?)),
            Values::Double(values) => of_float(*values.get(at)?),
            Values::Bytes(values) => self.meaning.of_bytes(bytes(values.get(at)?)),
            Values::Fixed(values) => self.meaning.of_bytes(bytes(values.get(at)?)),
        };
        Some(match (value, self.meaning) {
            (Ok(Value::String(text)), Meaning::Json) => of_json(&text),
            (Ok(Value::Number(number)), _) if self.rated && !is_exact(&number) => {
                let found = number.to_string();
                Err((String::new(), RecordProblem::Inexact { found }))
            }
            (value, _) => value.map_err(|problem| (String::new(), problem)),
        })
    }

    pub(super) fn torn(&self) -> Damage {
        Damage::new("its lists do not fit those of the columns beside it").in_column(&self.name)
    }
}

/// Whether a number is the same as an `f64`.
fn is_exact(number: &Number) -> bool {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, which is compared"
    )]
    let is_same = |whole: i128| (whole as f64) as i128 == whole;
    number.is_f64()
        || number.as_i64().is_some_and(|whole| is_same(whole.into()))
        || number.as_u64().is_some_and(|whole| is_same(whole.into()))
}

fn bytes(value: &ByteArray) -> &[u8] {
    // One that was never filled has no data, of which the library would panic.
    if *value == ByteArray::new() {
        &[]
    } else {
        value.data()
    }
}

/// Reads `rows` rows; the numbers of rows and of levels that there were.
fn batch<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    (definition, repetition): (&mut Vec<i16>, &mut Vec<i16>),
    values: &mut Values,
    wrap: impl FnOnce(Vec<T::T>) -> Values,
) -> parquet::errors::Result<(usize, usize)> {
    let mut read = Vec::new();
    let (records, _, levels) =
        reader.read_records(rows, Some(definition), Some(repetition), &mut read)?;
    *values = wrap(read);
    Ok((records, levels))
}
