//! Records as rows of a file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde_json::{Map, Value};

use super::cells::{Field, Rows, to_types};
use super::native::{MARK, Note};
use super::plan::Plan;
use crate::ParquetCodec;

/// Records of a row group.
const GROUP_RECORDS: usize = 65_536;
/// Bytes of JSON of a row group; the record with which they are reached is its last.
const GROUP_BYTES: usize = 64 << 20;
/// Bytes of a page, few enough to stay in a processor's cache from unpacking to reading.
const PAGE_BYTES: usize = 1 << 18;

/// Records that will be the rows of a file.
///
/// Which columns they need is known behind the last only, so until then they wait as lines in a
/// nameless file, in the directory of the file that is written.
pub(crate) struct Spool {
    lines: BufWriter<File>,
    plan: Plan,
    codec: ParquetCodec,
}

impl Spool {
    /// Starts to gather the records of the file at `path`.
    pub(crate) fn start(path: &Path, codec: ParquetCodec) -> io::Result<Self> {
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let file = tempfile::tempfile_in(directory.unwrap_or(Path::new(".")))?;
        Ok(Self {
            lines: BufWriter::new(file),
            plan: Plan::new(),
            codec,
        })
    }

    /// Appends a record.
    pub(crate) fn push(&mut self, record: &Value) -> io::Result<()> {
        let object = record.as_object();
        let object = object.ok_or_else(|| io::Error::other("a record is an object"))?;
        self.plan.add(object);
        serde_json::to_writer(&mut self.lines, record)?;
        self.lines.write_all(b"\n")
    }

    /// Writes all records to `target`.
    pub(crate) fn finish(self, target: &mut (impl Write + Send)) -> io::Result<()> {
        let mut file = self.lines.into_inner()?;
        file.seek(SeekFrom::Start(0))?;
        let plan = self.plan;
        let written =
            Groups::new(&plan, self.codec, target).and_then(|groups| groups.write_all(file));
        written.map_err(|error| match error {
            parquet::errors::ParquetError::External(cause) => match cause.downcast() {
                Ok(cause) => *cause,
                Err(cause) => io::Error::other(cause),
            },
            other => io::Error::other(other),
        })
    }
}

/// The row groups of a file.
struct Groups<'a, W: Write + Send> {
    plan: &'a Plan,
    fields: Vec<Field>,
    writer: SerializedFileWriter<W>,
}

impl<'a, W: Write + Send> Groups<'a, W> {
    fn new(plan: &'a Plan, codec: ParquetCodec, target: W) -> ParquetResult<Self> {
        let fields = plan.fields();
        let schema = Type::group_type_builder("record")
            .with_fields(to_types(&fields)?)
            .build()?;
        let properties = WriterProperties::builder()
            .set_created_by(format!("gradus {}", env!("CARGO_PKG_VERSION")))
            // No two records have the same, and a dictionary of them is read for nothing.
            .set_column_dictionary_enabled("id".into(), false)
            .set_data_page_size_limit(PAGE_BYTES)
            .set_compression(compression(codec))
            .set_key_value_metadata(Some(vec![mark(&plan.note())?]))
            .build();
        let writer = SerializedFileWriter::new(target, Arc::new(schema), Arc::new(properties))?;
        Ok(Self {
            plan,
            fields,
            writer,
        })
    }

    fn write_all(mut self, lines: File) -> ParquetResult<()> {
        let mut lines = BufReader::new(lines);
        let mut line = String::new();
        let mut rows = Rows::new(&self.fields);
        let (mut records, mut bytes) = (0, 0);
        loop {
            line.clear();
            let size = lines.read_line(&mut line)?;
            if size == 0 || records == GROUP_RECORDS || bytes >= GROUP_BYTES {
                if records > 0 {
                    self.write_group(&rows)?;
                    rows = Rows::new(&self.fields);
                    (records, bytes) = (0, 0);
                }
                if size == 0 {
                    break;
                }
            }
            let record: Map<String, Value> =
                serde_json::from_str(&line).map_err(io::Error::other)?;
            rows.push(&self.fields, &self.plan.shape(&record))?;
            records += 1;
            bytes += size;
        }
        self.writer.close().map(drop)
    }

    fn write_group(&mut self, rows: &Rows) -> ParquetResult<()> {
        let mut group = self.writer.next_row_group()?;
        let mut index = 0;
        while let Some(mut column) = group.next_column()? {
            rows.write(index, column.untyped())?;
            column.close()?;
            index += 1;
        }
        group.close().map(drop)
    }
}

fn compression(codec: ParquetCodec) -> Compression {
    match codec {
        ParquetCodec::Zstd => Compression::ZSTD(ZstdLevel::default()),
        ParquetCodec::Snappy => Compression::SNAPPY,
        ParquetCodec::Lz4 => Compression::LZ4_RAW,
        ParquetCodec::None => Compression::UNCOMPRESSED,
    }
}

fn mark(note: &Note) -> ParquetResult<KeyValue> {
    let note = serde_json::to_string(note).map_err(io::Error::other)?;
    Ok(KeyValue::new(MARK.to_owned(), Some(note)))
}
