use std::path::Path;

use serde_json::Value;

use super::grouped::{Group, read_groups};
use crate::import::annotated::{Rater, Texts};
use crate::import::fields::{Record, not_allowed, position_member, text_member};
use crate::import::importer::Parsed;
use crate::import::marks::{Mark, MarkReader, Marked};
use crate::import::options::ImportOptions;
use crate::records::field::{Checked, list, missing};
use crate::{Location, Result};

/// The name of the file with the texts of no rater, without its ending.
const UNLABELED: &str = "unknown";

/// One line a text, and one file for each rater where a project does not share annotations.
pub(in crate::import) fn read(
    path: &Path,
    options: &ImportOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<Parsed>> {
    notes.push(options.mark_rule.note());
    read_groups(path, options, |record, location| {
        labeled(record, location, options)
    })
}

fn labeled(mut record: Record, location: &Location, options: &ImportOptions) -> Checked<Group> {
    let id = record.own_id()?;
    let labels = ["label", "labels", "entities"].map(|key| (key, record.take(key)));
    let mut fields = record.rest()?;
    let texts = Texts::take(&mut fields, "")?;
    let mut labels = labels
        .into_iter()
        .filter_map(|(key, list)| Some((key, list?)));
    let Some((key, list_of_marks)) = labels.next() else {
        return Err(missing(
            "label",
            "a list of spans, or `labels` or `entities`",
        ));
    };
    // Passed over, the marks of the other would count as none.
    if let Some((other, _)) = labels.next() {
        let found = format!("a list of spans beside `{key}`");
        return Err(not_allowed(other, found, "spans in one of the two"));
    }
    let reader = MarkReader::new(&texts.response, options);
    let mut marks = Vec::new();
    for (k, label) in list(list_of_marks, key)?.iter().enumerate() {
        marks.push(mark(label, &reader, &format!("{key}[{k}]"))?);
    }
    let name = location.path.file_stem().unwrap_or_default();
    // Texts that nobody labeled are exported as a file of this name.
    let is_labeled = name != UNLABELED || !marks.is_empty();
    Ok(Group {
        key: id.clone(),
        id,
        texts,
        meta: fields,
        rater: is_labeled.then(|| Rater {
            name: name.to_string_lossy().into_owned(),
            marks,
            ..Rater::default()
        }),
    })
}

/// `[start, end, label]`, or an object of a project with relations.
fn mark(label: &Value, reader: &MarkReader<'_>, field: &str) -> Checked<Mark> {
    if label.is_object() {
        let marked = Marked {
            start: position_member(label, field, "start_offset")?,
            end: position_member(label, field, "end_offset")?,
            text: None,
        };
        return reader.mark(marked, text_member(label, field, "label")?, field);
    }
    let position = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let parts = match label.as_array().map(Vec::as_slice) {
        Some([start, end, Value::String(label)]) => {
            position(start).zip(position(end)).map(|ends| (ends, label))
        }
        _ => None,
    };
    let Some(((start, end), label)) = parts else {
        let expected = "start, end and label: two whole numbers and a text";
        return Err(not_allowed(field, label, expected));
    };
    reader.mark(
        Marked {
            start,
            end,
            text: None,
        },
        label,
        field,
    )
}
