use std::collections::VecDeque;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::data_files::named_files;
use super::elsewhere::DataFile;
use super::field::Checked;
use super::json_list::{ListElements, starts_with_list};
use super::lines::Lines;
use super::parquet::{RowBatch, Rows, is_parquet};
use super::record::parse_object;
use crate::{
    ColumnMap, Compression, DataError, Location, ReadLimits, ReadProgress, RecordError,
    RecordProblem, Result, STANDARD_INPUT,
};

/// Reads JSON objects from JSONL, one line in memory at a time, or from the rows of Parquet, a few
/// hundred in memory at a time.
///
/// Plain, gzip and zstd data and Parquet are told apart by their first bytes. Blank lines are passed over, as
/// is a UTF-8 byte order mark at the start. A line that is not a JSON object, or has a key twice, is
/// an error after which reading may go on with the next line; after any other error the iterator
/// ends. So it does where the file is a JSON list that goes over several lines. A file without an
/// object ends in [`DataError::NoRecords`].
#[expect(clippy::struct_excessive_bools, reason = "where reading stands")]
pub struct JsonLines {
    texts: Texts,
    location: Location,
    limits: ReadLimits,
    shape: Shape,
    /// Files that follow.
    waiting: VecDeque<DataFile>,
    /// Files that were read before, each with the number of its last object.
    before: Vec<(Location, usize)>,
    /// Number of the last object of the files that were read before.
    offset: usize,
    progress: ReadProgress,
    /// Whether rows are read many at once.
    in_batches: bool,
    /// Bytes of the files that were read before.
    bytes_before: u64,
    /// Whether nothing of the file was read yet.
    at_start: bool,
    found_record: bool,
    ended: bool,
}

/// What a file may hold that is not Parquet.
#[derive(Clone, Copy)]
enum Shape {
    Lines,
    /// Lines, or all objects in one list.
    LinesOrList,
}

/// An object that was read and not looked at yet.
pub(super) enum RawRecord<'a> {
    /// A line of JSONL.
    Line(&'a [u8]),
    /// The row of Parquet at which this batch is; the path of its file.
    Row(&'a RowBatch, &'a Path),
    /// An element of a list.
    Object(Result<Map<String, Value>>),
}

/// Where the texts of the objects come from.
enum Texts {
    Lines(Lines),
    List(ListElements),
    /// Rows of a Parquet file, which are objects without a text, and those that were read at once.
    Rows(Box<Rows>, Option<Box<RowBatch>>),
}

impl JsonLines {
    /// Opens a file, all files of a directory or a pattern as [`data_files`](crate::data_files) lists them, one behind the
    /// other, or standard input for [`STANDARD_INPUT`].
    ///
    /// # Errors
    /// [`DataError::Io`] if the file is missing or may not be read, [`DataError::Parquet`] if it is
    /// Parquet whose footer cannot be read, and those of [`data_files`](crate::data_files).
    pub fn open(path: impl AsRef<Path>, limits: ReadLimits) -> Result<Self> {
        let progress = ReadProgress::default();
        Self::open_all(path.as_ref(), limits, Shape::Lines, progress)
    }

