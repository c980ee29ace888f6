use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

use super::parquet::Spool;
use crate::{AtomicFile, DataError, Example, ParquetCodec, Result, visible_json};

/// Writes `value` as one line of JSON, with `\u` escapes for characters that would act on a terminal
/// or hide in one; see [`visible_json`].
///
/// # Errors
/// If writing fails.
pub fn write_json_line(mut target: impl Write, value: &Value) -> io::Result<()> {
    let json = serde_json::to_string(value)?;
    target.write_all(visible_json(&json).as_bytes())?;
    target.write_all(b"\n")
}

/// Writes records to a file that appears whole or not at all: one per line, or as rows if its name
/// ends in `.parquet`.
///
/// Rows have typed columns: `id`, `prompt`, `context`, `response`, `rating` (a number, or a struct of
/// aspects), `segments` (a list of structs of `start`, `end`, `rating`, `weight` and others), `meta` (a
/// text of JSON), those of other keys that always hold a text, a truth value or numbers of one kind,
/// and `extra` (a text of JSON) for all else. Columns that no record needs are left out.
pub struct RecordWriter {
    file: AtomicFile,
    rows: Option<Spool>,
    written: usize,
}

impl RecordWriter {
    /// Writes to a file that is begun already.
    ///
    /// # Errors
    /// [`DataError::Write`] if there is no room beside the file for the records of a Parquet file,
    /// which is written when all of them are known.
    pub fn to_file(file: AtomicFile) -> Result<Self> {
        Self::to_compressed(file, ParquetCodec::default())
    }

    /// The same with columns that are compressed so, if it is a Parquet file.
    ///
    /// # Errors
    /// As [`to_file`](Self::to_file).
    pub fn to_compressed(file: AtomicFile, codec: ParquetCodec) -> Result<Self> {
        let rows = if is_parquet_name(file.path()) {
            let spool = Spool::start(file.path(), codec);
            Some(spool.map_err(|cause| write_error(&file, cause))?)
        } else {
            None
        };
        Ok(Self {
            file,
            rows,
            written: 0,
        })
    }

    /// Appends a record, which is a JSON object.
    ///
    /// # Errors
    /// [`DataError::Write`] if writing fails.
    pub fn write(&mut self, record: &Value) -> Result<()> {
        let written = match &mut self.rows {
            Some(rows) => rows.push(record),
            None => write_json_line(&mut self.file, record),
        };
        written.map_err(|cause| write_error(&self.file, cause))?;
        self.written += 1;
        Ok(())
    }

    /// The file that is written, as the caller named it.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Number of records written so far.
    pub fn written(&self) -> usize {
        self.written
    }

    /// Puts the file under its name; see [`AtomicFile::commit`].
    ///
    /// # Errors
    /// As [`AtomicFile::commit`].
    pub fn commit(mut self) -> Result<()> {
        if let Some(rows) = self.rows {
            let written = rows.finish(&mut self.file);
            written.map_err(|cause| write_error(&self.file, cause))?;
        }
        self.file.commit()
    }
}

/// Whether a file of that name is written as Parquet.
pub fn is_parquet_name(path: &Path) -> bool {
    let extension = path.extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

fn write_error(file: &AtomicFile, cause: io::Error) -> DataError {
    DataError::Write {
        path: file.path().to_owned(),
        cause,
    }
}

/// Writes examples as native records to a file that appears whole or not at all; see [`RecordWriter`].
pub struct ExampleWriter {
    records: RecordWriter,
}

impl ExampleWriter {
    /// Starts to write `path`; see [`AtomicFile::create`].
    ///
    /// # Errors
    /// As [`AtomicFile::create`] and [`RecordWriter::to_file`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Self::to_file(AtomicFile::create(path)?)
    }

    /// Writes to a file that is begun already.
    ///
    /// # Errors
    /// As [`RecordWriter::to_file`].
    pub fn to_file(file: AtomicFile) -> Result<Self> {
        Self::to_compressed(file, ParquetCodec::default())
    }

    /// The same with columns that are compressed so, if it is a Parquet file.
    ///
    /// # Errors
    /// As [`RecordWriter::to_file`].
    pub fn to_compressed(file: AtomicFile, codec: ParquetCodec) -> Result<Self> {
        Ok(Self {
            records: RecordWriter::to_compressed(file, codec)?,
        })
    }

    /// Appends an example.
    ///
    /// # Errors
    /// [`DataError::Example`] if it does not pass [`Example::check`], [`DataError::Write`] if
    /// writing fails.
    pub fn write(&mut self, example: &Example) -> Result<()> {
        if let Err(error) = example.check() {
            return Err(DataError::Example {
                id: example.id.clone(),
                error: Box::new(error),
            });
        }
        self.records.write(&example.to_json())
    }

    /// The file that is written, as the caller named it.
    pub fn path(&self) -> &Path {
        self.records.path()
    }

    /// Number of examples written so far.
    pub fn written(&self) -> usize {
        self.records.written()
    }

    /// Puts the file under its name; see [`AtomicFile::commit`].
    ///
    /// # Errors
    /// As [`AtomicFile::commit`].
    pub fn commit(self) -> Result<()> {
        self.records.commit()
    }
}
