use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::first_places::FirstPlaces;
use super::record::read_record;
use crate::{
    ColumnMap, Compression, DataFile, Example, JsonLines, Location, ReadLimits, ReadProgress,
    Result,
};

/// Reads examples from JSONL or Parquet, one line or a few hundred rows in memory at a time.
///
/// Files are read as by [`JsonLines`]. A wrong record is an error after which reading may go
/// on with the next line; after any other error the iterator ends. A file without a record ends in
/// [`DataError::NoRecords`](crate::DataError::NoRecords).
pub struct ExampleReader {
    lines: JsonLines,
    limits: ReadLimits,
    columns: ColumnMap,
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
        Self {
            lines,
            limits,
            columns: ColumnMap::default(),
        }
    }

    /// The same with keys of the file under other names.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`](crate::DataError::UnknownColumn) if a Parquet file has no column that the map names. In JSONL a key
    /// that is missing is an error of the record.
    pub fn with_columns(mut self, columns: ColumnMap) -> Result<Self> {
        self.lines.check_columns(&columns)?;
        self.columns = columns;
        Ok(self)
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
            self.lines.parse_mapped(&self.columns, |record| {
                let example = read_record(record, number)?;
                self.limits.check(&example)?;
                Ok(example)
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
