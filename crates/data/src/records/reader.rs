use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::field::Checked;
use super::first_places::FirstPlaces;
use super::json_lines::{RawRecord, wrong};
use super::lines::line_text;
use super::parquet::RowBatch;
use super::plain::read_plain;
use super::record::{parse_object, read_record};
use crate::{
    ColumnMap, Compression, DataError, DataFile, Example, JsonLines, Location, ParallelReader,
    ReadLimits, ReadProgress, RecordError, Result,
};

/// Reads examples from JSONL or Parquet, one line or a few hundred rows in memory at a time.
///
/// Files are read as by [`JsonLines`]. A wrong record is an error after which reading may go
/// on with the next line; after any other error the iterator ends. A file without a record ends in
/// [`DataError::NoRecords`](crate::DataError::NoRecords).
pub struct ExampleReader {
    pub(super) lines: JsonLines,
    pub(super) settings: ReadSettings,
}

/// How a record becomes an example.
#[derive(Clone)]
pub(super) struct ReadSettings {
    limits: ReadLimits,
    columns: ColumnMap,
    keep_meta: bool,
}

impl ReadSettings {
    /// The example of the record with this number.
    pub(super) fn example(
        &self,
        record: RawRecord<'_>,
        number: usize,
    ) -> std::result::Result<Example, Refused> {
        let example = match record {
            RawRecord::Line(line) => self.of_line(line, number),
            RawRecord::Row(rows, path) => self
                .of_row(rows, number, path)
                .map_err(|error| Refused::File(Box::new(error)))?,
            RawRecord::Object(object) => {
                let object = object.map_err(|error| Refused::Elsewhere(Box::new(error)))?;
                let record = self.columns.apply(object, true);
                record.and_then(|record| self.of_object(record, number))
            }
        };
        example.map_err(Refused::Here)
    }

    /// The example of a row; else what is wrong with it, or with the file.
    fn of_row(&self, rows: &RowBatch, number: usize, path: &Path) -> Result<Checked<Example>> {
        if self.columns == ColumnMap::default()
            && let Some(example) = rows.read_straight(number, self.keep_meta)
        {
            return Ok(self.limits.check(&example).map(|()| example));
        }
        let row = rows.take(path)?;
        Ok(row.and_then(|row| {
            // A column that is null in a row is a key that is not there.
            let record = self.columns.apply(row, false)?;
            self.of_object(record, number)
        }))
    }

    fn of_line(&self, line: &[u8], number: usize) -> Checked<Example> {
        let text = line_text(line)?;
        if self.columns == ColumnMap::default()
            && let Some(example) = read_plain(text, number, self.keep_meta)
        {
            self.limits.check(&example)?;
            return Ok(example);
        }
        let object = parse_object(text).map_err(|error| error.record)?;
        self.of_object(self.columns.apply(object, true)?, number)
    }

    fn of_object(&self, record: Map<String, Value>, number: usize) -> Checked<Example> {
        let mut example = read_record(record, number)?;
        self.limits.check(&example)?;
        if !self.keep_meta {
            example.meta.clear();
        }
        Ok(example)
    }
}

/// Why a record is no example.
pub(super) enum Refused {
    /// A fault of the record at hand.
    Here(RecordError),
    /// A fault whose place is known.
    Elsewhere(Box<DataError>),
    /// A fault of the file, behind which nothing is read.
    File(Box<DataError>),
}

impl Refused {
    /// The error of the record at `location`.
    pub(super) fn at(self, location: &Location) -> DataError {
        match self {
            Self::Here(error) => wrong(location.clone(), error),
            Self::Elsewhere(error) | Self::File(error) => *error,
        }
    }
}

