//! Rows as records.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use serde_json::{Map, Value};

use super::column::Column;
use super::error::Damage;
use super::footer::ParquetFile;
use super::native::{self, Note};
use super::pages::HeldBytes;
use super::schema::{Kind, Node, fields};
use crate::records::field::Checked;
use crate::records::locate::{Step, render};
use crate::{RecordError, RecordProblem, Result};

/// Rows in memory at a time.
const BATCH: usize = 256;
/// Values of all columns in memory at a time.
const MAX_VALUES: usize = 1 << 24;

/// Reads the rows of a file, each as the JSON object that a line of JSONL would have been.
///
/// A column that is null in a row is a key that the record does not have, in structs as well; in a list
/// it stays `null`. What is wrong with a value is an error of its row; what is wrong with the file ends it.
pub(crate) struct Rows {
    file: ParquetFile,
    nodes: Vec<Node>,
    columns: Vec<Column>,
    held: HeldBytes,
    /// Bytes of the file.
    length: u64,
    /// The longest row, in bytes.
    max_bytes: usize,
    /// What the writer noted, where Gradus wrote the file.
    note: Option<Note>,
    /// The row groups to read, where not all of them.
    wanted: Option<Vec<usize>>,
    /// The row group that is read next, and the rows of the one before that are not read.
    group: usize,
    left_in_group: usize,
    left_in_batch: usize,
    /// Number of the row, from 1.
    row: usize,
    record: Option<Checked<Map<String, Value>>>,
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
        Ok(Self {
            note: native::note(&file),
            file,
            nodes,
            columns,
            held: HeldBytes::default(),
            length,
            max_bytes,
            wanted: None,
            group: 0,
            left_in_group: 0,
            left_in_batch: 0,
            row: 0,
            record: None,
        })
    }

    /// Number of the row that was read last, from 1.
    pub(crate) fn row(&self) -> usize {
        self.row
    }

    /// The names of the columns, those of structs and lists as a whole.
    pub(crate) fn column_names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| node.name.as_str())
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
        let found = self.read();
        found.map_err(|damage| damage.at_row(self.row + 1).of(path))
    }

    /// The row that was read last; once.
    pub(crate) fn take(&mut self) -> Checked<Map<String, Value>> {
        self.record.take().unwrap_or_else(|| Ok(Map::new()))
    }

    fn read(&mut self) -> Result<bool, Damage> {
        while self.left_in_batch == 0 {
            if !self.fill()? {
                return Ok(false);
            }
        }
        for column in &mut self.columns {
            column.start_row()?;
        }
        let mut cells = Cells {
            columns: &mut self.columns,
            left: self.max_bytes,
            limit: self.max_bytes,
        };
        let record = match record(&self.nodes, &mut cells) {
            Ok(record) => native::restore(record, self.note.as_ref()),
            Err(Wrong::Value(mut path, field, problem)) => {
                path.reverse();
                Err(RecordError::new(join(&render(&path), &field), problem))
            }
            Err(Wrong::File(damage)) => return Err(damage),
        };
        for column in &mut self.columns {
            if record.is_ok() && !column.is_at_end() {
                return Err(column.torn());
            }
            column.end_row()?;
        }
        self.record = Some(record);
        self.row += 1;
        self.left_in_batch -= 1;
        Ok(true)
    }

    /// Reads the next rows into memory, or passes over a row group; `false` if there are no more.
    fn fill(&mut self) -> Result<bool, Damage> {
        if self.left_in_group == 0 {
            self.columns.iter_mut().try_for_each(Column::finish)?;
            let Some(group) = self.file.metadata.row_groups().get(self.group) else {
                return Ok(false);
            };
            let is_wanted = self
                .wanted
                .as_ref()
                .is_none_or(|all| all.contains(&self.group));
            self.group += 1;
            if !is_wanted {
                self.row += usize::try_from(group.num_rows()).unwrap_or(0);
                return Ok(true);
            }
            for (index, column) in self.columns.iter_mut().enumerate() {
                column.start(&self.file.file, group, index, &self.held)?;
            }
            self.left_in_group = usize::try_from(group.num_rows()).unwrap_or(0);
        }
        let rows = self.left_in_group.min(BATCH);
        let mut values: usize = 0;
        for column in &mut self.columns {
            column.fill(rows)?;
            values = values.saturating_add(column.levels());
            if values > MAX_VALUES {
                let problem = format!("found more than {MAX_VALUES} values in {rows} rows");
                return Err(Damage::new(problem)
                    .with_hint("leave columns out, or cut the lists into several rows"));
            }
        }
        self.left_in_group -= rows;
        self.left_in_batch = rows;
        Ok(true)
    }
}

