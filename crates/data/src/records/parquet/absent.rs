//! Parquet in a build without it: an error that says so.

#[path = "magic.rs"]
mod magic;

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value};

use crate::records::field::Checked;
use crate::{DataError, Example, ParquetCodec, Result};

pub(crate) use magic::is_parquet;

const HINT: &str = "use a build with the Cargo feature `parquet`, or convert the file to JSONL";

/// Rows, of which there are none.
pub(crate) struct Rows(Infallible);

impl Rows {
    pub(crate) fn open(path: &Path, _: File, _: usize) -> Result<Self> {
        Err(DataError::Parquet {
            path: path.to_owned(),
            column: None,
            row: None,
            reason: "found Parquet, which this build does not read".into(),
            hint: Some(HINT),
        })
    }

    pub(crate) fn row(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn column_names(&self) -> std::iter::Empty<&str> {
        match self.0 {}
    }

    pub(crate) fn row_groups(&self) -> Vec<usize> {
        match self.0 {}
    }

    pub(crate) fn row_group_bytes(&self) -> Vec<std::ops::Range<u64>> {
        match self.0 {}
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        match self.0 {}
    }

    pub(crate) fn keep(&mut self, _: &[usize]) {
        match self.0 {}
    }

    pub(crate) fn advance(&mut self, _: &Path) -> Result<bool> {
        match self.0 {}
    }

    pub(crate) fn current(&self) -> Option<&RowBatch> {
        match self.0 {}
    }

    pub(crate) fn next_batch(&mut self, _: &Path) -> Result<Option<RowBatch>> {
        match self.0 {}
    }
}

/// Rows in memory, of which there are none.
pub(crate) struct RowBatch(Infallible);

impl RowBatch {
    pub(crate) fn left(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn held(&self) -> u64 {
        match self.0 {}
    }

    pub(crate) fn advance(&mut self, _: &Path) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn take(&self, _: &Path) -> Result<Checked<Map<String, Value>>> {
        match self.0 {}
    }

    pub(crate) fn read_straight(&self, _: usize, _: bool) -> Option<Example> {
        match self.0 {}
    }
}

/// Records to write, which none can be.
pub(crate) struct Spool(Infallible);

impl Spool {
    pub(crate) fn start(_: &Path, _: ParquetCodec) -> io::Result<Self> {
        let problem = "this build does not write Parquet: use one with the Cargo feature `parquet`, or a name that \
                       ends in .jsonl";
        Err(io::Error::new(io::ErrorKind::Unsupported, problem))
    }

    pub(crate) fn push(&mut self, _: &Value) -> io::Result<()> {
        match self.0 {}
    }

    pub(crate) fn finish(self, _: &mut (impl Write + Send)) -> io::Result<()> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use crate::{ExampleReader, ExampleWriter};

    #[test]
    fn parquet_is_refused_in_both_directions() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.parquet");
        let error = ExampleWriter::create(&path).err().unwrap().to_string();
        assert!(error.contains("Cargo feature `parquet`"), "{error}");
        fs_err::write(&path, "PAR1 and more").unwrap();
        let error = ExampleReader::open(&path).err().unwrap();
        assert!(error.to_string().contains("does not read"), "{error}");
        assert!(error.hint().unwrap().contains("Cargo feature `parquet`"));
    }
}
