//! What files that Gradus wrote have beside the columns that any file has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::footer::ParquetFile;
use crate::records::field::{Checked, text, wrong_type};
use crate::{RecordError, RecordProblem, parse_value};

/// The key in the footer of a [`Note`].
pub(super) const MARK: &str = "gradus.records";
/// Keys that have no column of their own, as one text of JSON.
pub(super) const EXTRA: &str = "extra";
/// The ratings of every rater, beside their mean in `rating`.
pub(super) const RATERS: &str = "raters";

/// What the writer notes down about the columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Note {
    /// Keys of records that are `null`, and not absent, where their column is null.
    #[serde(default)]
    pub(super) record: NullKeys,
    /// The same for segments.
    #[serde(default)]
    pub(super) segment: NullKeys,
}

/// Keys that are `null` where their column is null, and the keys inside them of which that is true.
pub(super) type NullKeys = BTreeMap<String, NullKey>;

/// What a null of a column stands for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct NullKey {
    /// Whether the key itself is `null`.
    pub(super) null: bool,
    /// Keys of its object, all of which are always there.
    pub(super) keys: Vec<String>,
}

/// The note of a file; `None` in one that another program wrote.
pub(super) fn note(file: &ParquetFile) -> Option<Note> {
    serde_json::from_str(file.note(MARK)?).ok()
}

/// The record of a row: `meta` is unpacked where it is a text of JSON, and what only an own file has
/// goes back to where a line of JSONL has it.
pub(super) fn restore(
    mut record: Map<String, Value>,
    note: Option<&Note>,
) -> Checked<Map<String, Value>> {
    if let Some(Value::String(meta)) = record.get("meta") {
        let meta = parse_value(meta).map_err(|error| inside("meta", error))?;
        record.insert("meta".into(), meta);
    }
    let Some(note) = note else {
        return Ok(record);
    };
    restore_object(&mut record, "", &note.record)?;
    if let Some(Value::Array(segments)) = record.get_mut("segments") {
        for (index, segment) in segments.iter_mut().enumerate() {
            if let Value::Object(segment) = segment {
                restore_object(segment, &format!("segments[{index}]."), &note.segment)?;
            }
        }
    }
    Ok(record)
}

fn restore_object(object: &mut Map<String, Value>, place: &str, nulls: &NullKeys) -> Checked<()> {
    for (key, kept) in nulls {
        if let Some(Value::Object(inner)) = object.get_mut(key) {
            for key in &kept.keys {
                inner.entry(key).or_insert(Value::Null);
            }
        } else if kept.null {
            object.entry(key).or_insert(Value::Null);
        }
    }
    if let Some(raters) = object.shift_remove(RATERS) {
        match (object.get_mut("rating"), raters) {
            (Some(Value::Object(ratings)), Value::Object(raters)) => ratings.extend(raters),
            (Some(rating), raters) => *rating = raters,
            (None, _) => {
                let field = format!("{place}{RATERS}");
                let problem = RecordProblem::Unpaired { needs: "rating" };
                return Err(RecordError::new(field, problem));
            }
        }
    }
    let Some(extra) = object.shift_remove(EXTRA) else {
        return Ok(());
    };
    let field = format!("{place}{EXTRA}");
    let extra = match extra {
        Value::Object(_) => extra,
        extra => parse_value(&text(extra, &field)?).map_err(|error| inside(&field, error))?,
    };
    let Value::Object(keys) = extra else {
        return Err(wrong_type(field, &extra, "an object"));
    };
    for (key, value) in keys {
        if object.contains_key(&key) {
            return Err(RecordError::new(field, RecordProblem::ReservedKey { key }));
        }
        object.insert(key, value);
    }
    Ok(())
}

fn inside(field: &str, error: RecordError) -> RecordError {
    let RecordError {
        field: inner,
        problem,
    } = error;
    let dot = if inner.is_empty() { "" } else { "." };
    RecordError::new(format!("{field}{dot}{inner}"), problem)
}
