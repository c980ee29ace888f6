//! The rows of a file, a batch in memory at a time.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::column::Column;
use super::error::Damage;
use super::footer::ParquetFile;
use super::native;
use super::page_buffers::Buffers;
use super::pages::HeldBytes;
use super::row_batch::{RowBatch, Shape};
use super::schema::fields;
use crate::Result;

/// Rows in memory at a time.
const BATCH: usize = 256;
/// Values of all columns in memory at a time.
const MAX_VALUES: usize = 1 << 24;

/// Reads the rows of a file, one by one or in batches.
pub(crate) struct Rows {
    file: ParquetFile,
    shape: Arc<Shape>,
    columns: Vec<Column>,
    held: HeldBytes,
    buffers: Buffers,
    /// Bytes of the file.
    length: u64,
    /// The row groups to read, where not all of them.
    wanted: Option<Vec<usize>>,
    /// The row group that is read next, and the rows of the one before that are not read.
    group: usize,
    left_in_group: usize,
    /// Number of the row that was read last, from 1.
    row: usize,
    /// The rows that are read one by one.
    batch: Option<RowBatch>,
}

impl Rows {
    /// Reads a file that [`is_parquet`](super::is_parquet), with rows of at most `max_bytes` bytes of JSON.
    pub(crate) fn open(path: &Path, file: File, max_bytes: usize) -> Result<Self> {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let file = ParquetFile::open(path, file)?;
        let schema = file.metadata.file_metadata().schema_descr();
        let nodes = fields(schema.root_schema()).map_err(|damage| damage.of(path))?;
        let columns = schema.columns().iter().cloned().map(Column::new);
        let columns = columns
            .collect::<Result<Vec<_>, _>>()
            .map_err(|damage| damage.of(path))?;
        for group in file.metadata.row_groups() {
            if group.num_columns() != columns.len() || group.num_rows() < 0 {
                let problem = "found a row group that does not fit the columns";
                return Err(Damage::new(problem).of(path));
            }
        }
        let shape = Shape::new(nodes, native::note(&file), max_bytes);
        Ok(Self {
            file,
            shape: Arc::new(shape),
            columns,
            held: HeldBytes::default(),
            buffers: Buffers::default(),
            length,
            wanted: None,
            group: 0,
            left_in_group: 0,
            row: 0,
            batch: None,
        })
    }

    /// Number of the row that was read last, from 1.
    pub(crate) fn row(&self) -> usize {
        self.row
    }

    /// The names of the columns, those of structs and lists as a whole.
    pub(crate) fn column_names(&self) -> impl Iterator<Item = &str> {
        self.shape.nodes.iter().map(|node| node.name.as_str())
    }

    /// Rows in every row group.
    pub(crate) fn row_groups(&self) -> Vec<usize> {
        let groups = self.file.metadata.row_groups().iter();
        groups
            .map(|group| usize::try_from(group.num_rows()).unwrap_or(0))
            .collect()
    }

    /// Where in the file the columns of every row group lie.
    pub(crate) fn row_group_bytes(&self) -> Vec<Range<u64>> {
        let groups = self.file.metadata.row_groups().iter();
        // The library's own sum panics on what is negative.
        let span = |column: &ColumnChunkMetaData| {
            let start = column.dictionary_page_offset();
            let start = start.unwrap_or_else(|| column.data_page_offset());
            let end = start.saturating_add(column.compressed_size());
            let inside = |at: i64| u64::try_from(at).unwrap_or(0).min(self.length);
            (inside(start), inside(end))
        };
        let whole = |group: &RowGroupMetaData| {
            let spans = group.columns().iter().map(span);
            let whole = spans.reduce(|one, next| (one.0.min(next.0), one.1.max(next.1)));
            let (start, end) = whole.unwrap_or_default();
            start..end.max(start)
        };
        groups.map(whole).collect()
    }

    /// The bytes of the file that the rows so far stand for.
    pub(crate) fn bytes_read(&self) -> u64 {
        let rows = self.file.metadata.file_metadata().num_rows().max(1);
        let share = (self.row as f64 / rows as f64).min(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of the bytes"
        )]
        let bytes = (self.length as f64 * share) as u64;
        bytes
    }

    /// Reads these row groups only; rows keep their numbers.
    pub(crate) fn keep(&mut self, groups: &[usize]) {
        self.wanted = Some(groups.to_vec());
    }

    /// Goes to the next row; `false` behind the last.
    pub(crate) fn advance(&mut self, path: &Path) -> Result<bool> {
        if self.batch.as_ref().is_none_or(|batch| batch.left() == 0) {
            self.batch = self.fill_next(path)?;
        }
        let Some(batch) = &mut self.batch else {
            return Ok(false);
        };
        batch.advance(path)?;
        self.row += 1;
        Ok(true)
    }

    /// The rows in memory, at the one that was read last; `None` ahead of the first.
    pub(crate) fn current(&self) -> Option<&RowBatch> {
        self.batch.as_ref()
    }

    /// The next rows, all of which count as read; none behind the last.
    pub(crate) fn next_batch(&mut self, path: &Path) -> Result<Option<RowBatch>> {
        self.buffers.work_ahead();
        let batch = match self.batch.take().filter(|batch| batch.left() > 0) {
            Some(batch) => Some(batch),
            None => self.fill_next(path)?,
        };
        self.row += batch.as_ref().map_or(0, RowBatch::left);
        Ok(batch)
    }

    fn fill_next(&mut self, path: &Path) -> Result<Option<RowBatch>> {
        loop {
            let filled = self.fill();
            match filled.map_err(|damage| damage.at_row(self.row + 1).of(path))? {
                Filled::Rows(batch) => return Ok(Some(batch)),
                Filled::Nothing => {}
                Filled::End => return Ok(None),
            }
        }
    }

    /// Reads the next rows into memory, or passes over a row group.
    fn fill(&mut self) -> Result<Filled, Damage> {
        if self.left_in_group == 0 {
            self.columns.iter_mut().try_for_each(Column::finish)?;
            let Some(group) = self.file.metadata.row_groups().get(self.group) else {
                return Ok(Filled::End);
            };
            let is_wanted = self
                .wanted
                .as_ref()
                .is_none_or(|all| all.contains(&self.group));
            self.group += 1;
            if !is_wanted {
                self.row += usize::try_from(group.num_rows()).unwrap_or(0);
                return Ok(Filled::Nothing);
            }
            for (index, column) in self.columns.iter_mut().enumerate() {
                column.start(&self.file.file, group, index, &self.held, &self.buffers)?;
            }
            self.left_in_group = usize::try_from(group.num_rows()).unwrap_or(0);
        }
        let rows = self.left_in_group.min(BATCH);
        if rows == 0 {
            return Ok(Filled::Nothing);
        }
        let before = self.held.now();
        let mut values: usize = 0;
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            let read = column.fill(rows)?;
            values = values.saturating_add(read.levels);
            columns.push(read);
            if values > MAX_VALUES {
                let problem = format!("found more than {MAX_VALUES} values in {rows} rows");
                return Err(Damage::new(problem)
                    .with_hint("leave columns out, or cut the lists into several rows"));
            }
        }
        self.left_in_group -= rows;
        Ok(Filled::Rows(RowBatch {
            shape: Arc::clone(&self.shape),
            columns,
            row: self.row,
            left: rows,
            held: self.held.since(before),
        }))
    }
}

/// What [`Rows::fill`] has read.
enum Filled {
    Rows(RowBatch),
    Nothing,
    End,
}
