//! Reads records for all commands: within the limits of the command line, and with warnings about
//! unknown keys that resemble known ones; with the column map of the command line or the configuration.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::Result;
use gradus::data::{
    ColumnMap, DataError, DataFile, Example, ExampleReader, IdHashes, ReadLimits, StoredRecords,
    UnreadKey, UnreadKeys,
};

use crate::progress::Reading;
use crate::show;

static LIMITS: OnceLock<ReadLimits> = OnceLock::new();

/// Sets the limits, once, before anything is read.
pub(crate) fn set_limits(limits: ReadLimits) {
    let _ = LIMITS.set(limits);
}

static COLUMNS: OnceLock<ColumnMap> = OnceLock::new();

/// Sets the column map, once, before anything is read.
pub(crate) fn set_columns(columns: ColumnMap) {
    let _ = COLUMNS.set(columns);
}

/// The column map, where there is one.
pub(crate) fn columns() -> Option<&'static ColumnMap> {
    COLUMNS.get()
}

/// The limits of the command line.
pub(crate) fn limits() -> ReadLimits {
    LIMITS.get().copied().unwrap_or_default()
}

/// Reads a whole file.
pub(crate) fn read(path: impl AsRef<Path>) -> Result<Vec<Example>> {
    read_with(path, &[])
}

/// Reads a whole file whose `meta` is checked and left empty.
pub(crate) fn read_without_meta(path: &Path) -> Result<Vec<Example>> {
    read_all(path, open(path)?.without_meta(), &[])
}

/// Reads a whole file of which the command reads these keys of records, too.
pub(crate) fn read_with(path: impl AsRef<Path>, keys: &[&str]) -> Result<Vec<Example>> {
    let path = path.as_ref();
    read_all(path, open(path)?, keys)
}

fn read_all(path: &Path, reader: ExampleReader, keys: &[&str]) -> Result<Vec<Example>> {
    let mut reading = Reading::new("records", reader.progress());
    let reader = reader.in_parallel(|example| example);
    let examples = reader.read_all_with(|| reading.add(1))?;
    drop(reading);
    let mut unread = UnreadKeys::of(&examples);
    unread.retain(|unread| unread.in_segments || !keys.contains(&unread.key.as_str()));
    tell(path, &unread);
    Ok(examples)
}

/// Goes through the records of a file, or of several, and keeps none of them: `take` gets each with what `prepare` made
/// of it, on any thread. Errors and warnings are those of [`read`]. What can be read only once is read into memory.
pub(crate) fn each<T: Send + 'static>(
    path: &Path,
    prepare: impl Fn(&Example) -> T + Send + Sync + 'static,
    mut take: impl FnMut(Example, T) -> Result<()>,
) -> Result<()> {
    let Some(stored) = stored(path)? else {
        for example in read(path)? {
            let prepared = prepare(&example);
            take(example, prepared)?;
        }
        return Ok(());
    };
    let reader = stored.reader()?.in_parallel(move |example| {
        let prepared = prepare(&example);
        (example, prepared)
    });
    let mut reading = Reading::new("records", reader.progress());
    let (mut ids, mut unread) = (IdHashes::default(), UnreadKeys::new());
    for record in reader {
        let (example, prepared) = match record {
            Ok(record) => record,
            Err(error) => {
                // An id that is repeated before that comes first.
                stored.refuse_repeated(ids)?;
                return Err(error.into());
            }
        };
        ids.add(&example.id);
        unread.add(&example);
        take(example, prepared)?;
        reading.add(1);
    }
    drop(reading);
    stored.refuse_repeated(ids)?;
    stored.check()?;
    tell(path, &unread.finish());
    Ok(())
}

/// The files at a path, unless one can be read only once.
pub(crate) fn stored(path: &Path) -> Result<Option<StoredRecords>, DataError> {
    StoredRecords::find(path, limits(), columns().cloned().unwrap_or_default())
}

/// Opens a file to read record by record.
pub(crate) fn open(path: &Path) -> Result<ExampleReader, DataError> {
    ExampleReader::open_within(path, limits())?.with_columns(columns().cloned().unwrap_or_default())
}

/// Opens one file, which messages call `name`.
pub(crate) fn open_file(name: &str, path: &Path) -> Result<ExampleReader, DataError> {
    let file = DataFile {
        name: name.into(),
        path: path.to_owned(),
    };
    ExampleReader::open_file(&file, limits())?.with_columns(columns().cloned().unwrap_or_default())
}

/// Warns about unknown keys.
pub(crate) fn tell(path: &Path, unread: &[UnreadKey]) {
    for key in unread {
        show::status(&format!("warning: {}: {key}", path.display()));
    }
}
