use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::fields::not_allowed;
use crate::records::TEXT;
use crate::{CharSpan, RecordError, Segment};

/// A span as a row of a table has it, in one aspect.
pub(super) struct SpanRow {
    /// Where it stands in the file.
    pub(super) line: usize,
    pub(super) span: CharSpan,
    pub(super) aspect: String,
    /// Whether the row names its aspect, and does not leave the cell empty.
    pub(super) names_aspect: bool,
    pub(super) rating: Option<f64>,
    pub(super) weight: Option<f64>,
    /// What the span covers, where the row repeats it.
    pub(super) text: Option<String>,
    /// Columns without a meaning.
    pub(super) others: Map<String, Value>,
}

/// The segments of one response, in the order of its text. Rows of the same span are aspects of it,
/// wherever they stand. An error is that of the row in the given line.
pub(super) fn join_spans(mut rows: Vec<SpanRow>) -> Result<Vec<Segment>, (usize, RecordError)> {
    let varying = varying(&rows);
    // Stable: rows of a span stay in the order of the table.
    rows.sort_by_key(|row| (row.span.start, row.span.end));
    let spans = rows.chunk_by(|a, b| a.span == b.span);
    spans.map(|rows| segment(rows, &varying)).collect()
}

/// Names of the columns that are not the same in all rows.
fn varying(rows: &[SpanRow]) -> Vec<String> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let names = first.others.keys();
    let varies = |name: &&String| {
        rows.iter()
            .any(|row| row.others.get(*name) != first.others.get(*name))
    };
    names.filter(varies).cloned().collect()
}

fn segment(rows: &[SpanRow], varying: &[String]) -> Result<Segment, (usize, RecordError)> {
    let span = rows[0].span;
    let mut segment = Segment::unrated(span);
    let mut first_lines: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        let refuse = |field: &str, found: String, expected: &'static str| {
            Err((row.line, not_allowed(field, found, expected)))
        };
        if let Some(line) = first_lines.insert(&row.aspect, row.line) {
            let found = format!("`{}` again for {span}, as in line {line}", row.aspect);
            return refuse("aspect", found, "each aspect of a span once");
        }
        if let Some(rating) = row.rating {
            segment.ratings.insert(row.aspect.clone(), rating);
        }
        if rows[0].weight != row.weight {
            let found = format!("another weight for {span} than in line {}", rows[0].line);
            return refuse("weight", found, "one weight for a span");
        }
        if rows[0].text != row.text {
            let found = format!("another text for {span} than in line {}", rows[0].line);
            return refuse("text", found, "the text that the span covers");
        }
    }
    segment.weight = rows[0].weight;
    if let Some(text) = &rows[0].text {
        segment.extra.insert(TEXT.to_owned(), text.clone().into());
    }
    for name in varying {
        segment.extra.insert(name.clone(), by_aspect(rows, name));
    }
    Ok(segment)
}

/// What the rows of a span have in a column: one value, or one by aspect.
fn by_aspect(rows: &[SpanRow], name: &str) -> Value {
    let value = |row: &SpanRow| row.others.get(name).cloned().unwrap_or_default();
    if rows.iter().all(|row| value(row) == value(&rows[0])) {
        return value(&rows[0]);
    }
    rows.iter()
        .map(|row| (row.aspect.clone(), value(row)))
        .collect()
}