impl ExampleReader {
    /// Opens a file, the files of a directory or a pattern, or standard input for
    /// [`STANDARD_INPUT`](crate::STANDARD_INPUT).
    ///
    /// # Errors
    /// As [`JsonLines::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_within(path, ReadLimits::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_within(path: impl AsRef<Path>, limits: ReadLimits) -> Result<Self> {
        Ok(Self::of(JsonLines::open(path, limits)?, limits))
    }

    /// Opens one file, which messages call by its name.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_file(file: &DataFile, limits: ReadLimits) -> Result<Self> {
        Ok(Self::of(JsonLines::open_file(file, limits)?, limits))
    }

    /// Reads from any source; messages call it `name`.
    ///
    /// # Errors
    /// [`DataError::Read`](crate::DataError::Read) if the first bytes cannot be read.
    pub fn new(source: impl Read + Send + 'static, name: impl Into<PathBuf>) -> Result<Self> {
        let limits = ReadLimits::default();
        Ok(Self::of(JsonLines::new(source, name, limits)?, limits))
    }

    fn of(lines: JsonLines, limits: ReadLimits) -> Self {
        let settings = ReadSettings {
            limits,
            columns: ColumnMap::default(),
            keep_meta: true,
        };
        Self { lines, settings }
    }

    /// The same with keys of the file under other names.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`](crate::DataError::UnknownColumn) if a Parquet file has no column that the map names. In JSONL a key
    /// that is missing is an error of the record.
    pub fn with_columns(mut self, columns: ColumnMap) -> Result<Self> {
        self.lines.check_columns(&columns)?;
        self.settings.columns = columns;
        Ok(self)
    }

    /// The same with `meta` checked and left empty, for who does not read it.
    #[must_use]
    pub fn without_meta(mut self) -> Self {
        self.settings.keep_meta = false;
        self
    }

    /// Reads ahead and makes the examples on all cores; `prepare` is called there, too. Records, errors and their order
    /// are the same. What can be read only once, such as standard input, is not read ahead.
    pub fn in_parallel<T: Send + 'static>(
        self,
        prepare: impl Fn(Example) -> T + Send + Sync + 'static,
    ) -> ParallelReader<T> {
        ParallelReader::new(self, prepare)
    }

    /// Reads these row groups only, counted from 0, where the file is Parquet; rows keep their numbers.
    #[must_use]
    pub fn with_row_groups(mut self, groups: &[usize]) -> Self {
        self.lines.keep_row_groups(groups);
        self
    }

    /// Rows in every row group; `None` where the file is not Parquet.
    pub fn row_groups(&self) -> Option<Vec<usize>> {
        self.lines.row_groups()
    }

    /// Where in the file every row group lies, in bytes; `None` where the file is not Parquet. Reading a row group
    /// takes these bytes and the footer.
    pub fn row_group_bytes(&self) -> Option<Vec<Range<u64>>> {
        self.lines.row_group_bytes()
    }

    /// The number of the record that was read last, from 1; see [`JsonLines::number`].
    pub fn number(&self) -> usize {
        self.lines.number()
    }

    /// Where the record of that number stood.
    pub fn location_of(&self, number: usize) -> Location {
        self.lines.location_of(number)
    }

    /// Reads all examples.
    ///
    /// # Errors
    /// The first error; [`DataError::DuplicateId`](crate::DataError::DuplicateId) if two records have the same id.
    pub fn read_all(self) -> Result<Vec<Example>> {
        self.read_all_with(|| ())
    }

    /// The same; calls `on_record` behind each of them.
    ///
    /// # Errors
    /// As [`read_all`](Self::read_all).
    pub fn read_all_with(mut self, mut on_record: impl FnMut()) -> Result<Vec<Example>> {
        let mut examples = Vec::new();
        let mut places = FirstPlaces::default();
        while let Some(example) = self.next() {
            let example = example?;
            places.add(&example.id, self.location())?;
            examples.push(example);
            on_record();
        }
        Ok(examples)
    }

    /// File and line of the record that was read last; line 0 before the first.
    pub fn location(&self) -> &Location {
        self.lines.location()
    }

    /// How much of its files is read.
    pub fn progress(&self) -> ReadProgress {
        self.lines.progress()
    }

    /// How the data is compressed.
    pub fn compression(&self) -> Compression {
        self.lines.compression()
    }
}

impl Iterator for ExampleReader {
    type Item = Result<Example>;

    fn next(&mut self) -> Option<Self::Item> {
        let advanced = self.lines.advance()?;
        Some(advanced.and_then(|()| {
            let number = self.lines.number();
            let example = self.settings.example(self.lines.raw(), number);
            example.map_err(|refused| {
                if matches!(refused, Refused::File(_)) {
                    self.lines.end();
                }
                refused.at(self.lines.location())
            })
        }))
    }
}

/// Reads a whole file.
///
/// # Errors
/// The first error of [`ExampleReader`]; [`DataError::DuplicateId`](crate::DataError::DuplicateId) if two records have the same
/// id.
pub fn read_examples(path: impl AsRef<Path>) -> Result<Vec<Example>> {
    read_examples_within(path, ReadLimits::default())
}

/// The same with other limits.
///
/// # Errors
/// As [`read_examples`].
pub fn read_examples_within(path: impl AsRef<Path>, limits: ReadLimits) -> Result<Vec<Example>> {
    ExampleReader::open_within(path, limits)?.read_all()
}
