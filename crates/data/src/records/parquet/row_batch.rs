//! A batch of rows in memory, and the records that they are.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::column_rows::ColumnRows;
use super::error::Damage;
use super::native::{self, Note};
use super::schema::{Kind, Node};
use crate::records::field::Checked;
use crate::records::locate::{Step, render};
use crate::{RecordError, RecordProblem, Result};

/// What all rows of a file share.
pub(super) struct Shape {
    pub(super) nodes: Vec<Node>,
    /// What the writer noted, where Gradus wrote the file.
    pub(super) note: Option<Note>,
    /// The longest row, in bytes.
    pub(super) max_bytes: usize,
    /// Whether rows may be read straight from their columns.
    pub(super) is_straight: bool,
}

impl Shape {
    pub(super) fn new(nodes: Vec<Node>, note: Option<Note>, max_bytes: usize) -> Self {
        let has = |name| nodes.iter().any(|node| node.name == name);
        // Other shapes of records have no response; keys that are `null` are put back into objects only.
        let has_nulls = note
            .as_ref()
            .is_some_and(|note| !note.record.is_empty() || !note.segment.is_empty());
        Self {
            is_straight: has("prompt") && has("response") && !has_nulls,
            nodes,
            note,
            max_bytes,
        }
    }
}

/// Rows in memory, each read as the JSON object that a line of JSONL would have been. It may go to another thread.
///
/// A column that is null in a row is a key that the record does not have, in structs as well; in a list
/// it stays `null`. What is wrong with a value is an error of its row; what is wrong with the file ends it.
pub(crate) struct RowBatch {
    pub(super) shape: Arc<Shape>,
    pub(super) columns: Vec<ColumnRows>,
    /// Number of the row that was read last, from 1.
    pub(super) row: usize,
    pub(super) left: usize,
    /// Most bytes of pages that it keeps in memory.
    pub(super) held: u64,
}

impl RowBatch {
    /// Rows that were not read yet.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Most bytes of pages that it keeps in memory.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    /// Goes to the next row, of which there is one.
    pub(crate) fn advance(&mut self, path: &Path) -> Result<()> {
        let row = self.row + 1;
        for column in &self.columns {
            column
                .start_row()
                .map_err(|damage| damage.at_row(row).of(path))?;
        }
        (self.row, self.left) = (row, self.left - 1);
        Ok(())
    }

    /// The row at hand, once.
    pub(crate) fn take(&self, path: &Path) -> Result<Checked<Map<String, Value>>> {
        let record = self.read();
        record.map_err(|damage| damage.at_row(self.row).of(path))
    }

    fn read(&self) -> Result<Checked<Map<String, Value>>, Damage> {
        let shape = &self.shape;
        let record = match record(&shape.nodes, &self.cells()) {
            Ok(record) => native::restore(record, shape.note.as_ref()),
            Err(Wrong::Value(mut path, field, problem)) => {
                path.reverse();
                Err(RecordError::new(join(&render(&path), &field), problem))
            }
            Err(Wrong::File(damage)) => return Err(damage),
        };
        for column in &self.columns {
            if record.is_ok() && !column.is_at_end() {
                return Err(column.torn());
            }
            column.end_row()?;
        }
        Ok(record)
    }

    /// The cells of the row at hand.
    pub(super) fn cells(&self) -> Cells<'_> {
        Cells {
            columns: &self.columns,
            left: Cell::new(self.shape.max_bytes),
            limit: self.shape.max_bytes,
        }
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
pub(super) struct Cells<'a> {
    pub(super) columns: &'a [ColumnRows],
    left: Cell<usize>,
    limit: usize,
}

impl Cells<'_> {
    /// Counts bytes of the row; `None` where it has too many.
    #[inline]
    pub(super) fn count(&self, bytes: usize) -> Option<()> {
        self.left.set(self.left.get().checked_sub(bytes)?);
        Some(())
    }

    /// Counts bytes of the row.
    fn spend(&self, bytes: usize) -> Result<(), Damage> {
        self.count(bytes)
            .ok_or_else(|| Damage::too_long(self.limit))
    }
}

/// The fields that are there.
fn record(nodes: &[Node], cells: &Cells<'_>) -> Result<Map<String, Value>, Wrong> {
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

fn value(node: &Node, cells: &Cells<'_>) -> Result<Value, Wrong> {
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
            let column = &cells.columns[node.first];
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
    cells: &Cells<'_>,
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
pub(super) fn skip(node: &Node, cells: &Cells<'_>) -> Result<(), Damage> {
    cells.columns[node.first..node.end]
        .iter()
        .try_for_each(ColumnRows::skip)
}