    /// As [`open`](Self::open); `progress` follows the reading, of which a copy tells.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_followed(path: &Path, limits: ReadLimits, progress: &ReadProgress) -> Result<Self> {
        Self::open_all(path, limits, Shape::Lines, progress.clone())
    }

    /// The same for files that may also have all objects in one list, which may go over any lines.
    pub(crate) fn open_or_list(
        path: &Path,
        limits: ReadLimits,
        progress: &ReadProgress,
    ) -> Result<Self> {
        Self::open_all(path, limits, Shape::LinesOrList, progress.clone())
    }

    /// Opens one file.
    pub(crate) fn open_file(file: &DataFile, limits: ReadLimits) -> Result<Self> {
        let progress = ReadProgress::of([&file.path]);
        let (texts, location) = open_file(file, limits, Shape::Lines, &progress)?;
        Ok(Self {
            progress,
            ..Self::of(texts, location, limits)
        })
    }

    fn open_all(
        path: &Path,
        limits: ReadLimits,
        shape: Shape,
        progress: ReadProgress,
    ) -> Result<Self> {
        let mut files = VecDeque::from(named_files(path)?);
        progress.expect(files.iter().map(|file| &file.path));
        let first = files.pop_front();
        let first = first.unwrap_or_else(|| DataFile::local(path.to_owned()));
        let (texts, location) = open_file(&first, limits, shape, &progress)?;
        Ok(Self {
            waiting: files,
            shape,
            progress,
            ..Self::of(texts, location, limits)
        })
    }

    /// Reads from any source; messages call it `name`.
    ///
    /// # Errors
    /// [`DataError::Read`] if the first bytes cannot be read.
    pub fn new(
        source: impl Read + Send + 'static,
        name: impl Into<PathBuf>,
        limits: ReadLimits,
    ) -> Result<Self> {
        let lines = Lines::new(source, name, limits)?;
        let location = lines.location().clone();
        Ok(Self::of(Texts::Lines(lines), location, limits))
    }

    fn of(texts: Texts, location: Location, limits: ReadLimits) -> Self {
        Self {
            texts,
            location,
            limits,
            shape: Shape::Lines,
            waiting: VecDeque::new(),
            before: Vec::new(),
            offset: 0,
            progress: ReadProgress::default(),
            in_batches: false,
            bytes_before: 0,
            at_start: true,
            found_record: false,
            ended: false,
        }
    }

    /// File and line of the object that was read last; line 0 before the first.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The number of the object that was read last, from 1: its line or row, or its place in a list;
    /// in a further file it goes on behind the last of the file before.
    pub fn number(&self) -> usize {
        self.offset + self.number_in_file()
    }

    fn number_in_file(&self) -> usize {
        match &self.texts {
            Texts::Lines(_) => self.location.line,
            Texts::List(elements) => elements.current().number,
            Texts::Rows(rows, _) => rows.row(),
        }
    }

    /// Where the object of that number stood, which was read from lines or rows.
    pub fn location_of(&self, number: usize) -> Location {
        let mut offset = 0;
        for (location, end) in &self.before {
            if number <= *end {
                return location.with_line(number - offset);
            }
            offset = *end;
        }
        self.location.with_line(number - offset)
    }

    /// How much of its files is read.
    pub fn progress(&self) -> ReadProgress {
        self.progress.clone()
    }

    /// How the data is compressed.
    pub fn compression(&self) -> Compression {
        match &self.texts {
            Texts::Lines(lines) => lines.compression(),
            Texts::List(elements) => elements.compression(),
            Texts::Rows(..) => Compression::Plain,
        }
    }

    /// Rows in every row group, of a Parquet file.
    pub fn row_groups(&self) -> Option<Vec<usize>> {
        match &self.texts {
            Texts::Rows(rows, _) => Some(rows.row_groups()),
            _ => None,
        }
    }

    /// Where in the file every row group lies, of a Parquet file.
    pub(crate) fn row_group_bytes(&self) -> Option<Vec<Range<u64>>> {
        match &self.texts {
            Texts::Rows(rows, _) => Some(rows.row_group_bytes()),
            _ => None,
        }
    }

    /// Reads these row groups only of a Parquet file, counted from 0; rows keep their numbers.
    pub(crate) fn keep_row_groups(&mut self, groups: &[usize]) {
        if let Texts::Rows(rows, _) = &mut self.texts {
            rows.keep(groups);
        }
    }

    /// Refuses a column map with a column that a Parquet file does not have. In JSONL a key that is
    /// missing is an error of the record.
    pub(crate) fn check_columns(&self, columns: &ColumnMap) -> Result<()> {
        let Texts::Rows(rows, _) = &self.texts else {
            return Ok(());
        };
        let known: Vec<&str> = rows.column_names().collect();
        match columns.columns().find(|column| !known.contains(column)) {
            Some(column) => Err(DataError::UnknownColumn {
                path: self.location.path.clone(),
                column: column.to_owned(),
                known: known.into_iter().map(ToOwned::to_owned).collect(),
            }),
            None => Ok(()),
        }
    }

    /// Reads rows of Parquet many at once from now on.
    pub(super) fn read_batches(&mut self) {
        self.in_batches = true;
    }

    /// The rows that were read at once, of which the last has the number of the object at hand.
    pub(super) fn take_batch(&mut self) -> Option<Box<RowBatch>> {
        match &mut self.texts {
            Texts::Rows(_, batch) => batch.take(),
            _ => None,
        }
    }

    /// Whether it reads rows of Parquet.
    pub(super) fn has_rows(&self) -> bool {
        matches!(self.texts, Texts::Rows(..))
    }

    /// Reads nothing more, as what was found is wrong with the file.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Goes to the next object; `None` at the end of the data.
    pub(crate) fn advance(&mut self) -> Option<Result<()>> {
        if self.ended {
            return None;
        }
        let result = match self.read() {
            Ok(true) if self.at_start && self.is_start_of_list() => {
                // Every line of it would be an error of its own.
                let found = "a list that goes on in the next line".to_owned();
                let error = RecordError::new("", RecordProblem::NotAnObject { found });
                Some(Err(wrong(self.location.clone(), error)))
            }
            Ok(true) => {
                (self.at_start, self.found_record) = (false, true);
                return Some(Ok(()));
            }
            Ok(false) => (!self.found_record).then(|| {
                let path = self.location.path.clone();
                Err(DataError::NoRecords { path })
            }),
            Err(error) => Some(Err(error)),
        };
        self.ended = true;
        result
    }

    /// Goes to the next text, of the next file if need be; `false` at the end.
    fn read(&mut self) -> Result<bool> {
        while !self.read_file()? {
            let Some(next) = self.waiting.pop_front() else {
                return Ok(false);
            };
            self.offset = self.number();
            self.bytes_before = self.progress.bytes();
            let (texts, location) = open_file(&next, self.limits, self.shape, &self.progress)?;
            self.before.push((self.location.clone(), self.offset));
            (self.texts, self.location) = (texts, location);
            self.at_start = true;
        }
        Ok(true)
    }

    fn read_file(&mut self) -> Result<bool> {
        match &mut self.texts {
            Texts::Lines(lines) => {
                let found = lines.advance();
                self.location.line = lines.location().line;
                found
            }
            Texts::List(elements) => {
                let found = elements.advance()?;
                self.location.line = elements.current().line;
                Ok(found)
            }
            Texts::Rows(rows, batch) => {
                let path = &self.location.path;
                let found = if self.in_batches {
                    *batch = rows.next_batch(path)?.map(Box::new);
                    batch.is_some()
                } else {
                    rows.advance(path)?
                };
                self.location.line = rows.row();
                self.progress.set(self.bytes_before + rows.bytes_read());
                Ok(found)
            }
        }
    }

    /// [`parse`](Self::parse) with keys of the file under other names.
    pub(crate) fn parse_mapped<T>(
        &mut self,
        columns: &ColumnMap,
        parse: impl FnOnce(Map<String, Value>) -> Checked<T>,
    ) -> Result<T> {
        // A column that is null in a row is a key that is not there.
        let all_there = !matches!(self.texts, Texts::Rows(..));
        self.parse(|object| parse(columns.apply(object, all_there)?))
    }

    /// The object as it stands in the file, to be made an example of anywhere.
    pub(super) fn raw(&mut self) -> RawRecord<'_> {
        if matches!(self.texts, Texts::List(_)) {
            // Only this knows the place inside an element.
            return RawRecord::Object(self.parse(Ok));
        }
        match &mut self.texts {
            Texts::Rows(rows, _) => match rows.current() {
                Some(batch) => RawRecord::Row(batch, &self.location.path),
                None => RawRecord::Object(Ok(Map::new())),
            },
            Texts::Lines(lines) => RawRecord::Line(lines.bytes()),
            Texts::List(_) => unreachable!("an element was parsed above"),
        }
    }

    fn is_start_of_list(&self) -> bool {
        let Texts::Lines(lines) = &self.texts else {
            return false;
        };
        let line = lines.bytes().trim_ascii();
        line.starts_with(b"[") && !line.ends_with(b"]")
    }

    /// What `parse` makes of the object; its error is given the place.
    pub(crate) fn parse<T>(
        &mut self,
        parse: impl FnOnce(Map<String, Value>) -> Checked<T>,
    ) -> Result<T> {
        let mut location = self.location.clone();
        let object = match &mut self.texts {
            Texts::Lines(lines) => lines
                .text()
                .and_then(|text| parse_object(text).map_err(|error| error.record)),
            Texts::List(elements) => elements.current().text().and_then(|text| {
                parse_object(text).map_err(|mut error| {
                    location.line += error.lines_before;
                    if error.lines_before == 0 {
                        error.shift(elements.current().column);
                    }
                    let RecordError { field, problem } = error.record;
                    RecordError::new(field, problem.in_list())
                })
            }),
            Texts::Rows(rows, _) => match rows.current() {
                Some(batch) => match batch.take(&location.path) {
                    Ok(row) => row,
                    Err(error) => {
                        self.end();
                        return Err(error);
                    }
                },
                None => Ok(Map::new()),
            },
        };
        object
            .and_then(parse)
            .map_err(|error| wrong(location, error))
    }
}

