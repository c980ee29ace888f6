//! The reader of one column, which hands out batches of rows.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::DataType;
use parquet::file::metadata::RowGroupMetaData;
use parquet::schema::types::ColumnDescPtr;

use super::column_rows::{ColumnRows, ColumnType, Values};
use super::decode::Meaning;
use super::error::{Damage, guarded};
use super::page_buffers::Buffers;
use super::pages::{CheckedPages, HeldBytes, ValueCount};
use crate::records::json::RATING_KEYS;

/// A column that is read.
pub(super) struct Column {
    of: Arc<ColumnType>,
    descriptor: ColumnDescPtr,
    reader: Option<ColumnReader>,
    count: ValueCount,
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
        let of = ColumnType {
            rated: parts
                .iter()
                .any(|part| RATING_KEYS.contains(&part.as_str())),
            name,
            meaning,
            max_definition: descriptor.max_def_level(),
        };
        Ok(Self {
            of: Arc::new(of),
            descriptor,
            reader: None,
            count: ValueCount::default(),
        })
    }

    /// Starts with a row group, of which this is column `index`.
    pub(super) fn start(
        &mut self,
        file: &Arc<File>,
        group: &RowGroupMetaData,
        index: usize,
        held: &HeldBytes,
        buffers: &Buffers,
    ) -> Result<(), Damage> {
        // The pages of the row group before are given back first.
        self.reader = None;
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let opened = guarded(|| {
            let chunk = group.column(index);
            let (count, held) = (self.count.clone(), held.clone());
            let pages = CheckedPages::new(file.clone(), chunk, rows, count, held, buffers)?;
            Ok(get_column_reader(self.descriptor.clone(), Box::new(pages)))
        });
        self.reader = Some(opened.map_err(|damage| damage.in_column(&self.of.name))?);
        Ok(())
    }

    /// Reads the next `rows` rows of the row group.
    pub(super) fn fill(&mut self, rows: usize) -> Result<ColumnRows, Damage> {
        let (found, read) = self.read(rows)?;
        if found != rows {
            let problem = format!("ends {} rows early", rows - found);
            return Err(Damage::new(problem).in_column(&self.of.name));
        }
        Ok(read)
    }

    /// Refuses a column with more rows than the row group has.
    pub(super) fn finish(&mut self) -> Result<(), Damage> {
        if self.reader.is_some() && self.read(1)?.0 != 0 {
            let problem = "goes on behind the last row";
            return Err(Damage::new(problem).in_column(&self.of.name));
        }
        Ok(())
    }

    fn read(&mut self, rows: usize) -> Result<(usize, ColumnRows), Damage> {
        self.count.store(0, Ordering::Relaxed);
        let mut read = ColumnRows::new(self.of.clone());
        let Some(mut reader) = self.reader.take() else {
            return Ok((0, read));
        };
        let (found, reader) = guarded(|| {
            let into = &mut read;
            let found = match &mut reader {
                ColumnReader::BoolColumnReader(reader) => batch(reader, rows, into, Values::Bool),
                ColumnReader::Int32ColumnReader(reader) => batch(reader, rows, into, Values::Int32),
                ColumnReader::Int64ColumnReader(reader) => batch(reader, rows, into, Values::Int64),
                ColumnReader::Int96ColumnReader(reader) => batch(reader, rows, into, Values::Int96),
                ColumnReader::FloatColumnReader(reader) => batch(reader, rows, into, Values::Float),
                ColumnReader::DoubleColumnReader(reader) => {
                    batch(reader, rows, into, Values::Double)
                }
                ColumnReader::ByteArrayColumnReader(reader) => {
                    batch(reader, rows, into, Values::Bytes)
                }
                ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                    batch(reader, rows, into, Values::Fixed)
                }
            }?;
            Ok((found, reader))
        })
        .map_err(|damage| damage.in_column(&self.of.name))?;
        self.reader = Some(reader);
        Ok((found, read))
    }
}

/// Reads `rows` rows; the number of rows that there were.
fn batch<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    into: &mut ColumnRows,
    wrap: impl FnOnce(Vec<T::T>) -> Values,
) -> parquet::errors::Result<usize> {
    let mut values = Vec::new();
    let (definition, repetition) = (&mut into.definition, &mut into.repetition);
    let (records, _, levels) =
        reader.read_records(rows, Some(definition), Some(repetition), &mut values)?;
    into.values = wrap(values);
    into.levels = levels;
    Ok(records)
}