/// The path of a field inside the text at the path `outer`.
fn join(outer: &str, inner: &str) -> String {
    let dot = if outer.is_empty() || inner.is_empty() || inner.starts_with('[') {
        ""
    } else {
        "."
    };
    format!("{outer}{dot}{inner}")
}

/// Why a row has no record.
enum Wrong {
    /// A value is wrong: the way to it, last step first, and the field inside a text that is JSON.
    Value(Vec<Step<'static>>, String, RecordProblem),
    /// The columns do not fit together.
    File(Damage),
}

impl Wrong {
    fn inside(mut self, step: impl FnOnce() -> Step<'static>) -> Self {
        if let Self::Value(path, ..) = &mut self {
            path.push(step());
        }
        self
    }
}

impl From<Damage> for Wrong {
    fn from(damage: Damage) -> Self {
        Self::File(damage)
    }
}

/// The columns, each at the next value of the row, and what is left of the bytes that it may have.
struct Cells<'a> {
    columns: &'a mut [Column],
    left: usize,
    limit: usize,
}

impl Cells<'_> {
    /// Counts bytes of the row.
    fn spend(&mut self, bytes: usize) -> Result<(), Damage> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or_else(|| Damage::too_long(self.limit))?;
        Ok(())
    }
}

/// The fields that are there.
fn record(nodes: &[Node], cells: &mut Cells<'_>) -> Result<Map<String, Value>, Wrong> {
    let mut record = Map::new();
    for node in nodes {
        cells.spend(node.name.len())?;
        let value = value(node, cells);
        let value = value.map_err(|wrong| wrong.inside(|| key_step(&node.name)))?;
        if !value.is_null() {
            record.insert(node.name.clone(), value);
        }
    }
    Ok(record)
}

fn key_step(name: &str) -> Step<'static> {
    Step::Key(name.to_owned().into())
}

fn value(node: &Node, cells: &mut Cells<'_>) -> Result<Value, Wrong> {
    // It takes a comma at least.
    cells.spend(1)?;
    let definition = cells.columns[node.first].definition()?;
    if node.optional.is_some_and(|level| definition < level) {
        skip(node, cells)?;
        return Ok(Value::Null);
    }
    match &node.kind {
        Kind::Leaf => {
            cells.spend(cells.columns[node.first].size())?;
            let column = &mut cells.columns[node.first];
            if definition != column.max_definition() {
                return Err(column.torn().into());
            }
            let value = column.take()?;
            value.map_err(|(field, problem)| Wrong::Value(Vec::new(), field, problem))
        }
        Kind::Group(nodes) => Ok(Value::Object(record(nodes, cells)?)),
        Kind::List {
            repetition,
            definition: from,
            element,
        } => {
            let mut values = Vec::new();
            if definition < *from {
                skip(node, cells)?;
                return Ok(Value::Array(values));
            }
            loop {
                let index = values.len();
                let element = value(element, cells);
                values.push(element.map_err(|wrong| wrong.inside(|| Step::Index(index)))?);
                if cells.columns[node.first].repetition() != *repetition {
                    return Ok(Value::Array(values));
                }
            }
        }
        Kind::Map {
            repetition,
            definition: from,
            key,
            value,
        } => {
            if definition < *from {
                skip(node, cells)?;
                return Ok(Value::Object(Map::new()));
            }
            entries(key, value.as_deref(), *repetition, cells)
        }
    }
}

fn entries(
    key: &Node,
    value_node: Option<&Node>,
    repetition: i16,
    cells: &mut Cells<'_>,
) -> Result<Value, Wrong> {
    let mut entries = Map::new();
    loop {
        let name = match value(key, cells)? {
            Value::String(name) => name,
            other @ (Value::Number(_) | Value::Bool(_)) => other.to_string(),
            other => {
                let problem = RecordProblem::WrongType {
                    found: format!("the key {other}"),
                    expected: "a text",
                };
                return Err(Wrong::Value(Vec::new(), String::new(), problem));
            }
        };
        let entry = match value_node {
            Some(node) => value(node, cells).map_err(|wrong| wrong.inside(|| key_step(&name)))?,
            None => Value::Null,
        };
        if entries.contains_key(&name) {
            let path = vec![key_step(&name)];
            return Err(Wrong::Value(
                path,
                String::new(),
                RecordProblem::RepeatedKey,
            ));
        }
        if !entry.is_null() {
            entries.insert(name, entry);
        }
        if cells.columns[key.first].repetition() != repetition {
            return Ok(Value::Object(entries));
        }
    }
}

/// Passes over a field that is not there, or a list that has nothing: one level of every column.
fn skip(node: &Node, cells: &mut Cells<'_>) -> Result<(), Damage> {
    cells.columns[node.first..node.end]
        .iter_mut()
        .try_for_each(Column::skip)
}