/// Opens a file, whose first bytes tell what it holds.
fn open_file(
    found: &DataFile,
    limits: ReadLimits,
    shape: Shape,
    progress: &ReadProgress,
) -> Result<(Texts, Location)> {
    let path = found.name.as_path();
    if path != Path::new(STANDARD_INPUT) {
        let mut file = fs_err::File::open(&found.path)?;
        if file.metadata()?.is_file() {
            let mut head = Vec::new();
            file.by_ref().take(4).read_to_end(&mut head)?;
            if is_parquet(&head) {
                let rows = Rows::open(path, file.into_parts().0, limits.max_line_bytes)?;
                return Ok((Texts::Rows(Box::new(rows), None), Location::row(path, 0)));
            }
        }
    }
    let mut lines = Lines::open_counted(found, limits, progress)?;
    Ok(
        if matches!(shape, Shape::LinesOrList) && starts_with_list(&mut lines)? {
            (
                Texts::List(ListElements::new(lines)),
                Location::new(path, 0),
            )
        } else {
            (Texts::Lines(lines), Location::new(path, 0))
        },
    )
}

pub(super) fn wrong(location: Location, error: RecordError) -> DataError {
    DataError::Record {
        location,
        error: Box::new(error),
    }
}

impl Iterator for JsonLines {
    type Item = Result<Map<String, Value>>;

    fn next(&mut self) -> Option<Self::Item> {
        let advanced = self.advance()?;
        Some(advanced.and_then(|()| self.parse(Ok)))
    }
}
